"""Both sides' parts in a request that probes: the server answers as long as the client tries."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from netcadence_worker import __version__
from netcadence_worker.contract import (
    MOST_SPANS,
    ProbeOptions,
    ProbeSpan,
    Protocol,
    Reason,
    Result,
    Role,
    Stall,
    Tool,
    ToolVersion,
)
from netcadence_worker.destination import find_destination
from netcadence_worker.failure import FailureError
from netcadence_worker.job import PEER_SLACK_S, TOOL_SLACK_S
from netcadence_worker.parsing import Measurement, ToolOutput
from netcadence_worker.path_check import Knock, Path
from netcadence_worker.probing.ports import Ports
from netcadence_worker.probing.prober import Prober
from netcadence_worker.probing.question import Question
from netcadence_worker.probing.responder import Responder
from netcadence_worker.probing.sight import SETTLED_S, Sight, Span, effect

if TYPE_CHECKING:
    from netcadence_worker.destination import Destination
    from netcadence_worker.job import Job, Start

_VERSION: Final = ToolVersion(name=Tool.PROBE, version=__version__)
#: Of the time to arm, this is kept for saying so, where the state before the change does not come.
_LAST_WORDS_S: Final = 1.0
#: Milliseconds after which nobody is taken to answer before a change; whoever does so later is seen after it.
_SILENCE_MS: Final = 250


def take_part(job: Job, role: Role) -> None:
    """Serve a request that probes, to its successful end.

    Raises:
        FailureError: There is no result.
        WithdrawnError: The request was deleted.
    """
    if role is Role.CLIENT and job.spec.options.probe and job.spec.options.probe.newborn:
        _tell_birth(job, job.spec.options.probe)
    elif role is Role.CLIENT:
        _probe(job)
    else:
        _respond(job)


def _respond(job: Job) -> None:
    path = _path(job, job.listener)
    try:
        with Responder(path, Question.of(path)) as responder:
            job.report.armed(_VERSION, job.read_clock())
            start = job.await_start()
            job.report_running(start)
            until = start.monotonic + job.spec.duration + TOOL_SLACK_S + PEER_SLACK_S
            if not job.situation.bell.wait(until, condition=lambda: job.situation.peer.phase.is_final):
                raise FailureError(Reason.TOOL_TIMEOUT, "the client did not report its end in time")
    except OSError as error:
        message = f"cannot listen on {path}: {error.strerror}"
        raise FailureError(Reason.REQUEST_REJECTED, message) from error
    job.report.stalled(_stalls(responder))
    job.report.succeeded()


def _stalls(responder: Responder) -> tuple[Stall, ...]:
    now, now_s = datetime.now(UTC), time.monotonic()
    return tuple(
        Stall(
            from_at=now - timedelta(seconds=now_s - from_s), until_at=now - timedelta(seconds=now_s - until_s)
        )
        for from_s, until_s in responder.stalls
    )


def _probe(job: Job) -> None:
    spec, bell = job.spec, job.situation.bell
    options = spec.options.probe or ProbeOptions()
    clock = job.read_clock()
    destination = find_destination(spec, job.settings, bell, job.arm_until)
    job.report.heading_for(destination.address)
    path, ports = _path(job, destination), Ports()
    if options.begins_opposite:
        _await_opposite(job, path, options, ports)
    job.report.armed(_VERSION, clock)
    start = job.await_start()
    job.require_in_time(start)
    begin_s = start.monotonic + spec.start_delay_us / 1e6
    until_s = begin_s + spec.duration
    job.report.running(None)
    with Prober(path, options, ports=ports) as prober:
        prober.run(bell, begin_s=begin_s, until_s=until_s, done=lambda sight: _is_done(sight, options))
        sight, began_s = prober.sight, prober.began_s or begin_s
    job.read_clock_after()
    delay_s = began_s - start.monotonic
    job.report.probed(start.instant + timedelta(seconds=delay_s), _output(path, sight, began_s))
    job.report.succeeded(_measurement(sight, start), worker_delay_s=delay_s)


def _tell_birth(job: Job, options: ProbeOptions) -> None:
    """Go on with what was begun when this worker was, until the start and for as long as is to be watched."""
    if job.birth is None:
        raise FailureError(Reason.REQUEST_REJECTED, "this worker was not told what to try from the first on")
    job.report.armed(_VERSION, job.read_clock())
    start = job.await_start()
    job.require_in_time(start)
    job.report.running(None)
    job.situation.bell.wait(start.monotonic + options.hold)
    sight = job.birth.end()
    _require_few(sight)
    job.read_clock_after()
    # It was at it already; what is told of the start is that it was there in time.
    job.report.probed(start.instant, _output(_path(job, job.listener), sight, sight.spans[0].first_s))
    job.report.succeeded(_measurement(sight, start), worker_delay_s=0.0)


def _path(job: Job, place: Destination) -> Path:
    knock = Knock.HTTP if job.spec.protocol is Protocol.HTTP else Knock.STREAM
    return Path(job.uid, knock, place.address, place.port, place.source)


def _await_opposite(job: Job, path: Path, options: ProbeOptions, ports: Ports) -> None:
    """Try until the state is there that the change is to end.

    A server that is to be reached before has to be. One that is not to be reached, and is all the same, is
    for the orchestrator to judge: that may be what a policy without effect looks like.
    """
    bell, opposite = job.situation.bell, not options.ends_reachable
    until_s = job.arm_until - _LAST_WORDS_S
    if not opposite:
        options = options.model_copy(update={"timeout_ms": min(options.timeout_ms, _SILENCE_MS)})
    with Prober(path, options, ports=ports) as prober:
        prober.run(
            bell,
            begin_s=time.monotonic(),
            until_s=until_s,
            done=lambda sight: _lasts(sight, reachable=opposite),
            to_the_last=False,
        )
        if opposite and not _lasts(prober.sight, reachable=True):
            message = f"{path} did not answer before the change, in {prober.sight.attempts} attempts"
            raise FailureError(Reason.CONNECT_TIMEOUT, message)


def _lasts(sight: Sight, *, reachable: bool) -> bool:
    last = sight.spans[-1] if sight.spans else None
    return last is not None and last.reachable is reachable and last.last_s - last.first_s >= SETTLED_S


def _is_done(sight: Sight, options: ProbeOptions) -> bool:
    """Tell whether the effect has been watched for as long as it is to be."""
    _require_few(sight)
    spans = sight.spans
    began = effect(spans, reachable=options.ends_reachable)
    if began is None or (options.begins_opposite and began == 0):
        return False
    return spans[-1].last_s - spans[began].first_s >= options.hold


def _require_few(sight: Sight) -> None:
    if len(sight.spans) > MOST_SPANS:
        message = f"the outcome changed more than {MOST_SPANS} times, in {sight.attempts} attempts"
        raise FailureError(Reason.TOOL_FAILED, message)


def _measurement(sight: Sight, start: Start) -> Measurement:
    results = (Result.of("probe_attempts", sight.attempts),)
    return Measurement(results=results, spans=tuple(_wire(span, start) for span in sight.spans))


def _wire(span: Span, start: Start) -> ProbeSpan:
    def instant(at_s: float) -> datetime:
        return start.instant + timedelta(seconds=at_s - start.monotonic)

    return ProbeSpan(
        reachable=span.reachable,
        first_at=instant(span.first_s),
        last_at=instant(span.last_s),
        attempts=span.attempts,
    )


def _output(path: Path, sight: Sight, begin_s: float) -> ToolOutput:
    """Return what was seen in words, to be kept like the output of a program."""
    lines = (
        f"{'reachable' if span.reachable else 'unreachable'} "
        f"{(span.first_s - begin_s) * 1e3:.3f}-{(span.last_s - begin_s) * 1e3:.3f} ms, "
        f"{span.attempts} attempts{f', the first: {span.why}' if span.why else ''}"
        for span in sight.spans
    )
    return ToolOutput(("probe", str(path)), "".join(f"{line}\n" for line in lines), "", 0)
