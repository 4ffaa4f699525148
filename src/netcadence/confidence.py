"""How sure a statistic is: an interval from what a run measured several times.

What is estimated is the median over repeats of the statistic over the pairs: what a typical repeat comes to.
Pooling all figures instead would call a cluster unfair whose pairs are alike in each repeat and differ
between two of them.

The interval is a percentile bootstrap over both: a resample draws as many repeats with replacement, and
independently of them as many pairs, the same ones in all its repeats; that is the pigeonhole bootstrap of
A. Owen, "The pigeonhole bootstrap", Annals of Applied Statistics 1 (2007), 386-411. A pair that is slow is so
in every repeat, which drawing pairs anew for each repeat would average away. One pair alone is not drawn: the
interval then speaks of that pair, and of repeats like these.

What it is worth on small samples: the median of n independent repeats lies between their least and most with
the probability 1 - 2·0.5ⁿ, whatever their distribution: 0.75 for three, 0.94 for five. Nothing that looks at
repeats only can promise more, so fewer than five have no interval here, and that of five is about their
range. Few pairs are a small sample of pairs likewise. Repeats that follow each other share what the network
was like just then: of another day they know nothing. Figures that are all the same give an interval of no
width. `benchmarks/verdicts.py` measures how often it holds what it promises.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netcadence.comparison import Comparison
from netcadence.statistics import PERC05, PERC50, Statistic
from netcadence_worker.histogram import NS_PER_MS, Bucket, Histogram

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: How often an interval is meant to hold the truth.
LEVEL: Final = 0.95
#: With fewer repeats there is no interval.
LEAST_REPEATS: Final = 5
_RESAMPLES: Final = 2_000
#: Figures that are looked at together, so that many pairs do not take gigabytes.
_MOST_AT_ONCE: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class ConfidenceInterval:
    """From where to where the truth may be, in the unit of what it is of.

    Attributes:
        level: Probability with which such an interval is meant to hold it.
        repeats: Repeats that it rests on.
        pairs: Pairs in each of them.
        seed: Of the resampling, so that it can be done again.
    """

    low: float
    high: float
    level: float
    repeats: int
    pairs: int
    seed: int

    def reaches(self, threshold: float, comparison: Comparison) -> bool | None:
        """Tell whether an interval is on the right side of a threshold: all of it, nothing of it, or None."""
        worst, best = (self.low, self.high) if comparison.is_floor else (self.high, self.low)
        if comparison.holds(worst, threshold):
            return True
        return None if comparison.holds(best, threshold) else False


def seed_of(run_id: str) -> int:
    """Return the seed of a run's resampling: the same whenever the run is judged."""
    return int.from_bytes(hashlib.sha256(run_id.encode()).digest()[:4], "big")


def estimate_of_requests(repeats: Sequence[Sequence[Histogram]], statistic: Statistic) -> float:
    """Return the median over `repeats` of a percentile of all requests of each one's pairs, in ms.

    Raises:
        ValueError: There are no repeats, or one without pairs.
    """
    if not repeats:
        raise ValueError("no repeats to take an estimate of")
    return statistics.median(statistic.of_histograms(pairs) for pairs in repeats)


def interval_of_requests(
    repeats: Sequence[Sequence[Histogram]], statistic: Statistic, *, seed: int, level: float = LEVEL
) -> ConfidenceInterval | None:
    """Return the interval of `estimate_of_requests`, or None where there are too few repeats.

    Repeats and pairs are drawn as for `interval_of`; the requests of a pair are kept together, for those that
    follow each other are not independent.

    Args:
        repeats: Histograms by repeat, of the same pairs in the same order in each.

    Raises:
        ValueError: The repeats are not of equally many pairs, or their buckets differ.
    """
    if len(repeats) < LEAST_REPEATS:
        return None
    import numpy as np  # noqa: PLC0415 - the command line reads thresholds without it

    if len({len(pairs) for pairs in repeats}) != 1:
        raise ValueError("the repeats are not of the same pairs")
    estimates = _resampled_requests(repeats, statistic, np.random.default_rng(seed))
    return _between(estimates, level, len(repeats), len(repeats[0]), seed)


