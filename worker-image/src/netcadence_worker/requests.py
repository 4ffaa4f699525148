"""The requests that this worker knows, and the runs they belong to.

What serving them takes (`intake`) is loaded when the first one is seen: a worker that waits needs none of it,
and there is time for that until the pair is armed.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from pydantic import ValidationError

from netcadence_worker.contract import RunSpec
from netcadence_worker.log import say

if TYPE_CHECKING:
    from netcadence_worker.api import Object
    from netcadence_worker.intake import Intake
    from netcadence_worker.job import Job
    from netcadence_worker.probing.birth import Birth
    from netcadence_worker.reporter import Reporter
    from netcadence_worker.settings import Settings
    from netcadence_worker.task import Task


class Requests:
    """Follows the requests: each is served once, in a task of its own."""

    def __init__(
        self,
        settings: Settings,
        reporter: Reporter,
        *,
        start_tolerance_s: float,
        birth: Birth | None = None,
    ) -> None:
        self._settings = settings
        self._start_tolerance_s = start_tolerance_s
        self._reporter = reporter
        self._birth = birth
        self._intake: Intake | None = None
        self._lock = threading.Lock()
        #: By name; None for one that is done with, or that is not to be served.
        self._tasks: dict[str, Task | None] = {}
        self._runs: dict[str, RunSpec] = {}

    def seen(self, obj: Object) -> None:
        """Take note of a request: begin it, or pass on what the other side has reported."""
        name = obj["metadata"]["name"]
        with self._lock:
            if name not in self._tasks:
                self._tasks[name] = self._begin(obj)
            task = self._tasks[name]
            if task is not None:
                task.job.situation.observe_status(obj.get("status") or {})

    def deleted(self, name: str) -> None:
        """Take note that a request is gone: its tool ends, and nothing is reported."""
        with self._lock:
            task = self._tasks.pop(name, None)
        if task is not None:
            task.withdraw()
        self._reporter.discard(name)

    def observe_run(self, name: str, run: RunSpec) -> None:
        """Pass a run on to the requests that belong to it."""
        with self._lock:
            self._runs[name] = run
            for task in self._open():
                if task.job.spec.run_id == run.run_id:
                    task.job.situation.observe_run(run)

    def forget_run(self, name: str) -> None:
        with self._lock:
            self._runs.pop(name, None)

    def stop(self, seconds: float) -> None:
        """Fail all that is open, end its tools, and wait for that at most so long."""
        with self._lock:
            tasks = self._open()
        for task in tasks:
            task.stop()
        until = time.monotonic() + seconds
        for task in tasks:
            task.join(max(until - time.monotonic(), 0.0))

    def _open(self) -> list[Task]:
        return [task for task in self._tasks.values() if task is not None]

    def _begin(self, obj: Object) -> Task | None:
        if self._intake is None:
            from netcadence_worker.intake import Intake  # noqa: PLC0415 - see above

            self._intake = Intake(
                self._settings, self._reporter, start_tolerance_s=self._start_tolerance_s, birth=self._birth
            )
        return self._intake.take(
            obj, at_work=len(self._open()), runs=tuple(self._runs.values()), done=self._finish
        )

    def _finish(self, job: Job) -> None:
        with self._lock:
            task = self._tasks.get(job.name)
            if task is not None and task.job is job:
                self._tasks[job.name] = None


class Runs:
    """Follows the runs, and passes them on to their requests."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def seen(self, obj: Object) -> None:
        name = obj["metadata"]["name"]
        try:
            run = RunSpec.model_validate(obj.get("spec"))
        except ValidationError as error:
            say(name, f"a run that is not understood: {error.errors()[0]['msg']}")
            return
        if run.run_id != name:  # names are taken once only: nobody can start the requests of another's run
            say(name, f"a run that calls itself {run.run_id}: not heeded")
            return
        self._requests.observe_run(name, run)

    def deleted(self, name: str) -> None:
        self._requests.forget_run(name)
