"""The server's side of a request: be there before the client, and for TCP and UDP report the figures."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from netcadence_worker.command import iperf_server
from netcadence_worker.contract import Protocol, Reason
from netcadence_worker.failure import FailureError
from netcadence_worker.job import (
    PEER_SLACK_S,
    TOOL_SLACK_S,
    readable_output,
    tool_version,
)
from netcadence_worker.parsing import read_tcp_server, read_udp_server
from netcadence_worker.path_check import await_client
from netcadence_worker.usage import between, look, own_s

if TYPE_CHECKING:
    from netcadence_worker.job import Job, Start
    from netcadence_worker.situation import Situation
    from netcadence_worker.tool import RunningTool

_LISTENING: Final = b"Server listening"
#: Seconds an iperf server needs after its client has ended: it waits for datagrams that are late. One that
#: never heard of the end waits for ever.
_IPERF_GRACE_S: Final = 2.0


def take_server_part(job: Job) -> None:
    """Serve a request as its server, to its successful end.

    Raises:
        FailureError: There is no result; already under way: the tool is gone.
        WithdrawnError: The request was deleted.
    """
    if job.spec.protocol is Protocol.HTTP:
        _serve_http(job)
    else:
        _serve_iperf(job)


def _serve_iperf(job: Job) -> None:
    spec, bell = job.spec, job.situation.bell
    version = tool_version(spec.tool)
    await_client(job.path, bell, job.arm_until + PEER_SLACK_S)
    with job.tool(iperf_server(spec, address=spec.server_pod_ip), ready_text=_LISTENING) as tool:
        tool.start()
        _await_listening(job, tool)
        job.report.armed(version, job.read_clock())
        start = job.await_start(tool)
        job.report_running(start, tool)
        _await_end(job, tool, start)
    # The client's word counts: what a server received from a client that failed is no measurement.
    bell.wait(time.monotonic() + PEER_SLACK_S, condition=lambda: job.situation.peer.phase.is_final)
    job.read_clock_after()
    read = read_udp_server if spec.protocol is Protocol.UDP else read_tcp_server
    with readable_output():
        measurement = read(tool.output(), duration_s=spec.duration, streams=spec.number_of_clients)
    job.report.succeeded(measurement, worker_delay_s=_worker_delay_s(job.situation))


def _await_listening(job: Job, tool: RunningTool) -> None:
    until = job.arm_until + PEER_SLACK_S
    if not job.situation.bell.wait(until, condition=lambda: tool.ready or tool.ended):
        raise FailureError(Reason.TOOL_TIMEOUT, f"iperf does not listen at {job.path}: {tool.last_lines()}")
    if tool.ended:
        raise FailureError(Reason.TOOL_FAILED, f"iperf cannot listen at {job.path}: {tool.last_lines()}")


def _await_end(job: Job, tool: RunningTool, start: Start) -> None:
    situation = job.situation
    until = start.monotonic + job.spec.duration + TOOL_SLACK_S + PEER_SLACK_S
    situation.bell.wait(until, condition=lambda: tool.ended or situation.peer.phase.is_final)
    if situation.peer.phase.is_final:
        grace_until = time.monotonic() + _IPERF_GRACE_S
        if not situation.bell.wait(grace_until, condition=lambda: tool.ended):
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
            Reason.REQUEST_REJECTED, f"cannot listen on {job.path}: {error.strerror}"
        ) from error
    job.read_clock_after()
    job.report.succeeded()
