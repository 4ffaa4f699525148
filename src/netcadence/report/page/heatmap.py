"""A mesh of nodes as a table that is coloured: who sends stands left, who receives above."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from netcadence import blame
from netcadence.blame import BlameMap, Part
from netcadence.record import RunRecord
from netcadence.report import mesh
from netcadence.report.figures import NOTHING, figure
from netcadence.report.page.chart import Shape, Table

#: More nodes than that are drawn without figures; the slowest pairs stand below as a table.
MOST_WRITTEN: Final = 16
_SLOWEST: Final = 40
#: Each takes a hundred bytes.
_MOST_OUTLIERS: Final = 1000
#: Every so many nodes have a label.
_STEPS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
#: What is not drawn, for nobody wanted to measure it, and what is as it should be.
_BLANK, _COMMON = "blank", "d0"
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
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A row and a column.

    Attributes:
        short: Its name without the domain that all have.
        sends_slowly: Whether it is named as slow in its row.
        receives_slowly: Whether it is in its column.
    """

    number: int
    name: str
    short: str
    sends_slowly: bool
    receives_slowly: bool


@dataclass(frozen=True, slots=True)
class Label:
    """A node's name or number beside a drawing that has no room for all of them; `place` in per cent."""

    node: Node
    place: float
    is_slow: bool


@dataclass(frozen=True, slots=True)
class Heatmap:
    """A mesh, drawn.

    Attributes:
        cells: By row, who sends, and column, who receives; empty where there are too many to be written.
        drawn: One path for all cells of a kind, in units of a cell.
        outliers: Cells that a pointer makes name themselves, as they are or have been far from the median:
            their kinds, paths and words. They lie upon those that are drawn.
        planned: Pairs of nodes that were to be measured.
    """

    nodes: tuple[Node, ...]
    cells: tuple[tuple[Cell, ...], ...]
    drawn: tuple[tuple[str, str], ...]
    outliers: tuple[Shape, ...]
    sentences: tuple[str, ...]
    said: str
    slowest: Table
    effects: Table
    legend: tuple[tuple[str, str], ...] = LEGEND

    @property
    def gutter(self) -> int:
        """Characters that the longest label of a row needs."""
        return max(len(f"{node.short} {node.number}") for node in self.nodes) + 1

    def rows(self, room: float) -> tuple[Label, ...]:
        """Return the rows' labels where each needs so many per cent of the drawing: of slow senders first."""
        return self._labels(room, [node.sends_slowly for node in self.nodes])

    def columns(self, room: float) -> tuple[Label, ...]:
        """Return the columns' labels, as of the rows."""
        return self._labels(room, [node.receives_slowly for node in self.nodes])

    def _labels(self, room: float, is_slow: Sequence[bool]) -> tuple[Label, ...]:
        count = len(self.nodes)
        least = room * count / 100
        step = next(step for step in _STEPS if step >= min(least, count))
        kept: list[int] = []
        for number in (*itertools.compress(range(count), is_slow), *range(0, count, step)):
            if all(abs(number - other) >= max(least, 1) for other in kept):
                kept.append(number)
        return tuple(
            Label(self.nodes[number], round((number + 0.5) * 100 / count, 2), is_slow[number])
            for number in sorted(kept)
        )


def of_mesh(record: RunRecord) -> Heatmap | None:
    """Draw a mesh; None for a run that is none, or has no figures."""
    split = blame.of_mesh(record)
    if split is None:
        return None
    planned = {(each.pair.client.node, each.pair.server.node) for each in record.outcomes}
    return _heatmap(split, planned)


def _heatmap(split: BlameMap, planned: Collection[tuple[str, str]]) -> Heatmap:
    names = sorted({name for cell in planned for name in cell})
    rows = tuple(tuple(_cell(split, (client, server), planned) for server in names) for client in names)
    measured, total = len(split.figures), len(names) * (len(names) - 1)
    missing = f"; {len(planned) - measured:,} more without a figure" if len(planned) > measured else ""
    is_written = len(names) <= MOST_WRITTEN
    outliers = () if is_written else _outliers(rows)
    nodes = tuple(_nodes(split, names))
    return Heatmap(
        nodes=nodes,
        cells=rows if is_written else (),
        drawn=_drawn(rows),
        outliers=outliers,
        sentences=tuple(_begun(each, names) for each in mesh.sentences(split)),
        said=(
            f"{measured:,} of {total:,} pairs of nodes, "
            f"in per cent of the median, {figure(split.level, split.unit)}{missing}."
        ),
        slowest=_slowest(split),
        effects=_effects(split, nodes),
    )


