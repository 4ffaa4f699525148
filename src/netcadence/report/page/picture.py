"""Plots as pictures, each an SVG that stands alone: for pages that are not ours and take images only.

A page of Prefect's shows the Markdown of an artifact, and in it an image whose address is the image itself:
`of_chart(chart).as_markdown()` is what `create_markdown_artifact` wants. A plot is what `chart` makes, a mesh
what `heatmap` does, as for our own pages.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from netcadence.report.markdown import escaped
from netcadence.report.page.chart import Chart, Rule
from netcadence.report.page.heatmap import Heatmap
from netcadence.report.page.rendering import render
from netcadence.report.page.scale import LENGTH

#: In pixels. Prefect's pages have room for so much beside their own columns.
_WIDTH: Final = 700
_HEIGHT: Final = 240
_TOP, _RIGHT, _BELOW, _LINE = 34, 16, 46, 24
#: Room for a character; no font that browsers take for words is wider on the whole.
_CHARACTER: Final = 7
#: Side of a node's cell with a figure in it, and of the whole where none are written.
_CELL, _WHOLE = 36, 560
#: Room that a label of a row, and of a column, needs.
_ROW_LABEL, _COLUMN_LABEL = 15, 26
_KEY: Final = (20, 10)
_LONGEST_NAME: Final = 30
#: Where keys of the legend begin.
_MARGIN: Final = 16
#: A rule so far to an end, in per cent, has room for words on its other side only.
_FAR_RIGHT, _FAR_UP = 85, 88


@dataclass(frozen=True, slots=True)
class Word:
    """Something written; `x` and `y` in pixels."""

    x: float
    y: float
    text: str
    kind: str = ""
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Drawing:
    """Paths by kind, in units of which there are `across` and `down`, stretched to so many pixels."""

    x: float
    y: float
    width: float
    height: float
    across: int
    down: int
    paths: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """An image, and what somebody is told who does not see it."""

    svg: str
    said: str

    def as_markdown(self) -> str:
        """Return it as an image of Markdown that holds all of itself."""
        code = base64.b64encode(self.svg.encode()).decode()
        return f"![{escaped(self.said)}](data:image/svg+xml;base64,{code})"


def of_chart(chart: Chart) -> Picture:
    """Draw a plot, with what stands on its axes and beside its rules; its title is not in it."""
    left, width = chart.gutter * _CHARACTER + 16, _WIDTH
    across = width - left - _RIGHT
    shapes = [("grid", f"M0 {_down(tick.place)}H{LENGTH}") for tick in chart.y_ticks]
    shapes += [(each.kind, each.path) for each in chart.shapes]
    for each in chart.rules:
        if not each.beyond and "bare" not in each.kind:
            shapes += [] if each.is_upright else [("halo", _rule(each))]
            shapes.append((each.kind, _rule(each)))
    words = [Word(12, 20, chart.y), Word(left + across / 2, _TOP + _HEIGHT + 38, chart.x, anchor="middle")]
    words += [
        Word(left - 6, _at(_TOP + _HEIGHT * (1 - tick.place / 100) + 4), tick.text, anchor="end")
        for tick in chart.y_ticks
    ]
    words += [
        Word(_at(left + across * tick.place / 100), _TOP + _HEIGHT + 18, tick.text, anchor="middle")
        for tick in chart.x_ticks
    ]
    words += [_beside(each, left, across, place) for place, each in enumerate(chart.rules)]
    drawing = Drawing(left, _TOP, across, _HEIGHT, LENGTH, LENGTH, tuple(shapes))
    return _picture(width, _TOP + _HEIGHT + _BELOW, [drawing], words, chart.legend, said=chart.said)


def of_heatmap(heatmap: Heatmap) -> Picture:
    """Draw a mesh: who sends stands left, who receives above by its number."""
    count = len(heatmap.nodes)
    side = _CELL if heatmap.cells else max(_WHOLE // count, 1)
    whole = side * count
    names = {node.number: f"{_short(node.short)} {node.number}" for node in heatmap.nodes}
    rows = heatmap.rows(_ROW_LABEL * 100 / whole)
    left = max(len(names[each.node.number]) for each in rows) * _CHARACTER + 2 * _MARGIN
    words = [Word(12, 20, "in per cent of the median; rows send, columns receive")]
    top = _TOP + 20

    def middle(number: int) -> float:
        return side * (number + 0.5)

    for each in rows:
        y = _at(top + whole * each.place / 100 + 4)
        words.append(Word(left - 8, y, names[each.node.number], "slow" if each.is_slow else "", "end"))
    for each in heatmap.columns(_COLUMN_LABEL * 100 / whole):
        x = _at(left + whole * each.place / 100)
        words.append(Word(x, top - 8, str(each.node.number), "slow" if each.is_slow else "", "middle"))
    for row, cells in enumerate(heatmap.cells):
        words += [
            Word(left + middle(column), top + middle(row) + 4, cell.text, "figure", "middle")
            for column, cell in enumerate(cells)
            if cell.text
        ]
    drawing = Drawing(left, top, whole, whole, count, count, heatmap.drawn)
    width = max(_WIDTH, left + whole + _RIGHT)
    said = " ".join((heatmap.said, *(f"{each}." for each in heatmap.sentences)))
    return _picture(width, top + whole + 12, [drawing], words, heatmap.legend, said=said)


def _picture(
    width: int,
    height: int,
    drawings: list[Drawing],
    words: list[Word],
    legend: Iterable[tuple[str, str]],
    *,
    said: str,
) -> Picture:
    keys = list(_keys(legend, width))
    for (kind, text), x, line in keys:
        y = height + _LINE * line
        drawings.append(Drawing(x, y, *_KEY, *_KEY, ((kind, _sample(kind)),)))
        words.append(Word(x + _KEY[0] + 6, y + _KEY[1], text))
    lines = max((line for *_, line in keys), default=-1) + 1
    svg = render("picture.svg.j2", width=width, height=height + _LINE * lines, drawings=drawings, words=words)
    return Picture(svg, said)


def _keys(legend: Iterable[tuple[str, str]], width: int) -> Iterator[tuple[tuple[str, str], int, int]]:
    """Yield what kinds mean, each with its place from left and its line."""
    x, line = _MARGIN, 0
    for kind, text in legend:
        wide = _KEY[0] + 24 + len(text) * _CHARACTER
        if x > _MARGIN and x + wide > width:
            x, line = _MARGIN, line + 1
        yield (kind, text), x, line
        x += wide


def _sample(kind: str) -> str:
    if kind.startswith("dot"):
        return "M10 5h0"
    if kind.startswith("line") or kind in {"threshold", "percentile", "zero"}:
        return "M0 5H20"
    return "M10 0V10" if kind == "start" else "M3 0H17V10H3z"


def _rule(rule: Rule) -> str:
    if rule.is_upright:
        return f"M{round(rule.place * LENGTH / 100)} 0V{LENGTH}"
    return f"M0 {_down(rule.place)}H{LENGTH}"


def _beside(rule: Rule, left: int, across: int, place: int) -> Word:
    """Return what is written at a rule: above a level at the right end, at the top of what is upright."""
    kind = f"rule {rule.kind}"
    y: float
    if rule.is_upright:
        x = left + across * rule.place / 100
        is_far = rule.place > _FAR_RIGHT
        y = _TOP + 12 + 14 * (place % 2)
        return Word(_at(x + (-4 if is_far else 4)), y, rule.text, kind, "end" if is_far else "start")
    if rule.beyond:
        arrow, y = ("↑", _TOP + 12) if rule.beyond == "above" else ("↓", _TOP + _HEIGHT - 4)
        return Word(left + across, y, f"{arrow} {rule.text}, beyond this plot", kind, "end")
    y = _TOP + _HEIGHT * (1 - rule.place / 100)
    is_high = rule.place > _FAR_UP
    return Word(left + across, _at(y + (14 if is_high else -4)), rule.text, kind, "end")


def _down(percent: float) -> int:
    return LENGTH - round(percent * LENGTH / 100)


def _at(pixels: float) -> float:
    return round(pixels, 1)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"…{name[1 - _LONGEST_NAME :]}"
