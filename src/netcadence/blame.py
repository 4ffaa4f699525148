"""Which node is it? The results of a mesh, split into what each node does as client and as server.

Model: the logarithm of a figure is the sum of a common level, an effect of the client's node, one of the
server's, one of crossing zones, and a residual. So effects are factors: "31 % below the median" is a node
whose figures are 0.69 times what they would be with a median node in its place.

Method: median polish (Tukey, Exploratory Data Analysis, 1977), which makes the sum of the residuals' absolute
values small by taking medians of rows, columns and zones in turn, so that figures far off do not count by how
far. It is begun twice, with the nodes and with the zones, and the fit with the smaller sum holds: where a few
nodes are alone in a zone, the one start blames them for what the other says of the crossing.

A node is named in a role if its effect is below the median by more than `NAMED_AT` standard errors of a
median of so many figures, and by more than `LEAST_DROP`. The scatter is that of the residuals, but never less
than that of public repeat runs, of which one in seven is more than 10 % below the one before without a cause.
Both bounds are chosen by simulation with that scatter: of healthy meshes of 4 nodes or more fewer than one in
a hundred names anybody (`tests/unit/domain/test_blame.py`). Of 4 nodes a drop has to be about 20 % to be
named, of 8 nodes 13 %, of many 10 %.

Limits: more than half of a node's figures in a role have to be slow for the median to see it. With fewer than
`LEAST_FIGURES` figures in a role a node is not judged. A single slow pair stands in its residual and is never
named, for one figure proves nothing. What is wrong with more than half of the nodes is the median. Where all
nodes of a zone are slow and few of its pairs stay within it, zone and nodes cannot be told apart.
"""

from __future__ import annotations

import enum
import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from netcadence.record import RunRecord
from netcadence.schedule import Shape
from netcadence_worker.metrics import METRICS

#: Standard errors below the median from which on a node is named.
NAMED_AT: Final = 5.0
#: A smaller drop is not worth a name, however sure.
LEAST_DROP: Final = 0.1
#: Figures in a role from which on a node is judged: a median of fewer is that of noise.
LEAST_FIGURES: Final = 3
#: Of a normal distribution: standard deviation over median absolute deviation, and the standard error of a
#: median over that of a mean.
_OF_MAD: Final = 1.4826
_OF_MEDIAN: Final = 1.2533
#: Standard deviation of the logarithms, by their median absolute deviation, of repeat runs of single-stream
#: TCP for 10 s on 40 GbE: a few figures that happen to be alike do not prove that a mesh scatters less.
_LEAST_SCATTER: Final = 0.06
#: What is split: of TCP what the network carries, of UDP what arrives of what is sent at a stated rate.
_METRIC: Final = METRICS["throughput"]
#: A figure of nothing has no logarithm; it counts as this share of the median.
_NOTHING: Final = 1e-3
#: Turns of the polish; it settles within a few, and what little is left then does not matter.
_TURNS: Final = 20
_SETTLED: Final = 1e-9

Cell = tuple[str, str]


class Part(enum.StrEnum):
    """What a node does in a pair; the value is the word of the sentence."""

    CLIENT = "sends"
    SERVER = "receives"


@dataclass(frozen=True, slots=True)
class Effect:
    """What a node does to its figures in one of its roles.

    Attributes:
        factor: Its figures over those of a median node.
        errors: How many standard errors the logarithm of that is away from zero; positive where it is slow.
        figures: Of how many it is the median.
    """

    node: str
    part: Part
    factor: float
    errors: float
    figures: int

    @property
    def is_named(self) -> bool:
        """Whether the node is slow beyond what scatter explains."""
        sure = self.errors > NAMED_AT and self.figures >= LEAST_FIGURES
        return sure and self.factor < 1 - LEAST_DROP

    def __str__(self) -> str:
        """Say it, such as `node-17 receives 31 % below the median`."""
        below = "below" if self.factor < 1 else "above"
        return f"{self.node} {self.part} {abs(1 - self.factor):.0%} {below} the median".replace("%", " %")


@dataclass(frozen=True, slots=True)
class BlameMap:
    """A mesh, split.

    Attributes:
        figures: What was measured, by client's and server's node, in `unit`.
        level: The common level, in the figures' unit.
        effects: Of each node in each role, the slowest first.
        crossing: Figures across zones over those within them; None where there are not both.
        residuals: Figures over what the rest of the model says, the slowest first.
    """

    figures: Mapping[Cell, float]
    level: float
    effects: tuple[Effect, ...]
    crossing: float | None
    residuals: Mapping[Cell, float]
    unit: str = ""

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(sorted({node for cell in self.figures for node in cell}))

    @property
    def is_judged(self) -> bool:
        """Whether there is a node with figures enough to be named."""
        return any(effect.figures >= LEAST_FIGURES for effect in self.effects)

    @property
    def named(self) -> tuple[Effect, ...]:
        """Return the nodes that are slow beyond what scatter explains, the slowest first."""
        return tuple(effect for effect in self.effects if effect.is_named)


