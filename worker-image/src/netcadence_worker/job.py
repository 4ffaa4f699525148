"""What both sides of a request do alike: stand ready, keep time, start on it, keep a tool within its time."""

from __future__ import annotations

import random
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

from netcadence_worker.capture import KEPT_BYTES
from netcadence_worker.clock import PATIENCE_S, measure_offset
from netcadence_worker.contract import ClockReading, Reason, Tool, ToolVersion
from netcadence_worker.destination import Destination
from netcadence_worker.failure import FailureError
from netcadence_worker.launch import Standstill
from netcadence_worker.parsing import UnusableOutput
from netcadence_worker.path_check import Path
from netcadence_worker.tool import RunningTool, ask_version
from netcadence_worker.tools import driver_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from netcadence_worker.contract import RequestSpec
    from netcadence_worker.http_server import TrafficServers
    from netcadence_worker.probing.birth import Birth
    from netcadence_worker.report import Report
    from netcadence_worker.settings import Settings
    from netcadence_worker.situation import Situation
    from netcadence_worker.tool import Gate
    from netcadence_worker.tools import Driver

#: Beyond the traffic's own time until a client's tool has to be done: siege is asked for a second more and
#: adds one of its own, iperf waits until a slow link has emptied the socket's buffer.
TOOL_SLACK_S: Final = 10.0
#: What one side grants the other beyond a common deadline, so that its own, better reason arrives first.
PEER_SLACK_S: Final = 2.0
#: Seconds that an armed pair waits for its start: as long as another pair of its round may take to arm.
START_PATIENCE_S: Final = 600.0
#: Seconds after the start within which a tool is let into its stride: fifty have come to life by the first,
#: also on two processors, and short turns cost throughput.
_STRIDE_S: Final = (0.2, 0.4)
#: Seconds over which the pairs of a run spread their news that traffic flows.
_REPORT_SPREAD_S: Final = 1.0
#: Seconds within which the run's reference has to be seen; it is named before there are requests.
_RUN_PATIENCE_S: Final = 2.0
#: Seconds for which a report waits for the clocks to be compared again, where the reference is gone.
_AFTER_PATIENCE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Start:
    """The instant at which a client's tool starts.

    Attributes:
        instant: By the system's clock.
        monotonic: By the monotonic clock, in seconds; it holds even if the system's clock is set anew.
    """

    instant: datetime
    monotonic: float

    @classmethod
    def at(cls, instant: datetime) -> Start:
        return cls(instant, time.monotonic() + (instant - datetime.now(UTC)).total_seconds())