def _nodes(split: BlameMap, names: Sequence[str]) -> Iterator[Node]:
    slow = {(effect.node, effect.part) for effect in split.named}
    for number, (name, short) in enumerate(zip(names, mesh.short_names(names), strict=True)):
        yield Node(number, name, short, (name, Part.CLIENT) in slow, (name, Part.SERVER) in slow)


def _begun(sentence: str, nodes: Sequence[str]) -> str:
    """Begin a sentence with a capital letter, unless it begins with a node's name."""
    return sentence if sentence.startswith(tuple(nodes)) else f"{sentence[0].upper()}{sentence[1:]}"


def _cell(split: BlameMap, pair: tuple[str, str], planned: Collection[tuple[str, str]]) -> Cell:
    client, server = pair
    if client == server:
        return Cell(_BLANK, "", f"{client} itself")
    said = f"{client} → {server}"
    value = split.figures.get(pair)
    if value is None:
        is_missing = pair in planned
        return (
            Cell("none", NOTHING, f"{said}: no figure")
            if is_missing
            else Cell(_BLANK, "", f"{said}: not measured")
        )
    share = value / split.level
    kind = next(kind for least, kind in reversed(_KINDS) if share >= least)
    return Cell(kind, f"{share:.0%}".rstrip("%"), f"{said}: {figure(value, split.unit)}", share)


def _outliers(rows: Sequence[Sequence[Cell]]) -> tuple[Shape, ...]:
    """Return the cells that are farthest from the median, those without a figure first."""
    found = [
        (1.0 if cell.share is None else abs(cell.share - 1), x, y, cell)
        for y, cells in enumerate(rows)
        for x, cell in enumerate(cells)
        if cell.kind not in (_BLANK, _COMMON)
    ]
    found.sort(key=lambda entry: entry[:3], reverse=True)
    return tuple(Shape(_box(x, y, 1), cell.kind, cell.said) for _, x, y, cell in found[:_MOST_OUTLIERS])


def _drawn(rows: Sequence[Sequence[Cell]]) -> tuple[tuple[str, str], ...]:
    paths = defaultdict[str, str](str)
    for y, cells in enumerate(rows):
        x = 0
        for kind, alike in itertools.groupby(cell.kind for cell in cells):
            length = len(list(alike))
            # Cells without a figure have a frame each.
            paths[kind] += (
                "".join(_box(x + each, y, 1) for each in range(length))
                if kind == "none"
                else _box(x, y, length)
            )
            x += length
    return tuple(sorted((kind, path) for kind, path in paths.items() if kind != _BLANK))


def _box(x: int, y: int, width: int) -> str:
    return f"M{x} {y}h{width}v1h-{width}z"


def _slowest(split: BlameMap) -> Table:
    ordered = sorted(split.figures.items(), key=lambda entry: (entry[1], entry[0]))
    rows = [
        (f"{client} → {server}", figure(value), f"{value / split.level:.0%}".replace("%", " %"))
        for (client, server), value in ordered
    ]
    headings = ("Pair of nodes", split.unit, "Of the median")
    return Table.of("Pairs of nodes, the slowest first", headings, rows, numbers=(1, 2), most=_SLOWEST)


def _effects(split: BlameMap, nodes: Sequence[Node]) -> Table:
    factors = {(effect.node, effect.part): effect for effect in split.effects}
    named = {(effect.node, effect.part) for effect in split.named}

    def word(node: str, part: Part) -> str:
        effect = factors.get((node, part))
        if effect is None:
            return NOTHING
        return f"{effect.factor:.0%}{', slow' if (node, part) in named else ''}".replace("%", " %")

    ordered = sorted(nodes, key=lambda node: not (node.sends_slowly or node.receives_slowly))
    rows = [(node.name, str(node.number), *(word(node.name, part) for part in Part)) for node in ordered]
    return Table.of(
        "What each node does to its pairs' figures, in per cent of a median node",
        ("Node", "Number", "Sends", "Receives"),
        rows,
        numbers=(1, 2, 3),
        most=len(rows),
    )