def of_mesh(record: RunRecord) -> BlameMap | None:
    """Split the results of a run; None where it is no mesh, or no pair has a throughput.

    Of pairs that were measured several times, the median counts.
    """
    if json.loads(record.facts.config).get("shape") != Shape.MESH:
        return None
    found = defaultdict[Cell, list[float]](list)
    zones: dict[str, str] = {}
    for outcome in record.outcomes:
        client, server = outcome.pair.client, outcome.pair.server
        if (value := outcome.value(_METRIC.name)) is not None:
            zones |= {client.node: client.zone, server.node: server.zone}
            found[client.node, server.node].append(value)
    figures = {cell: median(values) for cell, values in found.items()}
    return blame(figures, zones, unit=_METRIC.unit) if any(figures.values()) else None


def blame(
    figures: Mapping[Cell, float], zones: Mapping[str, str] | None = None, *, unit: str = ""
) -> BlameMap:
    """Split the figures of a mesh, of which more is better.

    Args:
        figures: By client's and server's node; pairs that have none are left out.
        zones: By node, where it has one.
        unit: Of the figures.

    Raises:
        ValueError: There are no figures, or all are nothing.
    """
    typical = median(figures.values()) or max(figures.values())
    logs = {cell: math.log(max(figure, typical * _NOTHING)) for cell, figure in figures.items()}
    crossing = {cell for cell in logs if _crosses(cell, zones or {})}
    keys: dict[str, _Key] = {"client": lambda cell: cell[0], "server": lambda cell: cell[1]}
    orders: list[tuple[str, ...]] = [("client", "server")]
    if 0 < len(crossing) < len(logs):
        keys["crossing"] = lambda cell: "yes" if cell in crossing else "no"
        orders = [("client", "server", "crossing"), ("crossing", "client", "server")]
    fit = min((_polished(logs, keys, order) for order in orders), key=lambda each: each.misfit)
    return _map(figures, fit, unit)


_Key = Callable[[Cell], str]


@dataclass(frozen=True, slots=True)
class _Fit:
    """Logarithms, split: by factor and group the effects, and what they leave."""

    effects: Mapping[str, Mapping[str, float]]
    residuals: Mapping[Cell, float]

    @property
    def misfit(self) -> float:
        return round(math.fsum(map(abs, self.residuals.values())), 6)

    @property
    def scatter(self) -> float:
        """The residuals' standard deviation, by their median absolute deviation and degrees of freedom."""
        count, parameters = len(self.residuals), sum(len(groups) - 1 for groups in self.effects.values()) + 1
        spread = _OF_MAD * median(map(abs, self.residuals.values()))
        return max(spread * math.sqrt(count / max(count - parameters, 1)), _LEAST_SCATTER)


def _polished(logs: Mapping[Cell, float], keys: Mapping[str, _Key], order: Sequence[str]) -> _Fit:
    residuals = dict(logs)
    effects = {factor: defaultdict[str, float](float) for factor in order}
    for _ in range(_TURNS):
        moved = 0.0
        for factor in order:
            groups = defaultdict[str, list[float]](list)
            for cell, residual in residuals.items():
                groups[keys[factor](cell)].append(residual)
            shifts = {group: median(found) for group, found in groups.items()}
            for group, shift in shifts.items():
                effects[factor][group] += shift
            residuals = {cell: left - shifts[keys[factor](cell)] for cell, left in residuals.items()}
            moved = max(moved, *map(abs, shifts.values()))
        if moved < _SETTLED:
            break
    return _Fit(effects, residuals)


def _map(figures: Mapping[Cell, float], fit: _Fit, unit: str) -> BlameMap:
    middles = {factor: median(groups.values()) for factor, groups in fit.effects.items()}
    crossing = fit.effects.get("crossing")
    if crossing:
        middles["crossing"] = crossing["no"]
    scatter = fit.scatter
    counts = [Counter(cell[place] for cell in figures) for place in (0, 1)]
    found = [
        _effect(node, part, effect - middles[factor], scatter, counts[place][node])
        for place, (factor, part) in enumerate((("client", Part.CLIENT), ("server", Part.SERVER)))
        for node, effect in fit.effects[factor].items()
    ]
    residuals = {cell: math.exp(residual) for cell, residual in fit.residuals.items()}
    return BlameMap(
        figures=figures,
        level=math.exp(math.fsum(middles.values())),
        effects=tuple(sorted(found, key=lambda effect: (effect.factor, effect.node, effect.part))),
        crossing=math.exp(crossing["yes"] - crossing["no"]) if crossing else None,
        residuals=dict(sorted(residuals.items(), key=lambda entry: (entry[1], entry[0]))),
        unit=unit,
    )


def _effect(node: str, part: Part, effect: float, scatter: float, figures: int) -> Effect:
    error = _OF_MEDIAN * scatter / math.sqrt(figures)
    return Effect(node, part, math.exp(effect), -effect / error, figures)


def _crosses(cell: Cell, zones: Mapping[str, str]) -> bool:
    client, server = (zones.get(node, "") for node in cell)
    return bool(client and server) and client != server
