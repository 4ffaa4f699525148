"""Hours and weekdays: taken out of a series that is measured all day long, and this night beside the last.

What a network carries at noon says little about what it carries at night. Where runs follow each other more
often than twice a day, each value is freed of what its hour is usually above or below its day, or from four
weeks on its hour of the week beside its week: medians over the slots around it, so that a rhythm may change,
as it does by an hour of UTC where clocks are put forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from netcadence.trends.detection import LEAST_CHANGE, LEAST_RUNS
from netcadence.trends.series import Instants, Series, Values

_HOURS_A_DAY: Final = 24
_HOURS_A_WEEK: Final = 7 * _HOURS_A_DAY
_DAY: Final = np.timedelta64(86_400, "s")
#: Runs that are further apart than this have no rhythm of hours.
_DENSE: Final = np.timedelta64(12 * 3_600, "s")
_LEAST_DAYS: Final = 7
_LEAST_WEEKS_DAYS: Final = 28
#: Slots over which an hour's usual value is taken: so many days, or weeks, half of them before it.
_DAYS_AROUND: Final = 15
_WEEKS_AROUND: Final = 9
#: Nights that a night is compared with.
NIGHTS: Final = 14
#: How far from the hour a run may have started and still be one of that hour.
_SAME_HOUR: Final = np.timedelta64(90 * 60, "s")
#: Runs near the hour that are looked through for the nearest of each day.
_MOST_NEAR: Final = 200
#: Deviations from the median of those nights from which on one is unusual.
_UNUSUAL_AT: Final = 3.0
_OF_MAD: Final = 1.4826


@dataclass(frozen=True, slots=True)
class Season:
    """The latest run beside those at its hour on the nights before.

    Attributes:
        nights: How many there are, one a day, at most `NIGHTS` of them.
        usual: Their median, in the series' unit.
        low, high: The least and the greatest of them.
        relative: The latest less the usual, as a share of it; None where that is 0.
        beyond: Whether it is outside of all of them, and further from the usual than scatter explains.
    """

    at: datetime
    run_id: str
    value: float
    nights: int
    usual: float
    low: float
    high: float
    relative: float | None
    beyond: bool


def season(series: Series) -> Season | None:
    """Compare the latest run with those at the same hour on the `NIGHTS` days before that have one.

    A run counts whose start is at most 90 minutes from the hour, so that a clock change loses none; of
    several on a day the nearest. None with fewer than `LEAST_RUNS` of them.
    """
    if len(series) <= LEAST_RUNS:
        return None
    latest, value = series.instants[-1], float(series.figures[-1])
    ago = latest - series.instants[:-1]
    days = np.round(ago / _DAY).astype(int)
    off = np.abs(ago - days * _DAY)
    usable = np.flatnonzero((days >= 1) & (off <= _SAME_HOUR))[-_MOST_NEAR:]
    by_day = usable[np.lexsort((off[usable], days[usable]))]
    chosen = by_day[np.unique(days[by_day], return_index=True)[1]][:NIGHTS]
    if len(chosen) < LEAST_RUNS:
        return None
    before = series.figures[chosen]
    usual = float(np.median(before))
    scatter = _OF_MAD * float(np.median(np.abs(before - usual)))
    low, high = float(before.min()), float(before.max())
    outside = not low <= value <= high
    large = abs(value - usual) >= max(_UNUSUAL_AT * scatter, LEAST_CHANGE * abs(usual))
    return Season(
        at=series.at(-1),
        run_id=series.run_ids[-1],
        value=value,
        nights=len(chosen),
        usual=usual,
        low=low,
        high=high,
        relative=(value - usual) / abs(usual) if usual else None,
        beyond=outside and large,
    )


def without_rhythm(instants: Instants, values: Values) -> Values:
    """Return the values less what their hour usually is beside its day; as they are where there is none.

    Figures that are all positive are divided by it instead, and stay positive.
    """
    if len(values) < 2 * LEAST_RUNS or np.median(np.diff(instants)) > _DENSE:
        return values
    span_days = (instants[-1] - instants[0]) / _DAY
    if span_days < _LEAST_DAYS:
        return values
    by_week = span_days >= _LEAST_WEEKS_DAYS
    positive = values.min() > 0
    signal = np.log(values) if positive else values
    hours = instants.astype("datetime64[h]").astype(np.int64)
    slots = hours % (_HOURS_A_WEEK if by_week else _HOURS_A_DAY)
    usual = _usual(signal - _running(signal, span_days, by_week=by_week), slots, by_week=by_week)
    steady: Values = signal - usual
    return np.exp(steady) if positive else steady


def _running(signal: Values, span_days: float, *, by_week: bool) -> Values:
    """Return the median of the week, or day, around each value."""
    around = max(round(len(signal) / span_days * (7 if by_week else 1)), 1)
    level: Values = pd.Series(signal).rolling(around, center=True, min_periods=1).median().to_numpy()
    return level


def _usual(above: Values, slots: NDArray[np.int64], *, by_week: bool) -> Values:
    """Return the median of each value and those of its slot around it."""
    order = np.argsort(slots, kind="stable")
    found, begins, counts = np.unique(slots[order], return_index=True, return_counts=True)
    # By turn and slot. Before the first turn and after the last one stand those beside it, in reverse: the
    # last value itself, again and again, would be called usual.
    turns = np.arange(counts.max())[:, np.newaxis]
    mirrored = np.where(turns < counts, turns, np.maximum(2 * counts - 1 - turns, 0))
    table = above[order][begins + mirrored]
    medians = median_filter(table, size=(_WEEKS_AROUND if by_week else _DAYS_AROUND, 1), mode="reflect")
    columns = np.repeat(np.arange(len(found)), counts)
    usual = np.empty_like(above)
    usual[order] = medians[np.arange(len(slots)) - begins[columns], columns]
    return usual
