"""What a suite of thresholds would have said of past runs.

A run is judged by its figure alone, of a repeated one by the median over its repeats: what a verdict by an
interval leaves open counts here as what the figure says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from netcadence.lake import Lake
from netcadence.sla import Requirement, Sla
from netcadence.statistics import Statistic
from netcadence.trends.history import History, Query
from netcadence.trends.series import Series
from netcadence.words import counted

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Fired:
    """A run that would have missed a threshold."""

    run_id: str
    at: datetime
    value: float


@dataclass(frozen=True, slots=True)
class BackTest:
    """A threshold, beside all runs of a series that it is asked of.

    Attributes:
        worst: The value nearest to missing it, or furthest beyond.
        left_out: How many runs do not count, by why.
    """

    requirement: Requirement
    series: Series
    fired: tuple[Fired, ...]
    worst: float | None

    @property
    def runs(self) -> int:
        return len(self.series)

    @property
    def days(self) -> int:
        """How long the history is, in days begun."""
        if not self.runs:
            return 0
        return max((self.series.at(-1) - self.series.at(0)) // _DAY + 1, 1)

    @property
    def left_out(self) -> Mapping[str, int]:
        return self.series.left_out

    def __str__(self) -> str:
        """Say it, such as `would have fired 3 times in 90 days (87 runs)`."""
        if not self.runs:
            return "no run to look at"
        count = len(self.fired)
        fired = "have fired once" if count == 1 else f"have fired {counted(count, 'time')}"
        span = f"{counted(self.days, 'day')} ({counted(self.runs, 'run')})"
        return f"would {fired if count else 'never have fired'} in {span}"


@dataclass(frozen=True, slots=True)
class Judged:
    """A whole suite beside the history.

    Attributes:
        unasked: Scenarios in the lake of which the suite asks nothing.
        why_empty: A sentence where no run of what is asked is there.
    """

    tests: tuple[BackTest, ...]
    unasked: tuple[str, ...] = ()
    why_empty: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def fired(self) -> int:
        """Runs and thresholds that would have been missed, together."""
        return sum(len(test.fired) for test in self.tests)


def misses(requirement: Requirement, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[int]:
    """Return which of the values miss a threshold, by place."""
    return [place for place, value in enumerate(values.tolist()) if not requirement.holds(value)]


def back_test(requirement: Requirement, series: Series) -> BackTest:
    """Hold a threshold against a series of what it is about."""
    fired = tuple(
        Fired(series.run_ids[place], series.at(place), float(series.figures[place]))
        for place in misses(requirement, series.figures)
    )
    is_floor = requirement.comparison.is_floor
    worst = float(series.figures.min() if is_floor else series.figures.max()) if len(series) else None
    return BackTest(requirement, series, fired, worst)


def judge(lake: Lake, sla: Sla, query: Query) -> Judged:
    """Hold a suite against all runs that are wanted and that it asks something of.

    Raises:
        LakeError: The storage did not answer.
    """
    history = History(lake, query)
    names = history.scenarios()
    asked = {name: sla.asked_of(name) for name in names}
    tests = [
        back_test(requirement, series)
        for name, requirements in asked.items()
        for requirement, series in of_requirements(history, name, requirements)
    ]
    unasked = tuple(name for name, requirements in asked.items() if not requirements)
    why = ""
    if not tests:
        why = history.why_empty if not names else f"{sla.source} asks nothing that these runs have measured"
    return Judged(tuple(tests), unasked, why, history.left_out)


def of_requirements(
    history: History, scenario: str, requirements: Sequence[Requirement]
) -> Iterable[tuple[Requirement, Series]]:
    """Yield the series that each requirement is about: those of the scenario's own ways, on each cluster."""
    wanted: dict[str, tuple[Statistic, ...]] = {}
    for each in requirements:
        found = wanted.get(each.metric.name, ())
        wanted[each.metric.name] = (*found, each.statistic) if each.statistic not in found else found
    if not wanted:
        return
    told = list(history.judged(scenario, wanted))
    for each in requirements:
        for series in told:
            if (series.key.metric, series.key.statistic) == (each.metric.name, each.statistic.name):
                yield each, series
