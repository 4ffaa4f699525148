"""Histograms hold what was counted, whoever counted it, and percentiles are where the requests are."""

import math
from bisect import bisect_left
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcadence_worker.histogram import NS_PER_MS, Bucket, Histogram

EDGES = (0, 1_000, 2_000, 5_000, 10_000, 100_000, 1_000_000, 10**12)

latencies = st.lists(st.integers(1, 10**12), min_size=1, max_size=60)
percents = st.floats(0, 100)


def histogram_of(values):
    counts = Counter(bisect_left(EDGES, value) for value in values)
    buckets = tuple(Bucket(EDGES[place - 1], EDGES[place], count) for place, count in sorted(counts.items()))
    return Histogram(buckets, min(values), max(values), sum(values))


def nearest(values, percent):
    return sorted(values)[max(math.ceil(round(len(values) * percent / 100, 6)), 1) - 1]


@given(st.lists(latencies, min_size=1, max_size=6))
def test_merging_gives_the_histogram_of_all_latencies_together(parts):
    """Whatever a pair measured counts as if all had been measured by one."""
    union = [value for part in parts for value in part]
    assert Histogram.merged(histogram_of(part) for part in parts) == histogram_of(union)


@given(latencies, percents)
def test_a_percentile_lies_in_the_bucket_of_the_nearest_rank(values, percent):
    """It is wrong by no more than that bucket is wide, and never beyond the least and the greatest."""
    found = histogram_of(values).percentile_ms(percent) * NS_PER_MS
    rank = nearest(values, percent)
    place = bisect_left(EDGES, rank)
    low, high = max(EDGES[place - 1], min(values)), min(EDGES[place], max(values))
    assert low * (1 - 1e-9) <= found <= high * (1 + 1e-9)


@given(latencies, percents, percents)
def test_percentiles_rise_with_their_percent(values, one, other):
    """A greater share of the requests is not below a smaller latency."""
    histogram, (less, more) = histogram_of(values), sorted((one, other))
    assert histogram.percentile_ms(less) <= histogram.percentile_ms(more) * (1 + 1e-12)


@given(st.integers(1, 10**12), st.integers(1, 1000), percents)
def test_latencies_that_are_alike_have_no_other_percentile(value, count, percent):
    """Nothing is interpolated where least and greatest are the same."""
    assert histogram_of([value] * count).percentile_ms(percent) == pytest.approx(value / NS_PER_MS)


def test_a_percentile_of_two_pairs_is_not_the_mean_of_theirs():
    """Where one pair of two is slow, the p90 of all requests is the slow one's."""
    fast, slow = histogram_of([1_500] * 50), histogram_of([500_000] * 50)
    assert Histogram.merged((fast, slow)).percentile_ms(90) > 0.1
    assert Histogram.merged((fast, slow)).percentile_ms(50) < 0.0021


@pytest.mark.parametrize(
    ("buckets", "least", "most", "total"),
    [
        ((), 0, 0, 0),
        (((0, 10, 1), (5, 20, 1)), 5, 15, 20),
        (((10, 20, 1), (0, 10, 1)), 5, 15, 20),
        (((0, 10, 1),), 5, 15, 10),
        (((5, 10, 1),), 1, 9, 5),
        (((0, 10, 2),), 5, 6, 20),
        (((0, 10, 2),), 6, 5, 11),
    ],
)
def test_what_contradicts_itself_is_no_histogram(buckets, least, most, total):
    """Empty, overlapping, out of order, ends outside, a sum that cannot be."""
    with pytest.raises(ValueError, match=r"\w"):
        Histogram(tuple(Bucket(*bucket) for bucket in buckets), least, most, total)


def test_histograms_of_other_resolutions_are_not_merged():
    """Their buckets overlap, and what is in the overlap nobody knows."""
    fine, coarse = (Histogram((Bucket(0, edge, 1),), 1, 1, 1) for edge in (1_000, 1_500))
    with pytest.raises(ValueError, match="overlap"):
        Histogram.merged((fine, coarse))


@pytest.mark.parametrize("percent", [-1, 100.1, math.nan])
def test_a_percentile_beyond_all_is_refused(percent):
    """There are none below 0 and above 100."""
    with pytest.raises(ValueError, match="within 0 to 100"):
        histogram_of([1_000]).percentile_ms(percent)
