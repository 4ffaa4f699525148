"""Statistics over the pairs of a run: percentiles by nearest rank, linear ones, consistency.

Nearest rank always returns a value that some pair really had, which is what a threshold is applied to and
what upstream prints as Perc05, Perc50 and Perc95. The linear percentile interpolates between two of them;
it is smoother over time and therefore used where series are drawn, and always named as such.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from netcadence_worker.histogram import Histogram

_PERCENTILE = re.compile(r"Perc(0[1-9]|[1-9]\d|100)")
#: A percentile of all requests of all pairs.
_MERGED = re.compile(r"Merged(\d{1,2}(?:\.\d{1,3})?)")
_RATIO = "Perc05/Perc50"

#: How a statistic is written, for messages.
STATISTICS: Final = "Perc01 to Perc99, Perc100 (nearest rank), Perc05/Perc50"


def nearest_rank(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that at least `percent` per cent of `values` do not exceed.

    With n sorted values it is the one at index ceil(n·percent/100) - 1, as upstream computes it.

    Raises:
        ValueError: There are no values, or `percent` is not within 1 to 100.
    """
    if not 1 <= percent <= 100:  # noqa: PLR2004 - per cent
        raise ValueError(f"a nearest-rank percentile lies within 1 to 100, not at {percent}")
    ordered = _ordered(values)
    return ordered[_rank(len(ordered), percent)]


def _rank(count: int, percent: int) -> int:
    return -(-count * percent // 100) - 1


def linear_percentile(values: Sequence[float], percent: float) -> float:
    """Return the percentile interpolated between the two nearest of `values`, at rank (n-1)·percent/100.

    Raises:
        ValueError: There are no values, or `percent` is not within 0 to 100.
    """
    if not 0 <= percent <= 100:  # noqa: PLR2004 - per cent
        raise ValueError(f"a percentile lies within 0 to 100, not at {percent}")
    ordered = _ordered(values)
    rank = (len(ordered) - 1) * percent / 100
    below, above = ordered[math.floor(rank)], ordered[math.ceil(rank)]
    # The short cut keeps equal neighbours exact; the bounds keep rounding from leaving the two of them.
    return below if below == above else min(max(below + (above - below) * (rank % 1), below), above)


def consistency(values: Sequence[float]) -> float:
    """Return Perc05/Perc50: 1 where all pairs are alike, near 0 where a twentieth of them starve.

    Where half of the pairs or more have nothing at all it is 0, for they are alike only in failing.

    Raises:
        ValueError: There are no values.
    """
    median = nearest_rank(values, 50)
    return nearest_rank(values, 5) / median if median else 0.0


@dataclass(frozen=True, slots=True)
class Statistic:
    """What is taken over the pairs; made by `parse`.

    Attributes:
        name: `Perc50` and the like (nearest rank), or `Perc05/Perc50` for consistency; or `Merged99.9` and
            the like, a percentile not over the pairs, but over all their requests together.
    """

    name: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a statistic's name.

        Raises:
            ValueError: There is no such statistic; the text says which there are.
        """
        if text != _RATIO and not _PERCENTILE.fullmatch(text) and not _MERGED.fullmatch(text):
            raise ValueError(f"unknown statistic {text!r}; allowed: {STATISTICS}")
        return cls(text)

    @property
    def is_ratio(self) -> bool:
        """Whether the statistic has no unit."""
        return self.name == _RATIO

    @property
    def merged_percent(self) -> float | None:
        """The percentile of all requests that it is; None where it is one over the pairs."""
        found = _MERGED.fullmatch(self.name)
        return float(found[1]) if found else None

    @property
    def percent(self) -> int:
        """The percentile over the pairs that it is; nothing else is one."""
        return int(self.name[4:])

    def rank(self, count: int) -> int:
        """Return the position, from 0, of the percentile among `count` sorted values."""
        return _rank(count, self.percent)

    def of_histograms(self, pairs: Iterable[Histogram]) -> float:
        """Return the percentile of all requests of `pairs`, in ms.

        Raises:
            ValueError: There are no pairs, their buckets differ, or this is a statistic over pairs.
        """
        if self.merged_percent is None:
            raise ValueError(f"{self.name} is no percentile of requests")
        return Histogram.merged(pairs).percentile_ms(self.merged_percent)

    def of(self, values: Sequence[float]) -> float:
        """Return the statistic of `values`, in their unit unless it is a ratio.

        Raises:
            ValueError: There are no values.
        """
        return consistency(values) if self.is_ratio else nearest_rank(values, self.percent)

    def __str__(self) -> str:
        return self.name


def merged(percent: float) -> Statistic:
    """Return the statistic that is a percentile of all requests of all pairs."""
    return Statistic.parse(f"Merged{percent:g}")


PERC05: Final = Statistic.parse("Perc05")
PERC50: Final = Statistic.parse("Perc50")
PERC90: Final = Statistic.parse("Perc90")
PERC95: Final = Statistic.parse("Perc95")
PERC99: Final = Statistic.parse("Perc99")
PERC100: Final = Statistic.parse("Perc100")
CONSISTENCY: Final = Statistic.parse(_RATIO)


@dataclass(frozen=True, slots=True)
class Summary:
    """One metric over the pairs of a run, in the metric's unit; percentiles by nearest rank."""

    count: int
    least: float
    perc05: float
    perc50: float
    perc95: float
    most: float
    mean: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Summarise `values`.

        Raises:
            ValueError: There are no values.
        """
        return cls(
            count=len(values),
            least=_ordered(values)[0],
            perc05=PERC05.of(values),
            perc50=PERC50.of(values),
            perc95=PERC95.of(values),
            most=max(values),
            mean=math.fsum(values) / len(values),
        )


def _ordered(values: Sequence[float]) -> list[float]:
    if not values:
        raise ValueError("no values to take a statistic of")
    return sorted(values)
