"""How often a verdict is wrong: the rule of the interval beside naive rules, on noise like a real network's.

The noise is made such that single 10 s TCP measurements of one configuration, compared with each other, fall
by more than 5, 10 and 20 % as often as in public data of 540 runs on 40 GbE (25.7, 14.4 and 4.6 %). A figure
is the configuration's true median times exp(s·t), t of Student's distribution; its degrees of freedom and s
are fitted to those three. In a second noise half of a deviation is common to all repeats of a run, as where a
network is slow for an hour; their own deviations have the weight 0.87 beside it.

Prints tables and keeps all figures as JSON in `.netcadence/benchmarks/`. Needs no cluster. Seeded: it prints
the same each time. Takes some minutes.
"""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netcadence.comparison import Comparison
from netcadence.confidence import interval_of
from netcadence.repeats import Repeats
from netcadence.statistics import PERC50

_SEED = 20_260_101
#: By how much a measurement falls below another of the same configuration, and how often.
_PUBLISHED = {0.05: 0.257, 0.10: 0.144, 0.20: 0.046}
_TRIALS = 2_000
_FIT_DRAWS = 200_000
_THRESHOLD = 1_000.0
#: How far the truth is above the threshold, or below it.
_MARGINS = (0.20, 0.10, 0.05, 0.02, -0.02, -0.05, -0.10, -0.20)
_COMMON = (0.0, 0.5)
#: A figure is at most ten times the truth, or a tenth of it.
_MOST_EXPONENT = math.log(10)
_BUDGET = Repeats()

Figures = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Noise:
    """What multiplies the truth.

    Attributes:
        common: Weight of the deviation that all repeats of a run have in common, beside √(1 - common²) of
            their own.
    """

    freedom: float
    scale: float
    common: float = 0.0

    def repeats(self, truth: float, chance: np.random.Generator, *, pairs: int = 1) -> Figures:
        """Return as many repeats as there may be, by repeat and pair."""
        own = chance.standard_t(self.freedom, size=(_BUDGET.most, pairs))
        shared = chance.standard_t(self.freedom)
        mixed = self.common * shared + math.sqrt(1 - self.common**2) * own
        # Tails that heavy know no bound; a network's figures do.
        return truth * np.exp(np.clip(self.scale * mixed, -_MOST_EXPONENT, _MOST_EXPONENT))


def fitted(chance: np.random.Generator) -> Noise:
    """Return the noise whose drops come nearest to the published ones."""

    def error(scale: float, drops: Figures) -> float:
        found = [(scale * drops < math.log(1 - drop)).mean() for drop in _PUBLISHED]
        if 0 in found:
            return math.inf
        return sum(math.log(is_ / was) ** 2 for is_, was in zip(found, _PUBLISHED.values(), strict=True))

    candidates = []
    for freedom in (1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0, 30.0):
        drops = np.subtract(*chance.standard_t(freedom, size=(2, _FIT_DRAWS)))
        candidates += [(error(scale, drops), freedom, scale) for scale in np.arange(0.02, 0.12, 0.001)]
    _, freedom, scale = min(candidates)
    return Noise(freedom, float(scale))


def once(figures: Figures, threshold: float) -> tuple[str, int]:
    """Judge the first figure."""
    return ("PASS" if figures[0, 0] >= threshold else "FAIL"), 1


def median_of_five(figures: Figures, threshold: float) -> tuple[str, int]:
    """Judge the median of five."""
    return ("PASS" if np.median(figures[:5, 0]) >= threshold else "FAIL"), 5


def by_interval(figures: Figures, threshold: float) -> tuple[str, int]:
    """Repeat until the interval is on one side of the threshold, or the budget is spent."""
    for count in range(_BUDGET.least, _BUDGET.most + 1):
        interval = interval_of(figures[:count].tolist(), PERC50, seed=count)
        met = interval and interval.reaches(threshold, Comparison.AT_LEAST)
        if met is not None:
            return ("PASS" if met else "FAIL"), count
    return "INCONCLUSIVE", _BUDGET.most


RULES: dict[str, Callable[[Figures, float], tuple[str, int]]] = {
    "one figure": once,
    "median of 5": median_of_five,
    f"interval, {_BUDGET.least} to {_BUDGET.most}": by_interval,
}


