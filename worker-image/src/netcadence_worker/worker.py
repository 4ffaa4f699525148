"""The worker: everything put together, started and ended."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from netcadence_worker.api import Endpoint
from netcadence_worker.clock import ClockServer
from netcadence_worker.health import serve_health
from netcadence_worker.log import say
from netcadence_worker.missing import missing_tools
from netcadence_worker.reporter import Reporter
from netcadence_worker.requests import Requests

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from netcadence_worker.settings import Settings
    from netcadence_worker.wire import Wire

#: A worker that is told to stop is gone within two seconds: so long its tools have, and then its reports.
_TASKS_END_S: Final = 1.2
_REPORTS_END_S: Final = 0.6


class Worker:
    """Serves requests from `__enter__` to `__exit__`."""

    def __init__(self, settings: Settings, wire: Wire) -> None:
        """Read the credentials.

        Raises:
            OSError: They cannot be read.
        """
        birth = None
        if settings.knock_at is not None:
            from netcadence_worker.probing.birth import Birth  # noqa: PLC0415 - few are told so

            birth = Birth(settings.knock_at, settings.source_for(settings.knock_at))
            birth.start()
        endpoint = Endpoint.of(settings, wire.api_version)
        self._settings = settings
        self._ends = ExitStack()
        self._reporter = Reporter(endpoint, wire)
        self._requests = Requests(
            settings, self._reporter, start_tolerance_s=wire.start_tolerance_s, birth=birth
        )
        self._watches = wire.watches(endpoint, self._requests, settings.pod_name)

    def why_not_ready(self) -> str | None:
        """Say in a sentence why no request can be served now; None if one can."""
        if missing := missing_tools(self._settings.tools):
            return f"not on the PATH: {', '.join(missing)}"
        for watch in self._watches:
            if not watch.established:
                return f"{watch.name}: {watch.trouble}"
        return None

    def __enter__(self) -> Self:
        """Start.

        Raises:
            OSError: The port of the clock or of the probes is taken.
        """
        address = self._settings.pod_ip
        with ExitStack() as ends:
            clock = ClockServer(address)
            clock.start()
            ends.callback(clock.stop)
            ends.callback(serve_health(address, self.why_not_ready).close)
            self._ends = ends.pop_all()
        self._reporter.start()
        for watch in self._watches:
            watch.start()
        say(self._settings.pod_name, "started")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for watch in self._watches:
            watch.stop()
        self._requests.stop(_TASKS_END_S)
        if not self._reporter.flush(_REPORTS_END_S):
            say(self._settings.pod_name, "stopped before its last reports had arrived")
        self._reporter.stop()
        self._ends.close()
        say(self._settings.pod_name, "stopped")
