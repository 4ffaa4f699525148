"""A mesh of nodes as a table that is coloured: who sends stands left, who receives above."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from netcadence import blame
from netcadence.blame import BlameMap, Part
from netcadence.record import RunRecord
from netcadence.report import mesh
from netcadence.report.figures import NOTHING, figure
from netcadence.report.page.chart import Table

#: More nodes than that are drawn without numbers; the slowest pairs stand below as a table.
MOST_WRITTEN: Final = 16
_SLOWEST: Final = 40
#: From which share of the median on a cell is of a kind; below all of them it is of the first.
_KINDS: Final = ((0.0, "d3"), (0.7, "d2"), (0.85, "d1"), (0.95, "d0"), (1.05, "u1"), (1.15, "u2"))
LEGEND: Final = (
    ("d3", "< 70 %"),
    ("d2", "70 to 85 %"),
    ("d1", "85 to 95 %"),
    ("d0", "95 to 105 %"),
    ("u1", "105 to 115 %"),
    ("u2", "> 115 %"),
    ("none", "no figure"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A pair of nodes: what it has of the median, and the words for it."""

    kind: str
    text: str
    said: str


@dataclass(frozen=True, slots=True)
class Heatmap:
    """A mesh, drawn.

    Attributes:
        slow: Nodes that are named as slow in a role.
        cells: By row, who sends, and column, who receives; empty where there are too many to be written.
        drawn: One path for all cells of a kind, in units of a cell.
    """

    nodes: tuple[str, ...]
    slow: frozenset[str]
    cells: tuple[tuple[Cell, ...], ...]
    drawn: tuple[tuple[str, str], ...]
    sentences: tuple[str, ...]
    said: str
    slowest: Table
    effects: Table
    legend: tuple[tuple[str, str], ...] = LEGEND


def of_mesh(record: RunRecord) -> Heatmap | None:
    """Draw a mesh; None for a run that is none, or has no figures."""
    split = blame.of_mesh(record)
    return None if split is None else _heatmap(split)


def _heatmap(split: BlameMap) -> Heatmap:
    nodes = split.nodes
    rows = tuple(tuple(_cell(split, client, server) for server in nodes) for client in nodes)
    is_written = len(nodes) <= MOST_WRITTEN
    measured, total = len(split.figures), len(nodes) * (len(nodes) - 1)
    return Heatmap(
        nodes=nodes,
        slow=frozenset(effect.node for effect in split.named),
        cells=rows if is_written else (),
        drawn=_drawn(rows),
        sentences=tuple(_begun(each, nodes) for each in mesh.sentences(split)),
        said=(
            f"{measured:,} of {total:,} pairs of nodes, "
            f"in per cent of the median, {figure(split.level, split.unit)}."
        ),
        slowest=_slowest(split),
        effects=_effects(split),
    )


def _begun(sentence: str, nodes: tuple[str, ...]) -> str:
    """Begin a sentence with a capital letter, unless it begins with a node's name."""
    return sentence if sentence.startswith(nodes) else f"{sentence[0].upper()}{sentence[1:]}"


def _cell(split: BlameMap, client: str, server: str) -> Cell:
    if client == server:
        return Cell("self", "", f"{client} itself")
    value = split.figures.get((client, server))
    if value is None:
        return Cell("none", NOTHING, f"{client} → {server}: no figure")
    share = value / split.level
    kind = next(kind for least, kind in reversed(_KINDS) if share >= least)
    return Cell(kind, f"{share:.0%}".rstrip("%"), f"{client} → {server}: {figure(value, split.unit)}")


def _drawn(rows: tuple[tuple[Cell, ...], ...]) -> tuple[tuple[str, str], ...]:
    paths: dict[str, str] = {}
    for y, cells in enumerate(rows):
        for x, cell in enumerate(cells):
            paths[cell.kind] = paths.get(cell.kind, "") + f"M{x} {y}h1v1h-1z"
    return tuple(sorted(paths.items()))


def _slowest(split: BlameMap) -> Table:
    ordered = sorted(split.figures.items(), key=lambda entry: (entry[1], entry[0]))
    rows = [
        (f"{client} → {server}", figure(value), f"{value / split.level:.0%}".replace("%", " %"))
        for (client, server), value in ordered
    ]
    headings = ("Pair of nodes", split.unit, "Of the median")
    return Table.of("Pairs of nodes, the slowest first", headings, rows, numbers=(1, 2), most=_SLOWEST)


def _effects(split: BlameMap) -> Table:
    factors = {(effect.node, effect.part): effect for effect in split.effects}
    named = {(effect.node, effect.part) for effect in split.named}

    def word(node: str, part: Part) -> str:
        effect = factors.get((node, part))
        if effect is None:
            return NOTHING
        return f"{effect.factor:.0%}{', slow' if (node, part) in named else ''}".replace("%", " %")

    rows = [(node, *(word(node, part) for part in Part)) for node in split.nodes]
    return Table.of(
        "What each node does to its pairs' figures, in per cent of a median node",
        ("Node", "Sends", "Receives"),
        rows,
        numbers=(1, 2),
    )