def wrong_verdicts(noise: Noise, chance: np.random.Generator) -> list[dict[str, Any]]:
    """Judge clusters whose truth is known."""
    rows = []
    for margin in _MARGINS:
        runs = [noise.repeats(_THRESHOLD * (1 + margin), chance) for _ in range(_TRIALS)]
        for name, rule in RULES.items():
            verdicts = [rule(figures, _THRESHOLD) for figures in runs]
            counts = Counter(verdict for verdict, _ in verdicts)
            rows.append(
                {
                    "common": noise.common,
                    "margin": margin,
                    "rule": name,
                    "wrong": counts["FAIL" if margin > 0 else "PASS"] / _TRIALS,
                    "inconclusive": counts["INCONCLUSIVE"] / _TRIALS,
                    "repeats": sum(count for _, count in verdicts) / _TRIALS,
                }
            )
    return rows


def drops_of_nothing(noise: Noise, chance: np.random.Generator) -> list[dict[str, Any]]:
    """Compare a configuration with itself: the threshold is what it reached before, less a tenth."""
    rows = []
    for name, rule in RULES.items():
        before = 1 if rule is once else _BUDGET.least
        alarms = 0
        for _ in range(_TRIALS):
            threshold = 0.9 * float(np.median(noise.repeats(_THRESHOLD, chance)[:before, 0]))
            alarms += rule(noise.repeats(_THRESHOLD, chance), threshold)[0] == "FAIL"
        rows.append({"common": noise.common, "rule": name, "alarms": alarms / _TRIALS})
    return rows


def coverage(noise: Noise, chance: np.random.Generator) -> list[dict[str, Any]]:
    """Count how often an interval holds the truth, where each pair has a level of its own."""
    rows = []
    for pairs, count in itertools.product((1, 4, 50), (5, 10, 15)):
        held = 0
        for trial in range(_TRIALS // 4):
            levels = np.exp(0.05 * chance.standard_normal(pairs)) if pairs > 1 else np.ones(1)
            figures = noise.repeats(_THRESHOLD, chance, pairs=pairs)[:count] * levels
            interval = interval_of(figures.tolist(), PERC50, seed=trial)
            held += bool(interval and interval.low <= _THRESHOLD <= interval.high)
        rows.append({"pairs": pairs, "repeats": count, "held": held / (_TRIALS // 4)})
    return rows


def main() -> None:
    chance = np.random.default_rng(_SEED)
    noise = fitted(chance)
    drops = noise.scale * np.subtract(*chance.standard_t(noise.freedom, size=(2, _FIT_DRAWS)))
    made = {drop: float((drops < math.log(1 - drop)).mean()) for drop in _PUBLISHED}
    print(f"noise: Student's t, {noise.freedom:g} degrees of freedom, s = {noise.scale:.3f}")
    for drop, share in made.items():
        print(f"  falls by more than {drop:3.0%}: {share:5.1%} (published {_PUBLISHED[drop]:.1%})")
    noises = [Noise(noise.freedom, noise.scale, common) for common in _COMMON]
    verdicts = [row for each in noises for row in wrong_verdicts(each, chance)]
    print("\ncommon  truth vs threshold  rule               wrong verdict  INCONCLUSIVE  repeats")
    for row in verdicts:
        print(
            f"{row['common']:6.1f}  {row['margin']:+18.0%}  {row['rule']:17}  {row['wrong']:13.1%}"
            f"  {row['inconclusive']:12.1%}  {row['repeats']:7.1f}"
        )
    alarms = [row for each in noises for row in drops_of_nothing(each, chance)]
    print("\ncommon  rule               false alarms of a drop by a tenth")
    for row in alarms:
        print(f"{row['common']:6.1f}  {row['rule']:17}  {row['alarms']:6.1%}")
    covered = coverage(noise, chance)
    print("\npairs  repeats  intervals of 95 % that hold the truth")
    for row in covered:
        print(f"{row['pairs']:5}  {row['repeats']:7}  {row['held']:6.1%}")
    folder = Path(__file__).resolve().parents[1] / ".netcadence" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"verdicts-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    content = {
        "seed": _SEED,
        "trials": _TRIALS,
        "noise": {"freedom": noise.freedom, "scale": noise.scale, "drops": made},
        "published_drops": _PUBLISHED,
        "verdicts": verdicts,
        "drops_of_nothing": alarms,
        "coverage": covered,
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"\nkept in {path}")


if __name__ == "__main__":
    main()
