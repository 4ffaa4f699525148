"""The server's side of a request: be there before the client, and see that the tool did its work."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from netcadence_worker.contract import Reason
from netcadence_worker.failure import FailureError
from netcadence_worker.job import (
    PEER_SLACK_S,
    TOOL_SLACK_S,
    readable_output,
    tool_version,
)
from netcadence_worker.listening import is_listened_at
from netcadence_worker.parsing import UnusableOutput, joined
from netcadence_worker.path_check import await_client
from netcadence_worker.usage import between, look, own_s

if TYPE_CHECKING:
    from netcadence_worker.job import Job, Start
    from netcadence_worker.parsing import Measurement
    from netcadence_worker.situation import Situation
    from netcadence_worker.tool import RunningTool
    from netcadence_worker.tools import ServerProcess

#: Seconds between two looks at whether a tool listens that does not say so itself.
_LOOK_AGAIN_S: Final = 0.005


def take_server_part(job: Job) -> None:
    """Serve a request as its server, to its successful end.

    Raises:
        FailureError: There is no result; already under way: the tool is gone.
        WithdrawnError: The request was deleted.
    """
    process = job.driver.server(job.spec)
    if process is None:
        _serve_http(job)
    else:
        _serve_with(process, job)


def _serve_with(process: ServerProcess, job: Job) -> None:
    spec, bell = job.spec, job.situation.bell
    version = tool_version(spec.tool)
    for path in job.paths_to(job.listener):
        await_client(path, bell, job.arm_until + PEER_SLACK_S)
    with job.tool(process.argv, ready_text=process.listening, kept_bytes=process.kept_bytes) as tool:
        tool.start()
        _await_listening(job, tool, is_silent=process.listening is None)
        job.report.armed(version, job.read_clock())
        start = job.await_start(tool)
        job.report_running(start, tool)
        _await_end(job, tool, start, grace_s=process.grace_s)
    # The client's word counts: what a server received from a client that failed is no measurement.
    bell.wait(time.monotonic() + PEER_SLACK_S, condition=lambda: job.situation.peer.phase.is_final)
    job.read_clock_after()
    with readable_output():
        measurement = _with_told(job.driver.read_server(tool.output(), spec), job, tool)
    job.report.succeeded(measurement, worker_delay_s=_worker_delay_s(job.situation))


def _with_told(measured: Measurement | None, job: Job, tool: RunningTool) -> Measurement | None:
    """Add what only the client's side knows, such as what has arrived there on the way back."""
    told = job.situation.peer.results
    if measured is None or not told:
        return measured
    try:
        return joined(measured, told)
    except ValueError as error:
        raise UnusableOutput(
            Reason.PARSE_FAILED, f"the two sides disagree: {error}", tool.output()
        ) from error


def _await_listening(job: Job, tool: RunningTool, *, is_silent: bool) -> None:
    until, bell = job.arm_until + PEER_SLACK_S, job.situation.bell

    def settled() -> bool:
        listens = is_listened_at(job.spec.server_pod_ip, job.spec.port) if is_silent else tool.ready
        return listens or tool.ended

    while not settled() and time.monotonic() < until:
        look_again = min(until, time.monotonic() + _LOOK_AGAIN_S) if is_silent else until
        bell.wait(look_again, condition=settled)
    if not settled():
        raise FailureError(Reason.TOOL_TIMEOUT, f"{_at(job)} does not listen: {tool.last_lines()}")
    if tool.ended:
        raise FailureError(Reason.TOOL_FAILED, f"{_at(job)} cannot listen: {tool.last_lines()}")


def _at(job: Job) -> str:
    return f"{job.spec.tool} at {job.spec.protocol} {job.listener.authority}"


def _await_end(job: Job, tool: RunningTool, start: Start, *, grace_s: float) -> None:
    situation = job.situation
    until = start.monotonic + job.spec.duration + TOOL_SLACK_S + PEER_SLACK_S
    situation.bell.wait(until, condition=lambda: tool.ended or situation.peer.phase.is_final)
    if situation.peer.phase.is_final:
        ended = situation.bell.wait(time.monotonic() + grace_s, condition=lambda: tool.ended)
        if not ended:
            tool.stop()
    job.wait_ended(tool, until)


def _worker_delay_s(situation: Situation) -> float | None:
    client, start = situation.peer, situation.start
    if client.started_at is None or start is None:
        return None
    offset = timedelta(seconds=client.clock.offset if client.clock else 0.0)
    return (client.started_at + offset - start).total_seconds()


def _serve_http(job: Job) -> None:
    spec, situation = job.spec, job.situation
    try:
        with job.servers.serving(spec.server_pod_ip, spec.port, job.uid):
            job.report.armed(None, job.read_clock())
            start = job.await_start()
            job.report_running(start)
            first = look(own_s())
            until = start.monotonic + spec.duration + TOOL_SLACK_S + PEER_SLACK_S
            if not situation.bell.wait(until, condition=lambda: situation.peer.phase.is_final):
                raise FailureError(Reason.TOOL_TIMEOUT, "the client did not report its end in time")
            job.report.used(between(first, look(own_s())))
    except OSError as error:
        raise FailureError(
            Reason.REQUEST_REJECTED,
            f"cannot listen on {spec.protocol} {job.listener.authority}: {error.strerror}",
        ) from error
    job.read_clock_after()
    job.report.succeeded()
