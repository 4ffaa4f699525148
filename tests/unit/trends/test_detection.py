"""Where a level changed: planted changes are found, healthy nights raise no alarm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from netcadence.trends.detection import ALARM_LEVEL, LEAST_RUNS, find


def test_healthy_histories_raise_no_alarm(noise):
    """Forty years of nights in all; at the stated level a few of a thousand histories would."""
    assert [seed for seed in range(40) if find(1000 * noise(365, seed))] == []


@pytest.mark.parametrize("size", [-0.3, -0.18, -0.1, 0.1, 0.25])
def test_a_planted_step_is_found_where_it_is(noise, size):
    for seed in range(10):
        values = 1000 * noise(200, seed)
        values[120:] *= 1 + size
        (found,) = find(values)
        assert abs(found.index - 120) <= (3 if abs(size) > 0.1 else 8)
        assert found.earliest <= found.index <= found.latest
        assert found.p_value <= ALARM_LEVEL


def test_the_range_of_a_place_holds_it_as_often_as_it_says(noise):
    held = 0
    for seed in range(60):
        values = 1000 * noise(120, seed)
        values[60:] *= 0.88
        (found,) = find(values)
        held += found.earliest <= 60 <= found.latest
    assert held >= 0.9 * 60


def test_a_drop_is_seen_within_two_weeks_of_a_year_of_nights(noise):
    seen = 0
    for seed in range(10):
        values = 1000 * noise(365, seed)
        values[-14:] *= 0.82
        seen += bool(find(values))
    assert seen >= 9


def test_a_dip_is_two_changes(noise):
    values = 1000 * noise(300, 5)
    values[100:130] *= 0.8
    assert [each.index for each in find(values)] == pytest.approx([100, 130], abs=2)


def test_single_nights_far_off_are_no_change(noise):
    values = 1000 * noise(200, 2)
    values[[40, 41, 90, 150]] /= 10
    assert find(values) == ()


def test_a_sure_change_that_is_too_small_is_not_told():
    values = np.concatenate([np.full(60, 1000.0), np.full(60, 1010.0)]) + np.arange(120) % 3
    assert find(values) == ()
    assert [each.index for each in find(values, least_change=0.005)] == [60]


def test_losses_that_begin_are_found_among_zeros():
    chance = np.random.default_rng(3)
    none = np.zeros(100)
    some = np.where(chance.random(50) < 0.8, chance.random(50), 0.0)
    (found,) = find(np.concatenate([none, some]))
    assert 98 <= found.index <= 103
    rare = np.where(chance.random(200) < 0.05, chance.random(200), 0.0)
    assert find(rare) == ()


def test_three_years_of_hours_have_old_and_new_changes(noise):
    values = 1000 * noise(26_280, 4)
    values[20_000:] *= 0.9
    values[-80:] *= 0.85
    assert [each.index for each in find(values)] == pytest.approx([20_000, 26_200], abs=8)


@given(arrays(np.float64, st.integers(0, 60), elements=st.floats(-1e6, 1e6)))
def test_whatever_the_figures_are_the_answer_is_in_order(values):
    found = find(values)
    places = [each.index for each in found]
    bounds = [0, *places, len(values)]
    assert places == sorted(set(places))
    assert not places or min(np.diff(bounds)) >= LEAST_RUNS
    assert all(0 <= each.earliest <= each.index <= each.latest < len(values) for each in found)
    assert not found or np.ptp(values) > 0
