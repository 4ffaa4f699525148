"""One request at work, in a thread of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from netcadence_worker.client import take_client_part
from netcadence_worker.contract import Reason, Role, Tool
from netcadence_worker.failure import FailureError, WithdrawnError
from netcadence_worker.log import say
from netcadence_worker.server import take_server_part

if TYPE_CHECKING:
    from collections.abc import Callable

    from netcadence_worker.job import Job


class Task(threading.Thread):
    """Takes this worker's part in a request, and reports how it ended whatever happens."""

    def __init__(self, job: Job, role: Role, *, done: Callable[[], None]) -> None:
        super().__init__(name=job.name, daemon=True)
        self.job = job
        self._role = role
        self._done = done

    def withdraw(self) -> None:
        """Give up because the request was deleted: nobody is told."""
        self.job.situation.bell.interrupt(WithdrawnError())

    def stop(self) -> None:
        """Give up because the worker ends; to be joined."""
        stopped = FailureError(Reason.WORKER_STOPPED, f"the {self._role}'s worker was told to stop")
        self.job.situation.bell.interrupt(stopped)

    def run(self) -> None:
        job = self.job
        spec = job.spec
        way = f"{spec.protocol} {job.listener.authority}"
        say(job.name, f"{self._role} of {way} with {spec.tool} for {spec.duration} s")
        with job.situation.bell:
            try:
                self._take_part()
                say(job.name, "succeeded")
            except WithdrawnError:
                say(job.name, "deleted: given up")
            except FailureError as failure:
                self._fail(failure)
            except Exception as error:  # noqa: BLE001 - whatever it is, a request must not stay open
                unforeseen = f"an error of the worker itself: {type(error).__name__}: {error}"
                self._fail(FailureError(Reason.TOOL_FAILED, unforeseen))
        self._done()

    def _take_part(self) -> None:
        if self.job.spec.tool is Tool.PROBE:
            from netcadence_worker.probing.part import take_part  # noqa: PLC0415 - most workers never probe

            take_part(self.job, self._role)
        elif self._role is Role.CLIENT:
            take_client_part(self.job)
        else:
            take_server_part(self.job)

    def _fail(self, failure: FailureError) -> None:
        say(self.job.name, f"failed: {failure.reason}: {failure}")
        self.job.report.failed(failure)
