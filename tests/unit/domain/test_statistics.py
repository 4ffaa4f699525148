"""Percentiles and consistency."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcadence.statistics import (
    CONSISTENCY,
    PERC50,
    Statistic,
    Summary,
    consistency,
    linear_percentile,
    merged,
    nearest_rank,
)

values = st.lists(st.floats(-1e12, 1e12, allow_nan=False), min_size=1, max_size=200)
percents = st.integers(1, 100)


@pytest.mark.parametrize(
    ("count", "percent", "expected"),
    [(1, 5, 1), (20, 5, 1), (21, 5, 2), (50, 5, 3), (50, 50, 25), (50, 95, 48), (10, 100, 10)],
)
def test_nearest_rank_takes_the_value_that_upstream_takes(count, percent, expected):
    assert nearest_rank(range(count, 0, -1), percent) == expected


@given(values, percents)
def test_nearest_rank_follows_its_formula_in_exact_arithmetic(numbers, percent):
    position = math.ceil(len(numbers) * percent / 100) - 1
    assert nearest_rank(numbers, percent) == sorted(numbers)[position]


@given(values, percents)
def test_nearest_rank_is_the_least_value_that_covers_its_share_of_the_pairs(numbers, percent):
    found = nearest_rank(numbers, percent)
    assert sum(number <= found for number in numbers) * 100 >= percent * len(numbers)
    assert sum(number < found for number in numbers) * 100 < percent * len(numbers)


@given(values, st.floats(0, 100))
def test_the_linear_percentile_agrees_with_numpy(numbers, percent):
    expected = np.percentile(numbers, percent)
    assert linear_percentile(numbers, percent) == pytest.approx(expected, rel=1e-9, abs=1e-3)


@given(values, percents)
def test_the_linear_percentile_never_leaves_the_values(numbers, percent):
    assert min(numbers) <= linear_percentile(numbers, percent) <= max(numbers)


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=200))
def test_consistency_lies_between_zero_and_one(numbers):
    assert 0 <= consistency(numbers) <= 1


def test_consistency_is_the_fifth_percentile_over_the_median():
    assert consistency([70.0, *[100.0] * 18, 130.0]) == 0.7


def test_pairs_that_all_move_nothing_are_not_consistent():
    assert consistency([0.0, 0.0, 0.0]) == 0


@pytest.mark.parametrize(
    "text", ["Perc0", "Perc00", "Perc5", "Perc101", "perc50", "Perc50 ", "Mean", "Perc50/Perc05"]
)
def test_an_unknown_statistic_is_refused_with_those_that_are_known(text):
    with pytest.raises(ValueError, match=r"unknown statistic .* allowed: Perc01 to Perc99, Perc100"):
        Statistic.parse(text)


def test_a_statistic_computes_what_its_name_says():
    assert Statistic.parse("Perc05").of(range(1, 101)) == 5
    assert Statistic.parse("Perc100").of(range(1, 101)) == 100
    assert CONSISTENCY.of(range(1, 101)) == 0.1


@pytest.mark.parametrize("compute", [Statistic.parse("Perc50").of, CONSISTENCY.of, Summary.of])
def test_no_values_have_no_statistic(compute):
    with pytest.raises(ValueError, match="no values"):
        compute([])


@pytest.mark.parametrize("percent", [0, 101, -5])
def test_a_percentile_outside_its_range_is_refused(percent):
    with pytest.raises(ValueError, match="1 to 100"):
        nearest_rank([1.0], percent)


def test_a_summary_holds_count_extremes_percentiles_and_mean():
    assert Summary.of(range(1, 101)) == Summary(100, 1, 5, 50, 95, 100, 50.5)


def test_a_percentile_of_requests_is_named_by_its_percent():
    assert str(merged(99.9)) == "Merged99.9"
    assert Statistic.parse("Merged50").merged_percent == 50
    assert PERC50.merged_percent is None
    with pytest.raises(ValueError, match="Perc50 is no percentile of requests"):
        PERC50.of_histograms([])
    for text in ("Merged", "Merged100", "Merged-1", "merged50", "Merged9.9999"):
        with pytest.raises(ValueError, match="unknown statistic"):
            Statistic.parse(text)
