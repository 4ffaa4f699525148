"""Where a series changed its level: candidates by ruptures, each confirmed by a test that noise fails.

Candidates: kernel change-point detection with a Gaussian kernel and a penalty (PELT), of ruptures (C.
Truong, L. Oudre, N. Vayatis, "Selective review of offline change point detection methods", Signal Processing
167, 2020). The kernel is bounded, so that a night far off counts for one night and not for how far off it is.
It is asked for more candidates than there are changes, for a penalty says nothing about how often it errs.

Confirmation: the values between a candidate's two neighbours become normal scores of their ranks, and the sum
over those before it is compared with the greatest such sum that any split of as many shuffled values has. So
the search for the place is paid for, and no distribution is assumed. The least sure candidate goes first, and
its neighbours are tested anew, until all that are left are sure. What is sure and too small to matter goes
likewise.

Nights that resemble the night before prove less than others: as much as they have in common is taken off.

Limits: what is common to many nights cannot be told from a change. `benchmarks/changes.py` measures false
alarms and misses, also of what else was weighed; `expectations/README.md` has the table.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import ruptures
from scipy.special import ndtri
from scipy.stats import rankdata

from netcadence.trends.series import Values

#: Runs that a level has at least; with fewer there is no interval either (`netcadence.confidence`).
LEAST_RUNS: Final = 5
#: The greatest chance of a confirmed change in values that are only shuffled.
ALARM_LEVEL: Final = 0.001
#: A relative change that is smaller is not worth a word, however sure.
LEAST_CHANGE: Final = 0.03
#: Penalty of a further candidate, in logarithms of the number of values; weighed by simulation.
_PENALTY: Final = 0.5
#: Width of the kernel: of two values so many standard deviations apart, the likeness is 1/√e.
_WIDTH: Final = 2.0
_FAR: Final = 1e6
#: Values that are looked at together: the search takes time with the square of them.
_MOST_AT_ONCE: Final = 730
#: Values on either side of a candidate that confirm it; more would only say with more zeros how sure it is.
_MOST_BESIDE: Final = 300
_SHUFFLES: Final = 2_999
#: Where many values are the same, their own shuffles are made, in fewer numbers.
_OWN_SHUFFLES: Final = 1_999
#: Share of values with an equal from which on the shuffles of different values no longer hold.
_MOST_TIES: Final = 0.25
_OF_MAD: Final = 1.4826
#: Probability with which the true place of a change is meant to be within its range.
_PLACE_LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True)
class Break:
    """A confirmed change of level.

    Attributes:
        index: Of the first value of the new level, as far as can be told.
        earliest, latest: Between which that index is with 95 %.
        p_value: How often shuffled values have a split as clear, at most.
    """

    index: int
    earliest: int
    latest: int
    p_value: float


def find(values: Values, *, least_change: float = LEAST_CHANGE) -> tuple[Break, ...]:
    """Return where the level of `values` changed, in order.

    Args:
        least_change: The least relative change that counts, where levels are positive.
    """
    found = _confirmed(values, _candidates(values), least_change)
    # Noise may have put a candidate a few values beside the place that fits best; what it is then has to be
    # as sure as before.
    bounds = [0, *found, len(values)]
    placed = [_placed(values, *bounds[i : i + 3]) for i in range(len(found))]
    kept = _confirmed(values, [place for place, _, _ in placed], least_change)
    ends = [0, *kept, len(values)]
    by_index = {place: (earliest, latest) for place, earliest, latest in placed}
    return tuple(
        Break(index, *by_index[index], _p_value(values, ends[i], index, ends[i + 2]))
        for i, index in enumerate(kept)
    )


def scale_of(values: Values) -> float:
    """Return how much neighbours scatter, changes of level left aside; 0 where more than half do not."""
    differences = np.diff(values)
    return _OF_MAD * float(np.median(np.abs(differences))) / math.sqrt(2) if len(differences) else 0.0


def stretched(values: Values) -> Values:
    """Return logarithms where all values are positive, for noise is a share of a figure; else the values."""
    return np.log(values) if len(values) and values.min() > 0 else values


def _candidates(values: Values) -> list[int]:
    count = len(values)
    if count <= _MOST_AT_ONCE:
        return _split(values)
    # Of a long series first what medians of neighbours show, then what is new, in all detail.
    size = math.ceil(count / _MOST_AT_ONCE)
    begin = count % size
    medians = np.median(values[begin:].reshape(-1, size), axis=1)
    coarse = [begin + place * size for place in _split(medians)]
    recent = count - _MOST_AT_ONCE
    fine = [recent + place for place in _split(values[recent:])]
    # What both have seen is one candidate.
    return sorted({*fine, *(each for each in coarse if all(abs(each - other) > size for other in fine))})


def _split(values: Values) -> list[int]:
    if len(values) < 2 * LEAST_RUNS:
        return []
    signal = stretched(values)
    scale = scale_of(signal)
    if scale <= np.ptp(signal) / _FAR:  # most are as their neighbour: how they rank is all that is left
        signal, scale = _scores(values), 1.0
    # Beyond a million deviations it does not matter how many, and their squares stay finite.
    scaled = np.clip((signal - np.median(signal)) / scale, -_FAR, _FAR)
    search = ruptures.KernelCPD(kernel="rbf", min_size=LEAST_RUNS, params={"gamma": 1 / (2 * _WIDTH**2)})
    ends: list[int] = search.fit(scaled.reshape(-1, 1)).predict(pen=_PENALTY * math.log(len(signal)))
    return [int(end) for end in ends[:-1]]


def _confirmed(values: Values, candidates: Sequence[int], least_change: float) -> list[int]:
    """Leave out the least sure candidate until all are sure, then the smallest until all are large enough."""
    kept = sorted(set(candidates))
    while kept:
        bounds = [0, *kept, len(values)]
        trios = [(bounds[i], bounds[i + 1], bounds[i + 2]) for i in range(len(kept))]
        unsure = [_p_value(values, *trio) for trio in trios]
        worst = int(np.argmax(unsure))
        if unsure[worst] <= ALARM_LEVEL:
            sizes = [_size(values[a:b], values[b:c]) for a, b, c in trios]
            worst = int(np.argmin(sizes))
            if sizes[worst] >= least_change:
                return kept
        del kept[worst]
    return kept


def _size(before: Values, after: Values) -> float:
    """Return the relative change between two levels; of levels that are not positive any change is large."""
    low, high = sorted((float(np.median(before)), float(np.median(after))))
    if low == high:
        low, high = sorted((float(before.mean()), float(after.mean())))
    return high / low - 1 if low > 0 else (math.inf if high > low else 0.0)


def _p_value(values: Values, begin: int, place: int, end: int) -> float:
    """Return how often the best split of shuffled values is as clear as this one."""
    begin, end = max(begin, place - _MOST_BESIDE), min(end, place + _MOST_BESIDE)
    if min(place - begin, end - place) < LEAST_RUNS:
        return 1.0
    part = values[begin:end]
    scores = _scores(part)
    spread = float(scores.var(ddof=1))
    if spread == 0:
        return 1.0
    count, before = len(part), place - begin
    clear = abs(float(scores[:before].sum())) / math.sqrt(before * (count - before) * spread / count)
    clear *= _worth(scores, before)
    ties = 1 - len(np.unique(part)) / count
    shuffled = _clearest_of(scores, _OWN_SHUFFLES) if ties > _MOST_TIES else _clearest(_rounded(count))
    return float((1 + len(shuffled) - np.searchsorted(shuffled, clear)) / (1 + len(shuffled)))


def _worth(scores: Values, before: int) -> float:
    """Return how much of a sum's clarity counts where values resemble those before them; 1 where none do.

    What neighbours have in common beyond what chance explains, `r`, makes a sum of them scatter more by
    √((1 + r) / (1 - r)), as in an autoregression of first order.
    """
    rest = np.concatenate([part - part.mean() for part in (scores[:before], scores[before:])])
    square = float((rest**2).sum())
    if square == 0:
        return 1.0
    common = float((rest[1:] * rest[:-1]).sum()) / square - 1 / math.sqrt(len(rest))
    return math.sqrt((1 - common) / (1 + common)) if common > 0 else 1.0


def _scores(values: Values) -> Values:
    scores: Values = ndtri(rankdata(values) / (len(values) + 1))
    centred: Values = scores - scores.mean()
    return centred


def _rounded(count: int) -> int:
    """Return a number a little above `count`, so that few different ones are to be shuffled."""
    step = 1 << max(count.bit_length() - 5, 0)
    return -(-count // step) * step


@functools.lru_cache(maxsize=512)
def _clearest(count: int) -> Values:
    return _clearest_of(_scores(np.arange(count, dtype=np.float64)), _SHUFFLES)


def _clearest_of(scores: Values, shuffles: int) -> Values:
    """Return, in order, how clear the best split is of so many shuffles of the scores."""
    count = len(scores)
    chance = np.random.default_rng(count)
    before = np.arange(LEAST_RUNS, count - LEAST_RUNS + 1)
    deviation = np.sqrt(before * (count - before) * scores.var(ddof=1) / count)
    batch = max(1, 100_000 // count)  # few enough to stay in a processor's cache
    found = []
    for begin in range(0, shuffles, batch):
        rows = np.tile(scores, (min(batch, shuffles - begin), 1))
        sums = np.cumsum(chance.permuted(rows, axis=1), axis=1)[:, LEAST_RUNS - 1 : count - LEAST_RUNS]
        found.append(np.abs(sums / deviation).max(axis=1))
    return np.sort(np.concatenate(found))


def _placed(values: Values, begin: int, place: int, end: int) -> tuple[int, int, int]:
    """Return the likeliest place of a change near `place`, and the ends of where it is with 95 %.

    With both levels at their medians and noise of Laplace's distribution, which is that of medians, how
    likely a place is falls by half with each ln 2 mean deviations that it costs.
    """
    begin, end = max(begin, place - _MOST_BESIDE), min(end, place + _MOST_BESIDE)
    signal = stretched(values[begin:end])
    split = place - begin
    before, after = float(np.median(signal[:split])), float(np.median(signal[split:]))
    off_before, off_after = np.abs(signal - before), np.abs(signal - after)
    scatter = float(np.concatenate([off_before[:split], off_after[split:]]).mean())
    if scatter == 0 or before == after:
        return place, place, place
    costs = np.concatenate([[0.0], np.cumsum(off_before - off_after)]) / scatter
    places = np.arange(LEAST_RUNS, len(signal) - LEAST_RUNS + 1)
    weights = np.exp(-(costs[places] - costs[places].min()))
    weights /= weights.sum()
    best = int(places[np.argmax(weights)])
    reached = np.cumsum(weights)
    tail = (1 - _PLACE_LEVEL) / 2
    low, high = (int(places[np.searchsorted(reached, share)]) for share in (tail, 1 - tail))
    return begin + best, begin + min(low, best), begin + max(high, best)
