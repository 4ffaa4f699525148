"""What becomes of a request that is new: it is taken up as a task, or refused."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from netcadence_worker.admission import Admitted, Refused, admit
from netcadence_worker.contract import MOST_REQUESTS, Reason
from netcadence_worker.failure import FailureError
from netcadence_worker.http_server import TrafficServers
from netcadence_worker.interface import mtu_of
from netcadence_worker.job import Job
from netcadence_worker.log import say
from netcadence_worker.report import Report
from netcadence_worker.situation import Situation
from netcadence_worker.task import Task

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from netcadence_worker.api import Object
    from netcadence_worker.contract import Role, RunSpec
    from netcadence_worker.probing.birth import Birth
    from netcadence_worker.reporter import Reporter
    from netcadence_worker.settings import Settings


class Intake:
    """Takes requests up, each once."""

    def __init__(
        self, settings: Settings, reporter: Reporter, *, start_tolerance_s: float, birth: Birth | None
    ) -> None:
        self._settings = settings
        self._reporter = reporter
        self._start_tolerance_s = start_tolerance_s
        self._birth = birth
        self._servers = TrafficServers()

    def take(
        self, obj: Object, *, at_work: int, runs: Sequence[RunSpec], done: Callable[[Job], None]
    ) -> Task | None:
        """Begin a task; None where there is nothing to do, or nothing but to say why not.

        Args:
            at_work: How many tasks this worker has already.
            runs: Those that are known.
            done: Called when the task has ended.
        """
        decision = admit(obj, self._settings.pod_name, self._settings.own_addresses)
        name = obj["metadata"]["name"]
        if isinstance(decision, Admitted) and at_work >= MOST_REQUESTS:
            full = FailureError(
                Reason.REQUEST_REJECTED, f"this worker serves {MOST_REQUESTS} requests already"
            )
            decision = Refused(decision.role, decision.spec.reporter, full)
        if isinstance(decision, Refused):
            say(name, f"refused: {decision.failure.reason}: {decision.failure}")
            self._report(name, decision.role, decision.reporter).failed(decision.failure)
        if not isinstance(decision, Admitted):
            return None
        job = self._job(obj, decision, runs)
        task = Task(job, decision.role, done=lambda: done(job))
        task.start()
        return task

    def _job(self, obj: Object, admitted: Admitted, runs: Sequence[RunSpec]) -> Job:
        name, uid = obj["metadata"]["name"], obj["metadata"]["uid"]
        spec = admitted.spec
        situation = Situation(name, admitted.role, spec.round)
        for run in runs:
            if run.run_id == spec.run_id:
                situation.observe_run(run)
        return Job(
            name=name,
            uid=uid,
            spec=spec,
            settings=self._settings,
            situation=situation,
            report=self._report(name, admitted.role, spec.reporter),
            servers=self._servers,
            arm_until=time.monotonic() + spec.arm_timeout,
            start_tolerance_s=self._start_tolerance_s,
            birth=self._birth,
        )

    def _report(self, name: str, role: Role, reporter: Role | None) -> Report:
        return Report(
            role,
            reporter,
            pod_uid=self._settings.pod_uid,
            mtu=mtu_of(self._settings.pod_ip) if self._settings.pod_ip else None,
            send=lambda status: self._reporter.send(name, status),
        )
