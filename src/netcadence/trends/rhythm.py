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

from netcadence.trends.detection import LEAST_CHANGE, LEAST_RUNS
from netcadence.trends.series import Instants, Series, Values

_HOUR: Final = np.timedelta64(3_600, "s")
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
    usable = np.flatnonzero((days >= 1) & (off <= _SAME_HOUR))
    if not len(usable):
        return None
    nearest = pd.DataFrame({"day": days[usable], "off": off[usable], "place": usable})
    chosen = nearest.sort_values(["day", "off"]).drop_duplicates("day")["place"].to_numpy()[:NIGHTS]
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
    index = pd.DatetimeIndex(instants)
    signal = pd.Series(np.log(values) if positive else values, index=index)
    level = signal.rolling("7D" if by_week else "1D", center=True).median()
    slots = index.hour + 24 * index.day_of_week if by_week else index.hour
    around = _WEEKS_AROUND if by_week else _DAYS_AROUND
    above = pd.DataFrame({"above": (signal - level).to_numpy(), "slot": np.asarray(slots)})
    usual = (
        above.groupby("slot")["above"]
        .rolling(around, center=True, min_periods=1)
        .median()
        .droplevel(0)
        .sort_index()
        .to_numpy()
    )
    steady: Values = signal.to_numpy() - usual
    return np.exp(steady) if positive else steady
