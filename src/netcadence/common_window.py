"""What the pairs got while all of them were sending: figures of the same moment, whatever their starts were.

A figure of a whole run also counts the moments before the last pair had started and after the first had
ended, in which the others had more of the network. The common window of a round is what is left without them:
from the latest start of a pair to the earliest end. Within an interval traffic is taken to be even.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from netcadence.record import PairOutcome
from netcadence_worker.contract import Interval, Result

_THROUGHPUT: Final = "throughput"


@dataclass(frozen=True, slots=True)
class Window:
    """Seconds after a round's published start, from and to, by the reference clock."""

    begin_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        return self.end_s - self.begin_s

    @classmethod
    def of(cls, outcomes: Sequence[PairOutcome]) -> Window | None:
        """Return the window of a round; None where a pair's time is not known, or none was common to all."""
        spans = [_span(outcome) for outcome in outcomes if outcome.measured]
        known = [span for span in spans if span is not None]
        if not spans or len(known) < len(spans):
            return None
        window = cls(max(span.begin_s for span in known), min(span.end_s for span in known))
        return window if window.seconds > 0 else None


def with_common_figures(outcomes: Iterable[PairOutcome]) -> tuple[PairOutcome, ...]:
    """Return the outcomes, each with `common_window` and `throughput_common` beside its results.

    Where a round has no common window that can be told, none of its pairs has them.
    """
    rounds: dict[int, list[PairOutcome]] = defaultdict(list)
    outcomes = tuple(outcomes)
    for outcome in outcomes:
        rounds[outcome.pair.round].append(outcome)
    windows = {round_: Window.of(pairs) for round_, pairs in rounds.items()}
    return tuple(_with_figures(outcome, windows[outcome.pair.round]) for outcome in outcomes)


def _span(outcome: PairOutcome) -> Window | None:
    start_s = outcome.start_offset_s
    counted = [interval for interval in outcome.intervals if _THROUGHPUT in interval.values]
    if start_s is None or not counted:
        return None
    return Window(
        start_s + min(interval.start for interval in counted),
        start_s + max(interval.end for interval in counted),
    )


def _with_figures(outcome: PairOutcome, window: Window | None) -> PairOutcome:
    if window is None or not outcome.measured:
        return outcome
    start_s = outcome.start_offset_s or 0.0
    parts = [
        (overlap_s, interval.values[_THROUGHPUT])
        for interval in outcome.intervals
        if _THROUGHPUT in interval.values and (overlap_s := _overlap_s(interval, start_s, window)) > 0
    ]
    if not parts:
        return outcome
    covered_s = sum(overlap_s for overlap_s, _ in parts)
    mean = sum(overlap_s * value for overlap_s, value in parts) / covered_s
    figures = (Result.of("common_window", window.seconds), Result.of("throughput_common", mean))
    return replace(outcome, beside=(*outcome.beside, *figures))


def _overlap_s(interval: Interval, start_s: float, window: Window) -> float:
    return min(start_s + interval.end, window.end_s) - max(start_s + interval.start, window.begin_s)
