"""How often changes of level are missed, and alarmed at where there are none: what finds them, weighed.

Nights with noise like a real network's (fitted in `verdicts.py` to public repeat runs), and planted changes:

- ours: candidates by ruptures' kernel search, confirmed by a rank test (`netcadence.trends.detection`);
- ruptures alone: the same kernel, and PELT with squared deviations, with the usual penalty 3·ln n;
- apache-otava's E-divisive with its t-test, at its own level 0.001, and at 0.00001.

apache-otava pins numpy 2.2 and cannot be installed beside our pins; where it is to be weighed, too:

    pip install --no-deps --target /tmp/otava apache-otava==0.8.0
    PYTHONPATH=/tmp/otava python benchmarks/changes.py

A change counts as found where it is told within a week; an alarm is one that is told further from any. All
are given the same least change of 3 %, which ruptures alone knows nothing of. Prints a table and keeps all
figures as JSON in `.netcadence/benchmarks/`. Seeded. Takes some minutes.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import ruptures
from numpy.typing import NDArray
from verdicts import fitted

from netcadence.lake.series_key import SeriesKey
from netcadence.trends.detection import LEAST_CHANGE, find, scale_of
from netcadence.trends.rhythm import season
from netcadence.trends.series import Series, instants_of

_SEED = 20_260_101
_TRIALS = 200
_WEEK = 7
_LEVEL = 1_000.0

Figures = NDArray[np.float64]
Rule = Callable[[Figures], list[int]]


@dataclass(frozen=True, slots=True)
class Case:
    """What is planted.

    Attributes:
        factors: By which night on which factor holds.
        memory: Share of a night's deviation that it has from the night before.
    """

    name: str
    nights: int
    factors: tuple[tuple[int, float], ...] = ()
    memory: float = 0.0

    def figures(self, freedom: float, scale: float, chance: np.random.Generator) -> Figures:
        own = chance.standard_t(freedom, self.nights)
        for night in range(1, self.nights if self.memory else 0):
            own[night] = self.memory * own[night - 1] + math.sqrt(1 - self.memory**2) * own[night]
        values = _LEVEL * np.exp(np.clip(scale * own, -math.log(10), math.log(10)))
        for night, factor in self.factors:
            values[night:] *= factor
        return values

    @property
    def changes(self) -> list[int]:
        return [night for night, _ in self.factors]


CASES = (
    Case("a healthy year", 365),
    Case("two healthy months", 60),
    Case("a healthy year, 0.3 of each night before", 365, memory=0.3),
    Case("a healthy year, 0.5 of each night before", 365, memory=0.5),
    Case("-5 % half a year ago", 365, ((180, 0.95),)),
    Case("-10 % half a year ago", 365, ((180, 0.9),)),
    Case("-10 % 14 nights ago", 365, ((351, 0.9),)),
    Case("-18 % 14 nights ago", 365, ((351, 0.82),)),
    Case("-18 % 7 nights ago", 365, ((358, 0.82),)),
    Case("-18 % 5 nights ago", 365, ((360, 0.82),)),
    Case("-30 % 7 nights ago", 365, ((358, 0.7),)),
    Case("-18 % for 20 nights", 365, ((180, 0.82), (200, 1 / 0.82))),
    Case("-10 % in the middle of two months", 60, ((30, 0.9),)),
)


def ours(values: Figures) -> list[int]:
    return [each.index for each in find(values)]


def _scaled(values: Figures) -> Figures:
    signal = np.log(values)
    return ((signal - np.median(signal)) / scale_of(signal)).reshape(-1, 1)


def kernel_alone(values: Figures) -> list[int]:
    search = ruptures.KernelCPD(kernel="rbf", min_size=5, params={"gamma": 1 / 8})
    return search.fit(_scaled(values)).predict(pen=3 * math.log(len(values)))[:-1]


def squares_alone(values: Figures) -> list[int]:
    search = ruptures.KernelCPD(kernel="linear", min_size=5)
    return search.fit(_scaled(values)).predict(pen=3 * math.log(len(values)))[:-1]


def otava(level: float) -> Rule:
    from otava.analysis import compute_change_points

    def rule(values: Figures) -> list[int]:
        found, _ = compute_change_points(values.tolist(), max_pvalue=level, min_magnitude=LEAST_CHANGE)
        return [int(each.index) for each in found]

    return rule


def rules() -> dict[str, Rule]:
    found: dict[str, Rule] = {
        "ruptures + rank test": ours,
        "ruptures, kernel": kernel_alone,
        "ruptures, squares": squares_alone,
    }
    try:
        found |= {"otava 0.001": otava(0.001), "otava 0.00001": otava(0.00001)}
    except ImportError:
        print("apache-otava is not here, and not weighed (see the top of this file)")
    return found


def weighed(rule: Rule, case: Case, histories: Sequence[Figures]) -> dict[str, Any]:
    """Count what a rule finds of what is planted, and what else it tells."""
    found = alarms = 0
    begun = time.process_time()
    for values in histories:
        told = rule(values)
        found += all(any(abs(each - change) <= _WEEK for each in told) for change in case.changes)
        alarms += any(all(abs(each - change) > _WEEK for change in case.changes) for each in told)
    return {
        "found": found / len(histories) if case.changes else None,
        "alarms": alarms / len(histories),
        "ms": 1_000 * (time.process_time() - begun) / len(histories),
    }


def unusual(freedom: float, scale: float, chance: np.random.Generator) -> dict[str, float]:
    """How often a night is called beyond the fourteen before it: one like them, and one that fell by 18 %."""
    instants = instants_of([datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(15)])
    key, ids = SeriesKey("c", "s", "throughput", "Perc50"), tuple(map(str, range(15)))
    shares = {}
    for name, factor in (("healthy", 1.0), ("-18 %", 0.82), ("-30 %", 0.7)):
        beyond = 0
        for _ in range(10 * _TRIALS):
            values = Case("", 15, ((14, factor),)).figures(freedom, scale, chance)
            told = season(Series(key, instants, values, ids))
            beyond += bool(told and told.beyond)
        shares[name] = beyond / (10 * _TRIALS)
    return shares


def main() -> None:
    chance = np.random.default_rng(_SEED)
    noise = fitted(np.random.default_rng(_SEED))
    print(
        f"noise: Student's t, {noise.freedom:g} degrees of freedom, s = {noise.scale:.3f}; {_TRIALS} trials"
    )
    histories = {
        case.name: [case.figures(noise.freedom, noise.scale, chance) for _ in range(_TRIALS)]
        for case in CASES
    }
    table: dict[str, dict[str, Any]] = {}
    print("\nfound / false alarms")
    for name, rule in rules().items():
        table[name] = {case.name: weighed(rule, case, histories[case.name]) for case in CASES}
        print(f"\n{name}")
        for case in CASES:
            row = table[name][case.name]
            found = "     " if row["found"] is None else f"{row['found']:5.1%}"
            print(f"  {case.name:42} {found:>6}  {row['alarms']:6.1%}  {row['ms']:6.1f} ms", flush=True)
    beyond = unusual(noise.freedom, noise.scale, chance)
    print("\na night beyond the fourteen before it: " + ", ".join(f"{k} {v:.1%}" for k, v in beyond.items()))
    folder = Path(__file__).resolve().parents[1] / ".netcadence" / "benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"changes-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    content = {"seed": _SEED, "trials": _TRIALS, "rules": table, "beyond": beyond}
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    print(f"\nkept in {path}")


if __name__ == "__main__":
    main()
