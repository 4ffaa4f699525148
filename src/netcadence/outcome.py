"""From what two workers reported to one outcome a pair: figures, or the error that explains their lack."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from netcadence.one_way import Correction
from netcadence.pair import Pair
from netcadence.record import PairOutcome
from netcadence_worker.contract import (
    Mark,
    Phase,
    Reason,
    ReportedError,
    RequestStatus,
    Result,
    Role,
    SideStatus,
    Stall,
)

#: Two clocks disagree that are further apart than this: one-way latencies within a cluster are less.
_CLOCKS_APART_S: Final = 1e-3
#: Two clocks drift apart by at most this share of the time while both are slewed, each by the 500 parts in a
#: million that NTP may; what is more, beyond what is uncertain and a millisecond, was a clock set anew.
_MOST_DRIFT: Final = 1e-3
_STEP_S: Final = 1e-3


def is_settled(status: RequestStatus) -> bool:
    """Tell whether both workers have said their last word on a request."""
    return all(status.side(role).phase.is_final for role in Role)


def is_armed(status: RequestStatus) -> bool:
    """Tell whether both workers stand ready to start."""
    return all(status.side(role).phase is Phase.ARMED for role in Role)


def has_succeeded(status: RequestStatus) -> bool:
    """Tell whether both workers have done their part, and there are figures."""
    return all(status.side(role).phase is Phase.SUCCEEDED for role in Role) and bool(status.results)


def has_failed(status: RequestStatus) -> bool:
    """Tell whether at least one worker has given up on a request."""
    return any(status.side(role).phase is Phase.FAILED for role in Role)


def outcome_of(
    pair: Pair,
    status: RequestStatus | None,
    *,
    start: datetime | None = None,
    lost: tuple[Role, str] | None = None,
    otherwise: ReportedError | None = None,
) -> PairOutcome:
    """Decide what became of a pair.

    Args:
        status: What its workers reported; None if the request was never seen.
        start: The published start of its round, by the reference worker's clock.
        lost: The worker that was lost while the request was open, and why.
        otherwise: The error to give where neither worker gave a reason.

    Returns:
        Figures if both sides succeeded and neither was lost; otherwise the cause: a lost worker before all
        else, then the first side to fail for a reason of its own.
    """
    status = status or RequestStatus()
    client = status.side(Role.CLIENT)
    succeeded = lost is None and has_succeeded(status)
    error = None if succeeded else _cause(status, lost, otherwise)
    results, beside, marks = _figures(status) if succeeded else ((), (), ())
    return PairOutcome(
        pair=pair,
        results=results,
        beside=beside,
        intervals=status.intervals if succeeded else (),
        marks=marks,
        error=error,
        tools={role: tool for role in Role if (tool := status.side(role).tool)},
        started_at=client.started_at,
        ended_at=client.ended_at,
        clock=client.clock,
        start_offset_s=start_offset_s(client, start),
        outputs={role: output for role in Role if (output := status.side(role).output)},
        clock_after=client.clock_after,
        target_ip=client.target,
        spans=status.spans if succeeded else (),
        latencies=status.latencies.histogram if succeeded and status.latencies else None,
        stalls=tuple(_stalls(status.side(Role.SERVER))) if succeeded else (),
        usage={role: usage for role in Role if (usage := status.side(role).usage)},
    )


def start_offset_s(client: SideStatus, start: datetime | None) -> float | None:
    """Return how many seconds after the published start a client's tool started.

    The client's clock is corrected by its offset as it was measured before, and where it was measured after
    the traffic as well, by what it had drifted to until the start. A clock that was not measured is taken as
    it is.

    Returns:
        None where that cannot be told: the start is unknown, or the clock was set anew meanwhile.
    """
    if start is None or client.started_at is None:
        return None
    offset_s = _offset_s(client, client.started_at)
    if offset_s is None:
        return None
    return (client.started_at + timedelta(seconds=offset_s) - start).total_seconds()


def _offset_s(side: SideStatus, at: datetime) -> float | None:
    """Return the offset of a side's clock at an instant of its own, on the line between two measurements.

    Both errors are within what was measured to be uncertain, and so is any point of the line between them.
    """
    before, after = side.clock, side.clock_after
    if before is None:
        return 0.0
    if after is None or before.at is None or after.at is None or after.reference != before.reference:
        return before.offset
    lasted_s = (after.at - before.at).total_seconds()
    drift_s = after.offset - before.offset
    most_s = before.uncertainty + after.uncertainty + _STEP_S + _MOST_DRIFT * max(lasted_s, 0.0)
    if lasted_s <= 0 or abs(drift_s) > most_s:
        return None
    return before.offset + drift_s * (at - before.at).total_seconds() / lasted_s


def _stalls(server: SideStatus) -> Iterator[Stall]:
    """Yield when a server did not run, by the reference's clock, wider by what that is uncertain by."""
    wider = timedelta(seconds=server.clock.uncertainty if server.clock else 0.0)
    for each in server.stalls:
        offset_s = _offset_s(server, each.from_at)
        if offset_s is not None:
            offset = timedelta(seconds=offset_s)
            yield Stall(from_at=each.from_at + offset - wider, until_at=each.until_at + offset + wider)


