"""How far apart the pairs of a run really started.

The yardstick is the instant that was published for the round: a pair's distance is how long before or after
it the client's tool started, by the reference clock. Measured against the earliest pair instead, a run of one
pair would always look perfect, and one early starter would make all others look late.
Two pairs of a round are never further apart than twice the largest distance, and no further than the largest
distance where nobody started early.
"""

from __future__ import annotations

from collections.abc import Iterable

from netcadence.record import PairOutcome, Skew
from netcadence.statistics import nearest_rank


def start_distance_ms(outcome: PairOutcome) -> float | None:
    """Return how far from the published instant the pair started, or None where that is not known."""
    return None if outcome.start_offset_s is None else abs(outcome.start_offset_s) * 1000


def measure(outcomes: Iterable[PairOutcome]) -> Skew | None:
    """Return the skew over all rounds, or None where no pair's start is known.

    Pairs that started and failed later count: they were part of the load.
    """
    distances = [ms for outcome in outcomes if (ms := start_distance_ms(outcome)) is not None]
    if not distances:
        return None
    return Skew(p50_ms=nearest_rank(distances, 50), p99_ms=nearest_rank(distances, 99), max_ms=max(distances))
