"""Levels, and how far apart two of them are."""

from __future__ import annotations

import numpy as np
import pytest

from netcadence.trends.level import level_of, levels, size


def test_the_interval_of_a_change_holds_the_truth_as_often_as_it_says(noise):
    held = 0
    for seed in range(200):
        values = 1000 * noise(60, seed)
        values[40:] *= 0.82
        found = size(*levels(values[:40], values[40:]))
        held += found.low <= -0.18 <= found.high
    assert held >= 0.92 * 200


def test_a_level_of_five_lies_within_their_range():
    level = level_of(np.array([3.0, 1.0, 2.0, 5.0, 4.0]))
    assert (level.value, level.low, level.high, level.runs) == (3.0, 1.0, 5.0, 5)


def test_mostly_zeros_are_compared_by_their_means():
    before, after = levels(np.array([0.0] * 9 + [1.0]), np.array([0.0] * 6 + [1.0] * 4))
    assert (before.measure, after.measure) == ("mean", "mean")
    assert (before.value, after.value) == (0.1, 0.4)


def test_from_zero_a_change_has_no_share():
    found = size(*levels(np.zeros(5), np.ones(5)))
    assert (found.absolute, found.relative, found.low) == (1.0, None, None)


def test_of_figures_below_zero_the_share_is_of_their_distance_from_it():
    found = size(level_of(np.full(5, -2.0)), level_of(np.full(5, -1.0)))
    assert found.absolute == 1.0
    assert found.relative == pytest.approx(0.5)