def _resampled_requests(
    repeats: Sequence[Sequence[Histogram]], statistic: Statistic, chance: np.random.Generator
) -> NDArray[np.float64]:
    """Resample as `_resampled` does, and read the percentile off each resample as `Histogram` does."""
    import numpy as np  # noqa: PLC0415 - as above

    buckets = Histogram.merged(each for pairs in repeats for each in pairs).buckets
    over, up_to = (np.array([getattr(each, end) for each in buckets]) for end in ("over_ns", "up_to_ns"))
    counts = _counts(repeats, buckets)
    least, most = (
        np.array([[getattr(each, end) for each in pairs] for pairs in repeats], dtype=float)
        for end in ("least_ns", "most_ns")
    )
    rounds, pairs, width = counts.shape
    batch = max(1, _MOST_AT_ONCE // (rounds * (width + pairs)))
    found = []
    for begin in range(0, _RESAMPLES, batch):
        count = min(batch, _RESAMPLES - begin)
        drawn = chance.multinomial(pairs, [1 / pairs] * pairs, size=count)
        # By resample, repeat and bucket: how many requests the pairs have that were drawn.
        merged = np.tensordot(drawn, counts, axes=(1, 1))
        reached = np.cumsum(merged, axis=-1)
        rank = (statistic.merged_percent or 0.0) / 100 * reached[..., -1:]
        nearest = np.maximum(np.ceil(np.round(rank, 6)), 1)
        place = np.argmax(reached >= nearest, axis=-1)[..., np.newaxis]
        inside = np.take_along_axis(merged, place, axis=-1)
        before = np.take_along_axis(reached, place, axis=-1) - inside
        share = np.clip((rank - before) / inside, 0, 1)[..., 0]
        among = (drawn > 0)[:, np.newaxis, :]
        low = np.maximum(over[place[..., 0]], np.where(among, least, np.inf).min(axis=-1))
        high = np.minimum(up_to[place[..., 0]], np.where(among, most, -np.inf).max(axis=-1))
        by_repeat = (low + share * (high - low)) / NS_PER_MS
        chosen = chance.integers(rounds, size=(count, rounds))
        found.append(np.median(np.take_along_axis(by_repeat, chosen, axis=1), axis=1))
    return np.concatenate(found)


def _counts(repeats: Sequence[Sequence[Histogram]], buckets: Sequence[Bucket]) -> NDArray[np.float64]:
    """Return how many requests there are by repeat, pair and bucket."""
    import numpy as np  # noqa: PLC0415 - as above

    places = {(each.over_ns, each.up_to_ns): place for place, each in enumerate(buckets)}
    counts = np.zeros((len(repeats), len(repeats[0]), len(places)))
    for repeat, pairs in enumerate(repeats):
        for pair, histogram in enumerate(pairs):
            for bucket in histogram.buckets:
                counts[repeat, pair, places[bucket.over_ns, bucket.up_to_ns]] = bucket.count
    return counts


def estimate(repeats: Sequence[Sequence[float]], statistic: Statistic) -> float:
    """Return the median over `repeats` of the statistic over each one's pairs.

    Raises:
        ValueError: There are no repeats, or one without values.
    """
    if not repeats:
        raise ValueError("no repeats to take an estimate of")
    return statistics.median(statistic.of(pairs) for pairs in repeats)


def interval_of(
    repeats: Sequence[Sequence[float]], statistic: Statistic, *, seed: int, level: float = LEVEL
) -> ConfidenceInterval | None:
    """Return the interval of `estimate`, or None where there are too few repeats.

    Args:
        repeats: Figures by repeat, of the same pairs in the same order in each.

    Raises:
        ValueError: The repeats are not of equally many pairs.
    """
    if len(repeats) < LEAST_REPEATS:
        return None
    import numpy as np  # noqa: PLC0415 - the command line reads thresholds without it

    figures = np.array([list(pairs) for pairs in repeats], dtype=float)
    if figures.ndim != 2 or figures.shape[1] == 0:  # noqa: PLR2004 - repeats and pairs
        raise ValueError("the repeats are not of the same pairs")
    estimates = _resampled(figures, statistic, np.random.default_rng(seed))
    return _between(estimates, level, figures.shape[0], figures.shape[1], seed)


def _between(
    estimates: NDArray[np.float64], level: float, repeats: int, pairs: int, seed: int
) -> ConfidenceInterval:
    import numpy as np  # noqa: PLC0415 - as above

    tail = (1 - level) / 2
    low = float(np.quantile(estimates, tail, method="inverted_cdf"))
    high = float(np.quantile(estimates, 1 - tail, method="inverted_cdf"))
    return ConfidenceInterval(low, high, level, repeats=repeats, pairs=pairs, seed=seed)


def _resampled(
    figures: NDArray[np.float64], statistic: Statistic, chance: np.random.Generator
) -> NDArray[np.float64]:
    import numpy as np  # noqa: PLC0415 - as above

    repeats, pairs = figures.shape
    batch = max(1, _MOST_AT_ONCE // figures.size)
    found = []
    for begin in range(0, _RESAMPLES, batch):
        count = min(batch, _RESAMPLES - begin)
        drawn = chance.integers(pairs, size=(count, pairs))
        # By resample and repeat: the statistic over the pairs that were drawn for the resample.
        by_repeat = _over_last(figures[:, drawn].transpose(1, 0, 2), statistic)
        chosen = chance.integers(repeats, size=(count, repeats))
        found.append(np.median(np.take_along_axis(by_repeat, chosen, axis=1), axis=1))
    return np.concatenate(found)


def _over_last(values: NDArray[np.float64], statistic: Statistic) -> NDArray[np.float64]:
    """Take a statistic over the last axis, as `Statistic.of` does of one row."""
    import numpy as np  # noqa: PLC0415 - as above

    ordered = np.sort(values, axis=-1)
    count = ordered.shape[-1]
    if not statistic.is_ratio:
        picked: NDArray[np.float64] = ordered[..., statistic.rank(count)]
        return picked
    low, median = ordered[..., PERC05.rank(count)], ordered[..., PERC50.rank(count)]
    return np.divide(low, median, out=np.zeros_like(low), where=median != 0)
