"""Thresholds learned from history: as tight as they can be without firing more often than one wants.

A threshold is put at the figure of the so-many-th worst night, less some room, on the level that holds now:
nights before the level was reached do not loosen it, and a fall that nobody has accepted does not either. The
back-test beside it is of all of the history, so that it says what it would have said of that fall.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from netcadence.lake import Lake
from netcadence.promise.backtest import BackTest, back_test, of_requirements
from netcadence.report.figures import figure
from netcadence.sla import VOCABULARY, Requirement, Term
from netcadence.trends.history import History, Query
from netcadence.trends.series import Series, Values
from netcadence.trends.trend import RUNS_NEEDED, analyse, steps_of

#: Room between the night that may just pass and the threshold.
ROOM: Final = 0.02
_DIGITS: Final = 3
_MONTH: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A threshold for a scenario, and what it would have done.

    Attributes:
        tests: One for each series of the scenario, as of several clusters.
        learned_from: How many runs it was learned from.
        since: When the first of them started.
    """

    scenario: str
    requirement: Requirement
    tests: tuple[BackTest, ...]
    learned_from: int
    since: datetime

    @property
    def fired(self) -> int:
        return sum(len(test.fired) for test in self.tests)


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why there is no proposal for a threshold."""

    scenario: str
    term: str
    why: str


@dataclass(frozen=True, slots=True)
class Suite:
    """What is proposed for all scenarios.

    Attributes:
        why_empty: A sentence where the lake has nothing to learn from.
    """

    proposals: tuple[Proposal, ...]
    withheld: tuple[Withheld, ...]
    alarms_a_month: float
    why_empty: str = ""
    left_out: tuple[str, ...] = ()


def propose(lake: Lake, query: Query, *, alarms_a_month: float) -> Suite:
    """Suggest a threshold for each that can be asked of the scenarios of the wanted runs.

    Args:
        alarms_a_month: How often each threshold may fire in 30 days as long as nothing changes.

    Raises:
        LakeError: The storage did not answer.
    """
    history = History(lake, query)
    measured = history.measured()
    made: list[Proposal] = []
    withheld: list[Withheld] = []
    for name in history.scenarios():
        metrics = {metric for (_, which), found in measured.items() if which == name for metric in found}
        for found in _of_scenario(history, name, metrics, alarms_a_month):
            (made if isinstance(found, Proposal) else withheld).append(found)  # type: ignore[arg-type]
    why = "" if made or withheld else history.why_empty
    return Suite(tuple(made), tuple(withheld), alarms_a_month, why, history.left_out)


def as_yaml(suite: Suite, *, lake: str, made_at: datetime) -> str:
    """Return the suite as the file that `netcadence run --sla` reads, with each back-test beside it."""
    lines = [
        f"# Proposed by netcadence sla propose on {made_at:%Y-%m-%d} from the lake {lake}.",
        f"# As long as nothing changes each fires in 30 days at most so often: {suite.alarms_a_month:g}.",
        "scenarios:",
    ]
    for name in dict.fromkeys(each.scenario for each in suite.proposals):
        lines.append(f'  "{name}":')
        for each in suite.proposals:
            if each.scenario == name:
                lines += [f"    # {test.series.key.cluster}: {test}" for test in each.tests]
                lines.append(f"    {each.requirement.name}: {_plain(each.requirement.threshold)}")
        lines += [f"    # no {each.term}: {each.why}" for each in suite.withheld if each.scenario == name]
    return "\n".join(lines) + "\n"


def threshold_for(term: Term, values: Values, days: float, alarms_a_month: float) -> float | str:
    """Return the tightest threshold that fires no more often than that; or why there is none."""
    is_least = term.comparison.is_floor
    allowed = math.floor(alarms_a_month * days / 30)
    ordered = np.sort(values) if is_least else np.sort(values)[::-1]
    edge = float(ordered[min(allowed, len(ordered) - 1)])
    counts = term.metric.unit == "attempts"
    if edge <= 0:
        if is_least:
            return "the figures it would be learned from are 0, which is always reached"
        return 0.0 if counts and edge == 0 else "the figures it would be learned from are not above 0"
    room = edge * (1 - ROOM) if is_least else edge * (1 + ROOM)
    rounded = math.ceil(edge) if counts else _rounded(room, up=not is_least)
    return min(rounded, term.highest)


def _of_scenario(
    history: History, scenario: str, metrics: set[str], alarms_a_month: float
) -> Iterator[Proposal | Withheld]:
    for name, term in VOCABULARY.items():
        if term.metric.name not in metrics:
            continue
        wanted = Requirement(term, 0.0, term.statistic)
        series = [each for _, each in of_requirements(history, scenario, (wanted,)) if len(each)]
        if term.statistic.is_ratio:
            series = [each for each in series if np.ptp(each.figures) > 0 or each.figures[0] != 1]
        if not series:
            continue
        few = min(len(each) for each in series)
        if few < RUNS_NEEDED:
            yield Withheld(scenario, name, f"{few} runs are too few to learn from; {RUNS_NEEDED} are needed")
            continue
        found = _learned(term, series, alarms_a_month)
        if isinstance(found, str):
            yield Withheld(scenario, name, found)
            continue
        threshold, count, first = found
        requirement = Requirement(term, threshold, term.statistic)
        tests = tuple(back_test(requirement, each) for each in series)
        yield Proposal(scenario, requirement, tests, count, first)


def _learned(term: Term, series: list[Series], alarms_a_month: float) -> tuple[float, int, datetime] | str:
    """Learn from each series, and take what all of them can keep."""
    found, count, begin = [], 0, []
    for each in series:
        first, last = _normal(each)
        days = max((each.at(last - 1) - each.at(first)) / timedelta(days=1), 1.0)
        threshold = threshold_for(term, each.figures[first:last], days, alarms_a_month)
        if isinstance(threshold, str):
            return threshold
        found.append(threshold)
        count += last - first
        begin.append(each.at(first))
    loosest = min(found) if term.comparison.is_floor else max(found)
    return loosest, count, min(begin)


def _normal(series: Series) -> tuple[int, int]:
    """Return the part of a series to learn from: the present level, or the last before it fell."""
    trend = analyse(series)
    parts = steps_of(trend)
    if trend.regression is None or trend.regression.accepted:
        return parts[-1]
    fallen = trend.changes.index(trend.regression.change)
    return parts[fallen]


def _rounded(value: float, *, up: bool) -> float:
    """Round to a few digits, to the side that fires less."""
    scale = 10.0 ** (_DIGITS - 1 - math.floor(math.log10(abs(value))))
    return (math.ceil if up else math.floor)(value * scale) / scale


def _plain(value: float) -> str:
    return figure(value, beside=value).replace(",", "") if value else "0"
