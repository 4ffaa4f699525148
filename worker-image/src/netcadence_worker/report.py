"""One worker's own part of a request's status, as it grows."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from netcadence_worker.contract import (
    ClockReading,
    Latencies,
    Phase,
    RawOutput,
    RequestStatus,
    ResourceUsage,
    Role,
    SideStatus,
    Stall,
    ToolVersion,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from netcadence_worker.api import Object
    from netcadence_worker.failure import FailureError
    from netcadence_worker.parsing import Measurement, ToolOutput
    from netcadence_worker.tool import RunningTool

_MOST_OUTPUT_CHARACTERS: Final = 262_144


class Report:
    """What this worker says about a request; each change is sent.

    The side that reports the figures also writes the request's own phase and error. Where protocol and tool
    are unreadable nobody knows which side that is, and both do.
    """

    def __init__(
        self,
        role: Role,
        reporter: Role | None,
        *,
        pod_uid: str | None,
        mtu: int | None = None,
        send: Callable[[Object], None],
    ) -> None:
        self._role = role
        self._reports = reporter in (None, role)
        self._send = send
        self.side = SideStatus(phase=Phase.PENDING, pod_uid=pod_uid)
        if mtu is not None:
            self._change(mtu=mtu)

    def armed(self, version: ToolVersion | None, clock: ClockReading | None) -> None:
        """Say that this side stands ready."""
        self._change(phase=Phase.ARMED, tool=version, clock=clock, armed_at=datetime.now(UTC))
        self._publish(RequestStatus(phase=Phase.ARMED))

    def heading_for(self, address: str) -> None:
        """Keep where the client connects, for all reports that follow."""
        self._change(target=address)

    def noticed(self, notice_s: float) -> None:
        """Keep how long before its start this side saw it published, for all reports that follow."""
        self._change(start_notice=notice_s)

    def running(self, started_at: datetime | None) -> None:
        """Say that the traffic flows; a client adds when its tool started."""
        self._change(phase=Phase.RUNNING, started_at=started_at)
        self._publish(RequestStatus(phase=Phase.RUNNING))

    def ended(self, tool: RunningTool) -> None:
        """Keep what the tool printed, and when it ran, for the final report."""
        ended_at = tool.ended_at or datetime.now(UTC)
        output = pack(tool.output(), truncated=tool.truncated)
        self._change(started_at=tool.started_at, ended_at=ended_at, output=output, usage=tool.usage)

    def probed(self, started_at: datetime, output: ToolOutput) -> None:
        """Keep what a prober saw, and when it began, for the final report."""
        self._change(started_at=started_at, ended_at=datetime.now(UTC), output=pack(output, truncated=False))

    def stalled(self, stalls: tuple[Stall, ...]) -> None:
        """Keep when this side's server could answer nobody, for the final report."""
        if stalls:
            self._change(stalls=stalls)

    def used(self, usage: ResourceUsage | None) -> None:
        """Keep what this side's machine did where it ran no tool, for the final report."""
        self._change(usage=usage)

    def clock_after(self, clock: ClockReading | None) -> None:
        """Keep how the clocks stood once the traffic was over, for the final report."""
        self._change(clock_after=clock)

    def succeeded(
        self, measurement: Measurement | None = None, *, worker_delay_s: float | None = None
    ) -> None:
        """Say that this side has done its work, and the reporting side what was measured."""
        self._change(phase=Phase.SUCCEEDED, ended_at=self.side.ended_at or datetime.now(UTC))
        whole = RequestStatus(phase=Phase.SUCCEEDED, worker_delay=worker_delay_s)
        if measurement is not None and not self._reports:
            self._change(results=measurement.results)
        if measurement is not None:
            figures: dict[str, object] = {
                "results": measurement.results,
                "metrics": measurement.metrics,
                "intervals": measurement.intervals,
                "marks": measurement.marks,
            }
            if measurement.spans:
                figures["spans"] = measurement.spans
            if measurement.histogram is not None:
                figures["latencies"] = Latencies.of(measurement.histogram)
            whole = whole.model_copy(update=figures)
        self._publish(whole)

    def failed(self, failure: FailureError) -> None:
        """Say that there is no result, and why. For the request as a whole the cause counts."""
        error = failure.reported()
        self._change(phase=Phase.FAILED, error=error, ended_at=self.side.ended_at or datetime.now(UTC))
        self._publish(RequestStatus(phase=Phase.FAILED, error=failure.cause or error))

    def _change(self, **changes: object) -> None:
        self.side = self.side.model_copy(
            update={key: value for key, value in changes.items() if value is not None}
        )

    def _publish(self, whole: RequestStatus) -> None:
        own = {self._role.value: self.side}
        status = (whole if self._reports else RequestStatus()).model_copy(update=own)
        self._send(status.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_unset=True))


def pack(output: ToolOutput, *, truncated: bool) -> RawOutput:
    """Pack a tool's output for the status; of what is too large even so, the middle is left out."""
    stdout, stderr = output.stdout, output.stderr
    while True:
        content = {
            "argv": output.argv,
            "stdout": stdout,
            "stderr": stderr,
            "exit_code": output.exit_code,
        }
        data = base64.b64encode(gzip.compress(json.dumps(content).encode(), mtime=0)).decode("ascii")
        if len(data) <= _MOST_OUTPUT_CHARACTERS:
            return RawOutput(encoding="gzip+base64", data=data, truncated=truncated)
        stdout, stderr, truncated = _halved(stdout), _halved(stderr), True


def _halved(text: str) -> str:
    quarter = len(text) // 4
    return f"{text[:quarter]}\n... {len(text) - 2 * quarter} characters left out ...\n{text[-quarter:]}"
