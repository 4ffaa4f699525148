"""Collecting a round: done as soon as the last pair is settled, and never later than the deadline."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Final

from netcadence.kube.observation import Observation
from netcadence.outcome import has_failed, is_settled, outcome_of
from netcadence.pair import Pair
from netcadence.record import PairOutcome
from netcadence_worker.contract import ReportedError

#: When a pair fails, the news that its worker was lost may be this much behind.
_NEWS_S: Final = 1.5


def collect(
    observation: Observation,
    pairs: Sequence[Pair],
    *,
    traffic_s: float,
    grace_s: float,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> None:
    """Watch until every pair is settled or lost, or until the traffic's time and a grace are over.

    Args:
        pairs: Those that were fired.
        traffic_s: Seconds from now until the traffic ends.
        grace_s: Seconds after that until a report that has not come counts as missing.
    """
    deadline = time.monotonic() + traffic_s + grace_s
    total = len(pairs)
    open_ = [pair for pair in pairs if not _is_done(observation, pair)]
    while open_ and observation.advance(deadline):
        open_ = [pair for pair in open_ if not _is_done(observation, pair)]
        on_progress(total - len(open_), total)
    _wait_for_news(observation, pairs)


def conclude(
    observation: Observation,
    pairs: Sequence[Pair],
    *,
    starts: dict[int, datetime],
    otherwise: ReportedError | None = None,
) -> tuple[PairOutcome, ...]:
    """Return one outcome for each pair, whatever has been seen of it so far.

    Args:
        starts: The published start by round.
        otherwise: The error for pairs of which nothing final was seen.
    """
    return tuple(
        outcome_of(
            pair,
            sighting.status if (sighting := observation.requests.get(pair.index)) else None,
            start=starts.get(pair.round),
            lost=observation.lost_side(pair),
            otherwise=otherwise,
        )
        for pair in pairs
    )


def _is_done(observation: Observation, pair: Pair) -> bool:
    sighting = observation.requests.get(pair.index)
    if sighting is None:
        return observation.lost_side(pair) is not None
    if is_settled(sighting.status):
        return True
    lost = observation.lost_side(pair)
    return lost is not None and sighting.status.side(lost[0].other).phase.is_final


def _wait_for_news(observation: Observation, pairs: Collection[Pair]) -> None:
    """Give the news of a lost worker time to arrive, where a pair failed in a way that it would explain."""
    until = time.monotonic() + _NEWS_S

    def unexplained() -> bool:
        return any(
            observation.lost_side(pair) is None
            and (sighting := observation.requests.get(pair.index)) is not None
            and has_failed(sighting.status)
            for pair in pairs
        )

    while unexplained() and observation.advance(until):
        pass
