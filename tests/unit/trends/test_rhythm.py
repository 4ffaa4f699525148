"""Hours of the day, and this night beside the last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from netcadence.trends.detection import find
from netcadence.trends.rhythm import season, without_rhythm

HOUR = timedelta(hours=1)


def by_day(hours):
    """Return factors of a network that is slower at noon, and at weekends."""
    hour, day = np.arange(hours) % 24, np.arange(hours) // 24 % 7
    return (1 - 0.25 * np.sin(np.pi * hour / 24)) * np.where(day >= 5, 1.15, 1.0)


def test_noon_and_weekends_are_no_changes(noise, make_series):
    series = make_series(1000 * by_day(24 * 60) * noise(24 * 60, 1), every=HOUR)
    steady = without_rhythm(series.instants, series.figures)
    by_hour = [np.median(steady[hour::24]) for hour in range(24)]
    assert np.ptp(by_hour) < 0.03 * np.median(steady)
    assert find(steady) == ()


def test_a_change_is_seen_through_the_rhythm(noise, make_series):
    figures = 1000 * by_day(24 * 60) * noise(24 * 60, 1)
    figures[1000:] *= 0.88
    series = make_series(figures, every=HOUR)
    (found,) = find(without_rhythm(series.instants, series.figures))
    assert abs(found.index - 1000) <= 8


def test_nights_have_no_rhythm_of_hours(noise, make_series):
    series = make_series(1000 * noise(60))
    assert without_rhythm(series.instants, series.figures) is series.figures


def test_a_night_is_compared_with_the_fourteen_before(make_series):
    series = make_series([500.0] * 5 + [1000.0, 1010.0] * 7 + [700.0])
    found = season(series)
    assert (found.nights, found.low, found.high, found.usual) == (14, 1000.0, 1010.0, 1005.0)
    assert found.relative == pytest.approx(-305 / 1005)
    assert found.beyond


def test_a_night_like_the_others_is_not_beyond_them(make_series):
    assert not season(make_series([1000.0, 1010.0] * 8)).beyond


def test_of_an_hourly_series_only_the_same_hour_counts(make_series):
    figures = np.where(np.arange(24 * 10 + 1) % 24 == 0, 500.0, 1000.0)
    found = season(make_series(figures, every=HOUR))
    assert (found.nights, found.usual, found.value, found.beyond) == (10, 500.0, 500.0, False)


def test_a_clock_change_loses_no_night(make_series):
    """02:00 in Berlin is 01:00 UTC in winter and 00:00 UTC in summer."""
    change = datetime(2026, 3, 29, tzinfo=UTC)
    nights = [datetime(2026, 3, 20, 1, tzinfo=UTC) + timedelta(days=day) for day in range(16)]
    instants = [night if night < change else night - HOUR for night in nights]
    assert season(make_series([1000.0 + day for day in range(16)], instants=instants)).nights == 14


@pytest.mark.parametrize("count", [0, 1, 5])
def test_with_too_few_nights_there_is_nothing_to_compare_with(make_series, count):
    assert season(make_series([1000.0] * count)) is None


def test_nights_of_another_month_do_not_count_for_tonight(make_series):
    """After a gap of a month the fourteen before are those before the gap."""
    nights = [datetime(2026, 1, 1, 2, tzinfo=UTC) + timedelta(days=day) for day in range(20)]
    series = make_series([1000.0] * 20 + [600.0], instants=[*nights, nights[-1] + timedelta(days=31)])
    assert season(series).nights == 14
    assert season(series).beyond
