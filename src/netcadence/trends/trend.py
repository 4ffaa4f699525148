"""What one series did: its changes and their causes, where it stands, and whether somebody has to look."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby, pairwise
from typing import Final

import numpy as np

from netcadence.lake.accepted import AcceptedLevel
from netcadence.lake.series_key import SeriesKey
from netcadence.trends import detection, rhythm
from netcadence.trends.cause import Cause, causes
from netcadence.trends.circumstance import Circumstances
from netcadence.trends.detection import LEAST_CHANGE, LEAST_RUNS, Break
from netcadence.trends.drift import Slope, slope
from netcadence.trends.level import Level, Size, level_of, levels, size
from netcadence.trends.rhythm import Season
from netcadence.trends.series import Instants, Series, Values, instant
from netcadence.words import counted
from netcadence_worker.metrics import Direction

#: Runs that a series needs before a change of its level can be seen.
RUNS_NEEDED: Final = 2 * LEAST_RUNS
#: Runs before the place of a change, and after it, whose circumstances are looked at besides.
_BESIDE: Final = 1
_MOST_RUNS: Final = 40
#: A pause is a gap when it is so many times the usual one, and at least two days.
_GAP_AT: Final = 3
_LEAST_GAP: Final = np.timedelta64(2 * 86_400, "s")

Around = Callable[[Sequence[str]], Sequence[Circumstances]]


class Effect(enum.StrEnum):
    """What a change means, by the metric's direction."""

    WORSE = "worse"
    BETTER = "better"
    OTHER = "other"


class Shape(enum.StrEnum):
    """Whether a change has a date."""

    STEP = "step"
    DRIFT = "drift"


class Status(enum.StrEnum):
    """Where a series stands."""

    #: Its level is worse than it was, and nobody has accepted that.
    REGRESSED = "regressed"
    #: Its last change was for the worse, and is accepted.
    ACCEPTED = "accepted"
    #: It has changed its level, but is not worse than it was.
    CHANGED = "changed"
    STEADY = "steady"
    #: There are too few runs to tell.
    TOO_FEW = "too few runs"


@dataclass(frozen=True, slots=True)
class Change:
    """From one level to another.

    Attributes:
        at: Start of the first run of the new level; of a drift, its beginning.
        earliest, latest: Between which that is with 95 %; of a drift, its beginning and its end.
        run_id: The first run of the new level; `run_before` is the one before it.
        per_week: Of a drift, as a share of the level where figures are positive.
        p_value: How often figures that do not change show as much.
        causes: What else was other from then on, the nearest first.
    """

    shape: Shape
    at: datetime
    earliest: datetime
    latest: datetime
    run_id: str
    run_before: str
    before: Level
    after: Level
    size: Size
    p_value: float
    effect: Effect
    per_week: float | None = None
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class Regression:
    """A level that is worse than what it was, and is the present one.

    Attributes:
        since: When the figures were last as they had been before.
        change: The first change of what led here; further ones may have followed.
        reference: The level that holds as normal.
        present: Where the figures are now.
        size: From the one to the other.
    """

    since: datetime
    change: Change
    reference: Level
    present: Level
    size: Size
    accepted: AcceptedLevel | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """A time without any run."""

    after: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Trend:
    """A series, and what it did.

    Attributes:
        present: Where the figures are now; None without any.
        regression: What the series has to answer for; accepted ones say so.
        season: The latest run beside those at its hour; None where there are too few.
        left_out: How many runs have no point, by why.
        why: A sentence where little or nothing can be said.
        steady: The values without their rhythm of hours, which levels are those of.
    """

    series: Series
    status: Status
    changes: tuple[Change, ...] = ()
    present: Level | None = None
    regression: Regression | None = None
    season: Season | None = None
    gaps: tuple[Gap, ...] = ()
    why: str = ""
    steady: Values = field(default_factory=lambda: np.empty(0), repr=False)

    @property
    def key(self) -> SeriesKey:
        return self.series.key

    @property
    def is_regressed(self) -> bool:
        return self.status is Status.REGRESSED

    @property
    def left_out(self) -> Mapping[str, int]:
        return self.series.left_out


