"""The client's side of a request: reach the server, start on time, see that the tool did its work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcadence_worker.contract import Reason
from netcadence_worker.destination import find_destination
from netcadence_worker.failure import FailureError
from netcadence_worker.job import (
    TOOL_SLACK_S,
    readable_output,
    tool_version,
)
from netcadence_worker.path_check import reach_server

if TYPE_CHECKING:
    from netcadence_worker.job import Job, Start
    from netcadence_worker.tool import RunningTool

#: So long before its start a client waits for nothing else any more.
_STEADY_S: Final = 0.02


def take_client_part(job: Job) -> None:
    """Serve a request as its client, to its successful end.

    Raises:
        FailureError: There is no result; already under way: the tool is gone.
        WithdrawnError: The request was deleted.
    """
    spec = job.spec
    version = tool_version(spec.tool)
    clock = job.read_clock()
    destination = find_destination(spec, job.settings, job.situation.bell, job.arm_until)
    job.report.heading_for(destination.address)
    for path in job.paths_to(destination):
        reach_server(path, job.situation.bell, job.arm_until)
    process = job.driver.client(spec, destination)
    with job.tool(
        process.argv,
        standstill=process.standstill,
        gate=process.gate,
        files=process.files,
        kept_bytes=process.kept_bytes,
    ) as tool:
        if process.gate is not None:
            _await_life(job, tool)
        job.report.armed(version, clock)
        start = job.await_start(tool)
        _start_on_time(job, tool, start)
        job.report_running(start, tool)
        job.wait_ended(tool, start.monotonic + spec.duration + TOOL_SLACK_S)
    job.read_clock_after()
    delay_s = (tool.started_at - start.instant).total_seconds() if tool.started_at else None
    with readable_output():
        measurement = job.driver.read_client(tool.output(), spec)
    job.report.succeeded(measurement, worker_delay_s=delay_s)


def _await_life(job: Job, tool: RunningTool) -> None:
    """Wait until a tool stands where its gate is; one that has ended is told by `await_start`."""
    if not job.situation.bell.wait(job.arm_until, condition=lambda: tool.ready or tool.ended):
        raise FailureError(Reason.TOOL_TIMEOUT, f"{tool.argv[0]} does not come to life: {tool.last_lines()}")


def _start_on_time(job: Job, tool: RunningTool, start: Start) -> None:
    job.require_in_time(start)
    at = start.monotonic + job.spec.start_delay_us / 1e6
    job.situation.bell.wait(at - _STEADY_S)  # the request may be withdrawn meanwhile
    tool.start(at)
