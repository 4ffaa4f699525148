"""Histograms of latencies: fine buckets that are kept, merged across pairs, and asked for percentiles.

Percentiles cannot be averaged: the p99 of all requests is not the mean of the pairs' p99. Buckets can be
added, and a percentile of the sum is as exact as its bucket is narrow. Bounds are whole nanoseconds, so that
those of two tools that were told the same resolution are the same numbers.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import Final, Self

NS_PER_MS: Final = 1_000_000
#: Lower bound of a bucket for latencies of nothing at all.
_BEFORE_ALL_NS: Final = -1


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """How many latencies are above `over_ns` and at most `up_to_ns`."""

    over_ns: int
    up_to_ns: int
    count: int

    def __post_init__(self) -> None:
        if not _BEFORE_ALL_NS <= self.over_ns < self.up_to_ns or self.count < 1:
            raise ValueError(f"no bucket: {self.count} above {self.over_ns} up to {self.up_to_ns} ns")


@dataclass(frozen=True, slots=True)
class Histogram:
    """Counts by bucket, and what is known exactly beside them.

    Attributes:
        buckets: In order, without the empty ones; two of them may touch but not overlap.
        least_ns: The least latency, within the first bucket or at its lower bound.
        most_ns: The greatest one, within the last bucket.
        sum_ns: Of all latencies.
    """

    buckets: tuple[Bucket, ...]
    least_ns: int
    most_ns: int
    sum_ns: int

    def __post_init__(self) -> None:
        if not self.buckets:
            raise ValueError("a histogram of nothing")
        for one, next_ in pairwise(self.buckets):
            if one.up_to_ns > next_.over_ns:
                raise ValueError(f"buckets overlap: up to {one.up_to_ns} ns, then above {next_.over_ns} ns")
        first, last = self.buckets[0], self.buckets[-1]
        inside = first.over_ns <= self.least_ns <= first.up_to_ns and last.over_ns <= self.most_ns
        if not inside or not self.least_ns <= self.most_ns <= last.up_to_ns:
            raise ValueError(f"{self.least_ns} and {self.most_ns} ns are not the ends of the buckets")
        if not self.count * self.least_ns <= self.sum_ns <= self.count * self.most_ns:
            raise ValueError(f"{self.sum_ns} ns are not the sum of {self.count} latencies within the ends")

    @property
    def count(self) -> int:
        return sum(bucket.count for bucket in self.buckets)

    @property
    def mean_ms(self) -> float:
        return self.sum_ns / self.count / NS_PER_MS

    @property
    def least_ms(self) -> float:
        return self.least_ns / NS_PER_MS

    @property
    def most_ms(self) -> float:
        return self.most_ns / NS_PER_MS

    def at_best(self) -> Self:
        """Return as many latencies, none of which takes any time."""
        return replace(
            self, buckets=(Bucket(_BEFORE_ALL_NS, 0, self.count),), least_ns=0, most_ns=0, sum_ns=0
        )

    @classmethod
    def merged(cls, parts: Iterable[Self]) -> Self:
        """Return the histogram of all latencies of `parts` together.

        Raises:
            ValueError: There are none, or their buckets are not the same.
        """
        given = list(parts)
        counts: Counter[tuple[int, int]] = Counter()
        for part in given:
            for bucket in part.buckets:
                counts[bucket.over_ns, bucket.up_to_ns] += bucket.count
        return cls(
            buckets=tuple(Bucket(*bounds, count) for bounds, count in sorted(counts.items())),
            least_ns=min((part.least_ns for part in given), default=0),
            most_ns=max((part.most_ns for part in given), default=0),
            sum_ns=sum(part.sum_ns for part in given),
        )

    def percentile_ms(self, percent: float) -> float:
        """Return the latency that `percent` per cent of the requests do not exceed.

        It lies in the bucket of the nearest rank, at the place that the rank has among the bucket's own, as
        if these were spread evenly between its bounds, or between the least and the greatest latency where
        these are nearer.

        Raises:
            ValueError: `percent` is not within 0 to 100.
        """
        if not 0 <= percent <= 100:  # noqa: PLR2004 - per cent
            raise ValueError(f"a percentile lies within 0 to 100, not at {percent}")
        rank = percent / 100 * self.count
        nearest = max(math.ceil(round(rank, 6)), 1)
        reached = list(accumulate(bucket.count for bucket in self.buckets))
        place = bisect_left(reached, nearest)
        bucket = self.buckets[place]
        before = reached[place] - bucket.count
        low, high = max(bucket.over_ns, self.least_ns), min(bucket.up_to_ns, self.most_ns)
        share = min(max((rank - before) / bucket.count, 0.0), 1.0)
        return (low + share * (high - low)) / NS_PER_MS