@dataclass(frozen=True, slots=True)
class Job:
    """One request, as its thread works on it.

    Attributes:
        arm_until: Deadline of arming on the monotonic clock.
        start_tolerance_s: How late a client may start.
        birth: What this worker tries since it began, if it was told to.
    """

    name: str
    uid: str
    spec: RequestSpec
    settings: Settings
    situation: Situation
    report: Report
    servers: TrafficServers
    arm_until: float
    start_tolerance_s: float
    birth: Birth | None = None

    @property
    def driver(self) -> Driver:
        """How the request's tool is driven; a request for one that is not known is refused before."""
        return driver_of(self.spec.tool)

    @property
    def listener(self) -> Destination:
        """Where the server listens."""
        return Destination(self.spec.server_pod_ip, self.spec.port)

    def paths_to(self, server: Destination) -> tuple[Path, ...]:
        """Return what has to be checked before there is a tool, in order."""
        knocks = self.driver.knocks(self.spec)
        return tuple(Path(self.uid, knock, server.address, server.port, server.source) for knock in knocks)

    def read_clock_after(self) -> None:
        """Compare the clocks once more, now that the traffic is over, for the report."""
        if self.report.side.clock is not None:
            self.report.clock_after(self.read_clock(patience_s=_AFTER_PATIENCE_S))

    def read_clock(self, *, patience_s: float = PATIENCE_S) -> ClockReading | None:
        """Compare the own clock with the run's reference; None if there is none or it does not answer."""
        bell, situation = self.situation.bell, self.situation
        until = min(self.arm_until, time.monotonic() + _RUN_PATIENCE_S)
        bell.wait(until, condition=lambda: situation.reference is not None)
        reference = situation.reference
        if reference is None:
            return None
        if reference.pod_name == self.settings.pod_name:
            return ClockReading(
                reference=reference.pod_name, offset=0.0, uncertainty=0.0, at=datetime.now(UTC)
            )
        source = self.settings.source_for(reference.pod_ip)
        offset = measure_offset(reference.pod_ip, source=source, bell=bell, patience_s=patience_s)
        if offset is None:
            return None
        return ClockReading(
            reference=reference.pod_name,
            offset=offset.seconds,
            uncertainty=offset.uncertainty_s,
            at=datetime.now(UTC),
        )

    @contextmanager
    def tool(
        self,
        argv: Sequence[str],
        *,
        ready_text: bytes | None = None,
        standstill: Standstill = Standstill.FIRST_INSTRUCTION,
        gate: Gate | None = None,
        files: Mapping[str, str] | None = None,
        kept_bytes: int = KEPT_BYTES,
    ) -> Iterator[RunningTool]:
        """Have a tool prepared for as long as this lasts; then it is gone, and its output in the report."""
        changed = self.situation.bell.ring
        with RunningTool(
            argv,
            changed=changed,
            ready_text=ready_text,
            standstill=standstill,
            gate=gate,
            files=files,
            kept_bytes=kept_bytes,
        ) as tool:
            try:
                yield tool
            finally:
                tool.stop()
                self.report.ended(tool)

    def await_start(self, tool: RunningTool | None = None) -> Start:
        """Wait until the start is published; return it, by the own clocks.

        Args:
            tool: A process that has to stand by meanwhile.

        Raises:
            FailureError: ArmTimeout if the other side was not ready in time, StartMissed if no start came,
                ToolFailed if the tool has ended.
        """
        situation = self.situation

        def moved() -> bool:
            return situation.start is not None or (tool is not None and tool.ended)

        ready_until = self.arm_until + PEER_SLACK_S
        if not situation.bell.wait(ready_until, condition=lambda: situation.peer_is_ready or moved()):
            raise FailureError(Reason.ARM_TIMEOUT, "the other side did not report that it is ready")
        situation.bell.wait(time.monotonic() + START_PATIENCE_S, condition=moved)
        if tool is not None and tool.ended:
            raise FailureError(
                Reason.TOOL_FAILED, f"{tool.argv[0]} ended before the start: {tool.last_lines()}"
            )
        if situation.start is None:
            raise FailureError(Reason.START_MISSED, f"no start was published within {START_PATIENCE_S:.0f} s")
        clock = self.report.side.clock
        return Start.at(situation.start - timedelta(seconds=clock.offset if clock else 0.0))

    def require_in_time(self, start: Start) -> None:
        """Refuse to start at an instant that is over; report how far off it is.

        Raises:
            FailureError: StartMissed.
        """
        late_s = time.monotonic() - start.monotonic
        self.report.noticed(-late_s)
        if late_s > self.start_tolerance_s:
            raise FailureError(
                Reason.START_MISSED,
                f"the published start was {late_s:.3f} s ago when it was seen; "
                f"allowed: {self.start_tolerance_s} s",
            )

    def report_running(self, start: Start, tool: RunningTool | None = None) -> None:
        """Let the tool into its stride, then report that the traffic flows: not all at the very same time."""
        spread_s = min(_REPORT_SPREAD_S, self.spec.duration / 2)
        stride_s = random.uniform(*_STRIDE_S)  # noqa: S311 - spreads load
        report_s = random.uniform(stride_s, spread_s)  # noqa: S311 - likewise

        def is_over() -> bool:
            return tool is not None and tool.ended

        if self.situation.bell.wait(start.monotonic + stride_s, condition=is_over):
            return
        if tool is not None:
            tool.settle()
        if not self.situation.bell.wait(start.monotonic + report_s, condition=is_over):
            self.report.running(tool.started_at if tool else None)

    def wait_ended(self, tool: RunningTool, until: float) -> None:
        """Wait until a tool has ended.

        Raises:
            FailureError: ToolTimeout.
        """
        if not self.situation.bell.wait(until, condition=lambda: tool.ended):
            said = tool.last_lines()
            raise FailureError(
                Reason.TOOL_TIMEOUT,
                f"{tool.argv[0]} was still running at its deadline; its last lines: {said}",
            )


@contextmanager
def readable_output() -> Iterator[None]:
    """Turn a parser's verdict into this side's failure."""
    try:
        yield
    except UnusableOutput as error:
        raise FailureError(error.reason, error.message) from error


@cache
def tool_version(tool: Tool) -> ToolVersion:
    """Ask a tool for its version, once in a worker's life.

    Raises:
        FailureError: ToolMissing, ToolTimeout, or ParseFailed.
    """
    driver = driver_of(tool)
    text = ask_version((tool, driver.version_argument))
    try:
        return ToolVersion(name=tool, version=driver.version(text))
    except ValueError as error:
        raise FailureError(Reason.PARSE_FAILED, f"{tool} does not tell its version: {error}") from error