def _nothing(_: Sequence[str]) -> Sequence[Circumstances]:
    return ()


def analyse(
    series: Series,
    *,
    accepted: Sequence[AcceptedLevel] = (),
    around: Around = _nothing,
    least_change: float = LEAST_CHANGE,
) -> Trend:
    """Say what a series did.

    Args:
        accepted: What was accepted of this very series.
        around: Returns the circumstances of runs, in the order given, of those that have any.
        least_change: The least relative change that counts.
    """
    gaps = _gaps(series.instants)
    if len(series) < RUNS_NEEDED:
        present = level_of(series.figures) if len(series) else None
        return Trend(
            series, Status.TOO_FEW, present=present, season=rhythm.season(series), gaps=gaps, why=_why(series)
        )
    steady = rhythm.without_rhythm(series.instants, series.figures)
    changes = _changes(series, steady, around, least_change)
    regression = _regression(changes, accepted, least_change)
    return Trend(
        series=series,
        status=_status(changes, regression),
        changes=changes,
        present=changes[-1].after if changes else level_of(steady),
        regression=regression,
        season=rhythm.season(series),
        gaps=gaps,
        steady=steady,
    )


def effect_of(key: SeriesKey, difference: float) -> Effect:
    """Say whether a difference is for the better; a ratio of pairs is better where it is higher."""
    direction = Direction.HIGHER if "/" in key.statistic else key.declared.direction
    if direction is Direction.NEUTRAL or difference == 0:
        return Effect.OTHER
    return Effect.BETTER if (difference > 0) == (direction is Direction.HIGHER) else Effect.WORSE


def _changes(series: Series, steady: Values, around: Around, least_change: float) -> tuple[Change, ...]:
    breaks = detection.find(steady, least_change=least_change)
    bounds = (0, *(each.index for each in breaks), len(steady))
    if not breaks:
        whole = slope(series.instants, steady, least_change=least_change)
        return (_drift(series, steady, whole, (0, len(steady))),) if whole else ()
    steps = [
        _step(series, steady, each, (bounds[place], bounds[place + 2]), around)
        for place, each in enumerate(breaks)
    ]
    made: list[Change] = []
    place = 0
    # Steps that follow each other in one direction may be a slope.
    for _, alike in groupby(steps, key=lambda step: step.size.absolute > 0):
        run = list(alike)
        begin, end = bounds[place], bounds[place + len(run) + 1]
        inner = tuple(each.index - begin for each in breaks[place : place + len(run)])
        found = slope(series.instants[begin:end], steady[begin:end], inner, least_change=least_change)
        made += [_drift(series, steady, found, (begin, end))] if found else run
        place += len(run)
    return tuple(made)


def _step(series: Series, steady: Values, found: Break, span: tuple[int, int], around: Around) -> Change:
    begin, end = span
    before, after = levels(steady[begin : found.index], steady[found.index : end])
    difference = size(before, after)
    first = max(0, min(found.earliest, found.index - _BESIDE) - _BESIDE, found.index - _MOST_RUNS)
    last = min(len(series), max(found.latest, found.index) + _BESIDE, found.index + _MOST_RUNS)
    runs = around(series.run_ids[first:last])
    run_id = series.run_ids[found.index]
    known = {each.run_id for each in runs}
    return Change(
        shape=Shape.STEP,
        at=series.at(found.index),
        earliest=series.at(found.earliest),
        latest=series.at(found.latest),
        run_id=run_id,
        run_before=series.run_ids[found.index - 1],
        before=before,
        after=after,
        size=difference,
        p_value=found.p_value,
        effect=effect_of(series.key, difference.absolute),
        causes=causes(runs, run_id, node=series.key.node) if run_id in known else (),
    )


