"""What a series did, whether that is good or bad, and what somebody has accepted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from netcadence.errors import InvalidInputError
from netcadence.lake.accepted import AcceptedLevel
from netcadence.trends.trend import Effect, Shape, Status, analyse


@pytest.fixture
def stepped(noise, make_series):
    """Make a series with levels of so many nights each, as (nights, factor)."""

    def stepped(*parts, seed=1, **changes):
        factors = np.concatenate([np.full(nights, factor) for nights, factor in parts])
        return make_series(1000 * factors * noise(len(factors), seed), **changes)

    return stepped


@pytest.mark.parametrize(
    ("metric", "factor", "effect", "status"),
    [
        ("throughput", 0.8, Effect.WORSE, Status.REGRESSED),
        ("throughput", 1.25, Effect.BETTER, Status.CHANGED),
        ("latency_avg", 0.8, Effect.BETTER, Status.CHANGED),
        ("latency_avg", 1.25, Effect.WORSE, Status.REGRESSED),
        ("transferred", 0.8, Effect.OTHER, Status.CHANGED),
    ],
)
def test_which_way_is_worse_is_the_metrics_own(stepped, metric, factor, effect, status):
    trend = analyse(stepped((40, 1), (40, factor), metric=metric))
    (change,) = trend.changes
    assert (change.effect, trend.status) == (effect, status)


def test_a_regression_says_since_when_and_by_how_much(stepped):
    series = stepped((40, 1), (40, 0.82))
    regression = analyse(series).regression
    assert abs(regression.since - series.at(40)) <= timedelta(days=2)
    assert regression.size.low < -0.18 < regression.size.high
    assert regression.change.earliest <= series.at(40) <= regression.change.latest


def test_what_has_recovered_is_no_regression(stepped):
    trend = analyse(stepped((40, 1), (30, 0.8), (40, 1)))
    assert (len(trend.changes), trend.status, trend.regression) == (2, Status.CHANGED, None)


def test_a_better_level_is_what_is_asked_for_from_then_on(stepped):
    trend = analyse(stepped((40, 0.7), (40, 1), (40, 0.7)))
    assert trend.is_regressed
    assert trend.regression.size.relative == pytest.approx(-0.3, abs=0.03)


def test_half_a_recovery_is_still_the_same_regression(stepped):
    series = stepped((40, 1), (40, 0.6), (40, 0.8))
    regression = analyse(series).regression
    assert abs(regression.since - series.at(40)) <= timedelta(days=2)
    assert regression.size.relative == pytest.approx(-0.2, abs=0.03)


@pytest.fixture
def accept():
    """Accept what a trend has come to, on its last night or so many days later."""

    def accept(trend, days=0):
        regression, series = trend.regression, trend.series
        at = series.at(-1) + timedelta(days=days)
        level = regression.present.value
        return AcceptedLevel("level-1", trend.key, regression.since, at, level, 1000.0, "eve", "new kernel")

    return accept


def test_an_accepted_level_is_the_new_normal(stepped, accept):
    series = stepped((40, 1), (40, 0.8))
    by = accept(analyse(series))
    trend = analyse(series, accepted=[by])
    assert (trend.status, trend.regression.accepted) == (Status.ACCEPTED, by)


def test_an_acceptance_holds_as_nights_are_added_and_not_for_another_drop(stepped, accept):
    by = accept(analyse(stepped((40, 1), (20, 0.8))))
    assert analyse(stepped((40, 1), (60, 0.8)), accepted=[by]).status is Status.ACCEPTED
    further = analyse(stepped((40, 1), (40, 0.8), (40, 0.64)), accepted=[by])
    assert further.is_regressed
    assert further.regression.size.relative == pytest.approx(-0.2, abs=0.03)


def test_an_acceptance_of_before_does_not_accept_what_came_after(stepped, accept):
    by = accept(analyse(stepped((40, 1), (20, 0.8))))
    later = analyse(stepped((100, 1), (40, 0.8)), accepted=[replace(by, level=1000.0)])
    assert later.is_regressed


def test_an_acceptance_without_a_reason_is_refused(stepped, accept):
    by = accept(analyse(stepped((40, 1), (40, 0.8))))
    with pytest.raises(InvalidInputError, match="reason: is empty"):
        replace(by, reason=" ")


def test_a_slow_slope_is_one_drift_and_not_many_steps(noise, make_series):
    figures = 1000 * noise(200, 3) * np.linspace(1, 0.7, 200)
    trend = analyse(make_series(figures))
    (drift,) = trend.changes
    assert (drift.shape, drift.effect, trend.status) == (Shape.DRIFT, Effect.WORSE, Status.REGRESSED)
    assert drift.size.relative == pytest.approx(-0.3, abs=0.05)
    assert drift.per_week == pytest.approx(-0.3 / 200 * 7, rel=0.4)


def test_a_step_is_no_drift(stepped):
    assert [each.shape for each in analyse(stepped((100, 1), (100, 0.9))).changes] == [Shape.STEP]


@pytest.mark.parametrize(
    ("count", "why"),
    [(0, "no run has a figure; a change"), (1, "only 1 run;"), (9, "only 9 runs;")],
)
def test_few_runs_say_how_many_it_takes(make_series, count, why):
    trend = analyse(make_series([1000.0] * count))
    assert trend.status is Status.TOO_FEW
    assert why in trend.why
    assert "seen from 10 on" in trend.why


def test_a_gap_of_a_month_is_said_and_hides_nothing(noise, make_series):
    figures = 1000 * noise(60, 2) * np.repeat([1, 0.8], 30)
    series = make_series(figures)
    instants = series.instants + np.where(
        np.arange(60) >= 30, np.timedelta64(31, "D"), np.timedelta64(0, "D")
    )
    trend = analyse(replace(series, instants=instants))
    (gap,) = trend.gaps
    assert gap.until - gap.after == timedelta(days=32)
    assert trend.is_regressed
