"""A mesh in words: which node is slow, and the figure of each pair of nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from netcadence.blame import LEAST_FIGURES, BlameMap, Cell
from netcadence.report.figures import NOTHING, figure

#: What would be wider, in characters, is not shown; the document and the lake have all figures.
_WIDEST: Final = 70
_CELL_WIDTH: Final = 5


def sentences(mesh: BlameMap) -> Iterator[str]:
    """Yield what is to be said of nodes and zones, the slowest node first."""
    if not mesh.is_judged:
        yield f"too few pairs to tell which node is slow: that takes {LEAST_FIGURES} of it in a role"
    elif not mesh.named:
        yield "no node stands out"
    for effect in mesh.named:
        yield str(effect)
    if mesh.crossing is not None:
        yield f"across zones: {_percent(mesh.crossing)} of what pairs within a zone have"


def short_names(nodes: Sequence[str]) -> tuple[str, ...]:
    """Return what tells nodes apart: their names without the domain that all of them share."""
    # A domain begins with a letter: what addresses have in common is none.
    domains = (nodes[0][dot.start() :] for dot in re.finditer(r"\.(?=[a-z])", nodes[0]))
    shared = next((each for each in domains if all(name.endswith(each) for name in nodes)), "")
    return tuple(name.removesuffix(shared) or name for name in nodes)


def matrix(mesh: BlameMap) -> str:
    """Return the figures of all pairs of nodes in lines, each in per cent of the common level."""
    nodes, total = mesh.nodes, len(mesh.nodes) * (len(mesh.nodes) - 1)
    level = figure(mesh.level, mesh.unit)
    title = f"{len(mesh.figures):,} of {total:,} pairs of nodes ({_percent(len(mesh.figures) / total)})"
    names = short_names(nodes)
    width = max(map(len, names)) + len(f"{len(nodes) - 1} ")
    if width + _CELL_WIDTH * len(nodes) > _WIDEST:
        return f"{title}; the median is {level}"
    header = " " * width + "".join(f"{number:>{_CELL_WIDTH}}" for number in range(len(nodes)))
    lines = [
        f"{f'{number} {name}':<{width}}"
        + "".join(f"{_share(mesh, (client, server)):>{_CELL_WIDTH}}" for server in nodes)
        for number, (name, client) in enumerate(zip(names, nodes, strict=True))
    ]
    about = f"{title}, in % of the median, {level}; rows send, columns receive"
    return "\n".join((about, header, *lines))


def as_values(mesh: BlameMap) -> dict[str, Any]:
    """Return a mesh for a machine: figures in their unit, all else as factors, 1 being the median."""
    return {
        "unit": mesh.unit,
        "level": mesh.level,
        "crossing_zones": mesh.crossing,
        "pairs": [
            {
                "client_node": client,
                "server_node": server,
                "value": value,
                "residual": mesh.residuals[client, server],
            }
            for (client, server), value in sorted(mesh.figures.items())
        ],
        "nodes": [
            {
                "node": effect.node,
                "part": effect.part.value,
                "factor": effect.factor,
                "standard_errors": effect.errors,
                "figures": effect.figures,
                "named": effect.is_named,
            }
            for effect in mesh.effects
        ],
        "sentences": list(map(str, mesh.named)),
    }


def _share(mesh: BlameMap, cell: Cell) -> str:
    return f"{mesh.figures[cell] / mesh.level:.0%}".rstrip("%") if cell in mesh.figures else NOTHING


def _percent(factor: float) -> str:
    return f"{factor:.0%}".replace("%", " %")