def _drift(series: Series, steady: Values, found: Slope, span: tuple[int, int]) -> Change:
    begin, end = span
    quarter = max((end - begin) // 4, 1)
    before = replace(level_of(steady[begin : begin + quarter]), value=found.first)
    after = replace(level_of(steady[end - quarter : end]), value=found.last)
    before, after = (
        replace(each, low=min(each.low, each.value), high=max(each.high, each.value))
        for each in (before, after)
    )
    difference = size(before, after)
    return Change(
        shape=Shape.DRIFT,
        at=series.at(begin),
        earliest=series.at(begin),
        latest=series.at(end - 1),
        run_id=series.run_ids[begin],
        run_before=series.run_ids[begin],
        before=before,
        after=after,
        size=difference,
        p_value=found.p_value,
        effect=effect_of(series.key, difference.absolute),
        per_week=found.per_week,
    )


def _regression(
    changes: Sequence[Change], accepted: Sequence[AcceptedLevel], least_change: float
) -> Regression | None:
    """Walk along the levels: a better one becomes the reference, a worse one once it is accepted."""
    reference: Level | None = None
    found: Regression | None = None
    for change in changes:
        reference = reference or change.before
        if change.effect is Effect.OTHER:
            continue
        difference = size(reference, change.after)
        worse = (difference.absolute > 0) == _is_worse_up(change) and difference.absolute != 0
        if not worse or _is_small(difference, least_change):
            # As good as before, or better, which is what is asked for from now on.
            reference, found = (reference if worse else change.after), None
            continue
        first = found.change if found and not found.accepted else change
        found = Regression(first.at, first, reference, change.after, difference)
        by = _acceptance(change, accepted, least_change)
        if by:
            found = replace(found, accepted=by)
            reference = change.after
    return found


def _is_worse_up(change: Change) -> bool:
    return (change.size.absolute > 0) == (change.effect is Effect.WORSE)


def _is_small(difference: Size, least_change: float) -> bool:
    return difference.relative is not None and abs(difference.relative) < least_change


def _acceptance(
    change: Change, accepted: Sequence[AcceptedLevel], least_change: float
) -> AcceptedLevel | None:
    """Return by what a level is accepted: after it began, and not much worse than what was accepted."""
    for each in sorted(accepted, key=lambda one: one.accepted_at, reverse=True):
        if each.accepted_at < change.earliest:
            continue
        beyond = change.after.value - each.level
        interval = change.after.low <= each.level <= change.after.high
        if interval or abs(beyond) <= least_change * abs(each.level) or (beyond > 0) != _is_worse_up(change):
            return each
    return None


def _status(changes: Sequence[Change], regression: Regression | None) -> Status:
    if regression:
        return Status.ACCEPTED if regression.accepted else Status.REGRESSED
    return Status.CHANGED if changes else Status.STEADY


def _gaps(instants: Instants) -> tuple[Gap, ...]:
    if len(instants) < LEAST_RUNS:
        return ()
    pauses = np.diff(instants)
    long = np.flatnonzero(pauses > max(_GAP_AT * np.median(pauses), _LEAST_GAP))
    return tuple(Gap(instant(instants[place]), instant(instants[place + 1])) for place in long)


def _why(series: Series) -> str:
    have = f"only {counted(len(series), 'run')}" if len(series) else "no run has a figure"
    others = ", ".join(f"{count} {why}" for why, count in series.left_out.items())
    beside = f" (left out: {others})" if others else ""
    return f"{have}{beside}; a change of level is seen from {RUNS_NEEDED} on"


def _naive(value: datetime) -> np.datetime64:
    return np.datetime64(value.replace(tzinfo=None), "us")


def steps_of(trend: Trend) -> list[tuple[int, int]]:
    """Return the parts of a series between its changes, as begin and end by index."""
    places = [int(np.searchsorted(trend.series.instants, _naive(each.at))) for each in trend.changes]
    return list(pairwise([0, *places, len(trend.series)]))