def _figures(
    status: RequestStatus,
) -> tuple[tuple[Result, ...], tuple[Result, ...], tuple[Mark, ...]]:
    """Return the results, one-way latencies corrected where that can be; what stands beside; the marks."""
    marks = _marks(status)
    correction = _correction(status) if Mark.CLOCKS_DISAGREE in marks else None
    applied = correction.applied_to(status.results) if correction else None
    if applied is None:
        return status.results, (), marks
    told = tuple(Mark.CLOCKS_CORRECTED if each is Mark.CLOCKS_DISAGREE else each for each in marks)
    return *applied, told


def _correction(status: RequestStatus) -> Correction | None:
    """Return what corrects latencies from client to server, by both clocks' offsets amid the traffic."""
    offsets_s: list[float] = []
    uncertainty_s, references = 0.0, set[str]()
    for side in (status.side(Role.SERVER), status.side(Role.CLIENT)):
        readings = [reading for reading in (side.clock, side.clock_after) if reading]
        if side.clock is None or side.started_at is None or side.ended_at is None:
            return None
        offset_s = _offset_s(side, side.started_at + (side.ended_at - side.started_at) / 2)
        if offset_s is None:  # it was set anew meanwhile
            return None
        offsets_s.append(offset_s)
        references.update(reading.reference for reading in readings)
        drift_s = readings[-1].offset - readings[0].offset
        uncertainty_s += max(reading.uncertainty for reading in readings) + abs(drift_s) / 2
    if len(references) > 1:
        return None
    return Correction(offsets_s[0] - offsets_s[1], uncertainty_s)


def _marks(status: RequestStatus) -> tuple[Mark, ...]:
    """Return the marks of a result; what a tool cannot know of the two clocks, the workers have measured."""
    disagree = (Mark.CLOCKS_DISAGREE,) if _clocks_disagree(status) else ()
    return tuple(dict.fromkeys((*status.marks, *disagree)))


def _clocks_disagree(status: RequestStatus) -> bool:
    """Tell whether the clocks of both sides are apart by more than the measurement of that is uncertain."""
    client, server = (status.side(role).clock for role in Role)
    if client is None or server is None or client.reference != server.reference:
        return False
    apart_s = abs(client.offset - server.offset)
    return apart_s - client.uncertainty - server.uncertainty > _CLOCKS_APART_S


def _cause(
    status: RequestStatus, lost: tuple[Role, str] | None, otherwise: ReportedError | None
) -> ReportedError:
    if lost:
        return ReportedError.of(Reason.POD_LOST, f"{lost[0]}: {lost[1]}")
    errors = sorted(
        (
            (side.error.reason is Reason.PEER_FAILED, _instant(side), f"{role}: ", side.error)
            for role in Role
            if (side := status.side(role)).error
        ),
        key=lambda entry: entry[:2],
    )
    if errors:
        *_, role, error = errors[0]
        return ReportedError.of(error.reason, f"{role}{error.message}")
    if status.error:
        return status.error
    return otherwise or ReportedError.of(
        Reason.RESULT_MISSING, f"no report in time; last seen: {_last_seen(status)}"
    )


def _instant(side: SideStatus) -> float:
    return side.ended_at.timestamp() if side.ended_at else float("inf")


def _last_seen(status: RequestStatus) -> str:
    return ", ".join(f"{role} {status.side(role).phase}" for role in Role)
