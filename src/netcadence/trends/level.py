"""How high a level is, and by how much two of them differ, each with an interval.

A level is the median of its runs, between order statistics by the binomial distribution, whatever the noise.
Where more than half of the runs on both sides have the same figure, as of losses that are mostly none,
medians cannot tell two levels apart, and it is the mean. Two levels' difference has its interval by MOVER
(G. Zou, A. Donner, "Construction of confidence limits about effect measures", Statistics in Medicine 27,
2008), of the logarithms where both are positive, so that it is one of the ratio.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import binom, t

from netcadence.confidence import LEVEL
from netcadence.trends.series import Values

_TAIL: Final = (1 - LEVEL) / 2


@dataclass(frozen=True, slots=True)
class Level:
    """Where a series was for a while, in its unit.

    Attributes:
        low, high: The 95 % interval of `value`.
        runs: How many it rests on.
        measure: `median` or `mean`.
    """

    value: float
    low: float
    high: float
    runs: int
    measure: str = "median"


@dataclass(frozen=True, slots=True)
class Size:
    """How far one level is from another.

    Attributes:
        absolute: The later less the earlier, in the series' unit, between `absolute_low` and `absolute_high`
            with 95 %.
        relative: As a share of the earlier, between `low` and `high`; None where that has no meaning, such as
            from 0.
    """

    absolute: float
    absolute_low: float
    absolute_high: float
    relative: float | None
    low: float | None
    high: float | None


def levels(before: Values, after: Values) -> tuple[Level, Level]:
    """Return two levels, each of at least one value, measured alike."""
    first, second = _median(before), _median(after)
    if first.value == second.value and (np.ptp(before) > 0 or np.ptp(after) > 0):
        return _mean(before), _mean(after)
    return first, second


def level_of(values: Values) -> Level:
    """Return the median of at least one value, with its interval."""
    return _median(values)


def size(before: Level, after: Level) -> Size:
    """Return by how much `after` differs from `before`."""
    absolute = _difference(before, after)
    if min(before.value, after.value, before.low, after.low) <= 0:
        relative = (after.value - before.value) / abs(before.value) if before.value else None
        return Size(*absolute, relative, None, None)
    ratio, low, high = (math.expm1(each) for each in _difference(_logarithm(before), _logarithm(after)))
    return Size(*absolute, ratio, low, high)


def _difference(before: Level, after: Level) -> tuple[float, float, float]:
    found = after.value - before.value
    down = math.hypot(after.value - after.low, before.high - before.value)
    up = math.hypot(after.high - after.value, before.value - before.low)
    return found, found - down, found + up


def _logarithm(level: Level) -> Level:
    return Level(math.log(level.value), math.log(level.low), math.log(level.high), level.runs)


def _median(values: Values) -> Level:
    ordered, count = np.sort(values), len(values)
    rank = max(int(binom.ppf(_TAIL, count, 0.5)), 1) - 1
    return Level(float(np.median(ordered)), float(ordered[rank]), float(ordered[count - 1 - rank]), count)


def _mean(values: Values) -> Level:
    count, mean = len(values), float(values.mean())
    if count == 1:
        return Level(mean, mean, mean, 1, "mean")
    half = float(t.ppf(1 - _TAIL, count - 1)) * float(values.std(ddof=1)) / math.sqrt(count)
    low, high = max(mean - half, float(values.min())), min(mean + half, float(values.max()))
    return Level(mean, low, high, count, "mean")
