"""Intervals: what they hold, when there are none, and on which side of a threshold they are."""

import random
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcadence.comparison import Comparison
from netcadence.confidence import (
    ConfidenceInterval,
    estimate,
    estimate_of_requests,
    interval_of,
    interval_of_requests,
    seed_of,
)
from netcadence.statistics import CONSISTENCY, PERC05, PERC50, PERC95, merged

SEED = 7
figures = st.floats(0.001, 1e9)


@st.composite
def runs(draw):
    pairs = draw(st.integers(1, 8))
    repeat = st.lists(figures, min_size=pairs, max_size=pairs)
    return draw(st.lists(repeat, min_size=5, max_size=12))


def interval(low, high):
    return ConfidenceInterval(low, high, level=0.95, repeats=5, pairs=1, seed=SEED)


@settings(max_examples=25, deadline=None)
@given(runs(), st.sampled_from([PERC05, PERC50, PERC95]))
def test_an_interval_lies_within_what_was_measured(measured, statistic):
    found = interval_of(measured, statistic, seed=SEED)
    everything = [value for repeat in measured for value in repeat]
    assert min(everything) <= found.low <= found.high <= max(everything)


@settings(max_examples=25, deadline=None)
@given(st.lists(figures, min_size=5, max_size=15))
def test_the_interval_of_one_pair_holds_the_median_of_its_repeats(values):
    found = interval_of([[value] for value in values], PERC95, seed=SEED)
    assert found.low <= statistics.median(values) <= found.high
    assert (found.repeats, found.pairs) == (len(values), 1)


def test_the_interval_of_five_repeats_of_one_pair_is_their_range():
    found = interval_of([[3.0], [1.0], [5.0], [4.0], [2.0]], PERC50, seed=SEED)
    assert (found.low, found.high) == (1.0, 5.0)


def test_a_seed_gives_the_same_interval_again_and_is_kept_in_it():
    measured = [[float(7 * repeat % 11 + pair) for pair in range(4)] for repeat in range(9)]
    first, again = (interval_of(measured, PERC50, seed=seed_of("run-1")) for _ in range(2))
    assert first == again
    assert first.seed == seed_of("run-1") != seed_of("run-2")


@pytest.mark.parametrize("repeats", [0, 1, 4])
def test_fewer_than_five_repeats_have_no_interval(repeats):
    assert interval_of([[1.0, 2.0]] * repeats, PERC50, seed=SEED) is None


def test_repeats_of_different_pairs_are_refused():
    with pytest.raises(ValueError, match=r"inhomogeneous|same pairs"):
        interval_of([[1.0]] * 4 + [[1.0, 2.0]], PERC50, seed=SEED)


def test_the_consistency_is_taken_within_each_repeat_and_not_over_all_of_them():
    alike_in_each = [[100.0 * (1 + repeat % 2)] * 10 for repeat in range(6)]
    assert estimate(alike_in_each, CONSISTENCY) == 1.0
    found = interval_of(alike_in_each, CONSISTENCY, seed=SEED)
    assert (found.low, found.high) == (1.0, 1.0)


def test_a_pair_that_is_slow_in_every_repeat_widens_the_interval_as_no_number_of_repeats_can_narrow_it():
    measured = [[100.0, 100.0, 100.0, 10.0]] * 15
    found = interval_of(measured, PERC05, seed=SEED)
    assert (found.low, found.high) == (10.0, 100.0)


@pytest.mark.parametrize(
    ("comparison", "threshold", "expected"),
    [
        (">=", 9.0, True),
        (">=", 10.0, True),
        (">=", 15.0, None),
        (">=", 20.0, None),
        (">=", 20.1, False),
        ("<=", 9.9, False),
        ("<=", 10.0, None),
        ("<=", 20.0, True),
        ("<=", 21.0, True),
        (">", 9.9, True),
        (">", 10.0, None),
        (">", 20.0, False),
        ("<", 10.0, False),
        ("<", 20.0, None),
        ("<", 20.1, True),
    ],
)
def test_an_interval_decides_only_with_all_of_it(comparison, threshold, expected):
    assert interval(10.0, 20.0).reaches(threshold, Comparison(comparison)) is expected


def test_the_interval_of_a_percentile_of_requests_lies_within_that_of_the_repeats(make_latencies):
    chance = random.Random(3)  # noqa: S311 - figures, not secrets
    repeats = [
        [make_latencies([chance.randint(1, 3_000_000) for _ in range(50)]) for _ in range(3)]
        for _ in range(6)
    ]
    for percent in (50, 99, 99.9):
        statistic = merged(percent)
        found = interval_of_requests(repeats, statistic, seed=SEED)
        assert found.low <= estimate_of_requests(repeats, statistic) <= found.high
        assert (found.repeats, found.pairs) == (6, 3)
        assert found == interval_of_requests(repeats, statistic, seed=SEED)


def test_one_pair_s_percentiles_of_requests_have_the_range_of_five_repeats(make_latencies):
    repeats = [[make_latencies([each * 100_000] * 10)] for each in (3, 1, 5, 4, 2)]
    found = interval_of_requests(repeats, merged(99), seed=SEED)
    assert (found.low, found.high) == pytest.approx((0.1, 0.5), abs=0.1)


def test_fewer_than_five_repeats_of_requests_have_no_interval(make_latencies):
    assert interval_of_requests([[make_latencies([1])]] * 4, merged(99), seed=SEED) is None
