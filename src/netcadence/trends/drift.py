"""A change that has no date: figures that rise or fall a little every night.

Steps that follow each other in the same direction may be one slow slope. It is called one where a straight
line fits all of their runs better than the steps do: line by Theil and Sen (P. Sen, "Estimates of the
regression coefficient based on Kendall's tau", JASA 63, 1968), fit by the sum of absolute deviations,
certainty by Kendall's tau between figure and time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import kendalltau, theilslopes

from netcadence.trends.detection import ALARM_LEVEL, LEAST_CHANGE, LEAST_RUNS, stretched
from netcadence.trends.series import Instants, Values

_DAY: Final = np.timedelta64(86_400, "s")
#: Points that a line is drawn through at most: each is a median of its neighbours where there are more.
_MOST_POINTS: Final = 400
#: A line through fewer runs than this proves nothing.
_LEAST_RUNS: Final = 4 * LEAST_RUNS
#: Share of the steps' deviations that the line may leave at most, for steps can bend and it cannot.
_FIT: Final = 1.0


@dataclass(frozen=True, slots=True)
class Slope:
    """A line through a part of a series.

    Attributes:
        first, last: Where it begins and ends, in the series' unit.
        per_week: As a share of the level where figures are positive, else in their unit.
        p_value: How often shuffled values are as much in order.
    """

    first: float
    last: float
    per_week: float
    p_value: float

    @property
    def relative(self) -> float | None:
        """From its beginning to its end, as a share of the beginning; None where that has no meaning."""
        return self.last / self.first - 1 if self.first > 0 and self.last > 0 else None


def slope(
    instants: Instants, values: Values, steps: tuple[int, ...] = (), *, least_change: float = LEAST_CHANGE
) -> Slope | None:
    """Return the slope of all of `values` if they have one that explains them better than `steps` do.

    Args:
        steps: Where their level changed otherwise, by index.
        least_change: The least relative change from end to end that counts.
    """
    if len(values) < _LEAST_RUNS:
        return None
    days, signal = (instants - instants[0]) / _DAY, stretched(values)
    thin_days, thin_signal = _thinned(days, signal)
    p_value = float(kendalltau(thin_days, thin_signal).pvalue)
    # Of values that are all the same nothing can be said, which is no number.
    if not p_value <= ALARM_LEVEL:
        return None
    fitted = theilslopes(thin_signal, thin_days)
    line = fitted.intercept + fitted.slope * days
    if steps and _off(signal, line) > _FIT * _off(signal, _staircase(signal, steps)):
        return None
    positive = bool(values.min() > 0)
    first, last = (math.exp(end) if positive else float(end) for end in (line[0], line[-1]))
    per_week = 7 * float(fitted.slope)
    found = Slope(first, last, math.expm1(per_week) if positive else per_week, p_value)
    large = abs(found.relative) >= least_change if found.relative is not None else True
    return found if large else None


def _off(signal: Values, fit: Values) -> float:
    return float(np.abs(signal - fit).sum())


def _staircase(signal: Values, steps: tuple[int, ...]) -> Values:
    parts = np.split(signal, list(steps))
    return np.concatenate([np.full(len(part), np.median(part)) for part in parts])


def _thinned(days: Values, signal: Values) -> tuple[Values, Values]:
    size = math.ceil(len(signal) / _MOST_POINTS)
    begin = len(signal) % size
    shape = (-1, size)
    return np.median(days[begin:].reshape(shape), axis=1), np.median(signal[begin:].reshape(shape), axis=1)
