"""A plot as a value: what is drawn where, what is written beside it, and the same as a table of figures.

Drawings are stretched to the width that they get, and everything written stands beside them as text, so
that it has its size on a phone as on a desk. Lines keep their width and dots their shape, as strokes that do
not scale.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from netcadence.report.page.scale import LENGTH, Scale, Tick
from netcadence.words import counted

#: Rows of a table that are shown; the lake has all.
MOST_ROWS: Final = 200


@dataclass(frozen=True, slots=True)
class Shape:
    """Something drawn.

    Attributes:
        path: As SVG writes it.
        kind: What it is, for the style sheet: `bar`, `line`, `dot` and the like, with what makes it special.
        said: Words that a pointer over it shows.
    """

    path: str
    kind: str
    said: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line through the whole drawing, with words beside it.

    Attributes:
        place: In per cent of its axis.
        beyond: `above` or `below` where the value lies outside of the drawing, so that only words are there.
        is_upright: Whether it stands on the x axis.
    """

    place: float
    text: str
    kind: str = "threshold"
    beyond: str = ""
    is_upright: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """The figures of a plot, or of anything else.

    Attributes:
        rows: Cells in words; the first one names its row.
        more: How many rows are not shown.
        numbers: Which columns hold numbers.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str
    more: int = 0
    numbers: frozenset[int] = frozenset()

    @classmethod
    def of(
        cls,
        caption: str,
        headings: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        numbers: Iterable[int] = (),
        most: int = MOST_ROWS,
    ) -> Table:
        """Return a table of the first rows."""
        shown = tuple(tuple(row) for row in rows[:most])
        return cls(tuple(headings), shown, caption, len(rows) - len(shown), frozenset(numbers))

    @classmethod
    def of_columns(
        cls, caption: str, columns: Mapping[str, Sequence[str]], *, numbers: Collection[str] = ()
    ) -> Table:
        """Return a table of the columns, by heading, in which anything is known."""
        told = {heading: cells for heading, cells in columns.items() if any(cells)}
        places = [place for place, heading in enumerate(told) if heading in numbers]
        return cls.of(caption, tuple(told), list(zip(*told.values(), strict=True)), numbers=places)

    @property
    def rest(self) -> str:
        """What is to be said of rows that are not shown; empty where all are."""
        return f"and {counted(self.more, 'more row')}, which the lake has" if self.more else ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A plot.

    Attributes:
        name: By which it is known within its page.
        said: What it shows, in sentences: what somebody is told who does not see it.
        x, y: What the axes show, with the unit.
        legend: What kinds of shapes mean, by kind.
    """

    name: str
    title: str
    said: str
    x: str
    y: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    shapes: tuple[Shape, ...]
    table: Table
    rules: tuple[Rule, ...] = ()
    legend: tuple[tuple[str, str], ...] = ()

    @property
    def gutter(self) -> int:
        """Characters that the y axis needs for what is written beside it."""
        return max((len(tick.text) for tick in self.y_ticks), default=1) + 1


def line(points: Iterable[tuple[int, int]]) -> str:
    """Return a path through points, y upwards."""
    return "M" + "L".join(f"{x} {LENGTH - y}" for x, y in points)


def dot(x: int, y: int) -> str:
    """Return a path of no length, which its stroke's ends make a dot."""
    return f"M{x} {LENGTH - y}h0"


def area(lower: Sequence[tuple[int, int]], upper: Sequence[tuple[int, int]]) -> str:
    """Return the area between two lines."""
    return f"{line([*lower, *reversed(upper)])}z"


def bar(left: int, right: int, top: int) -> str:
    """Return a bar that stands on the x axis."""
    return f"M{left} {LENGTH}V{LENGTH - top}H{right}V{LENGTH}z"


def level(scale: Scale, value: float, text: str, kind: str = "threshold") -> Rule:
    """Return a rule at a value of the y axis, or the words alone where it lies outside."""
    beyond = "" if scale.holds(value) else "above" if value > scale.high else "below"
    return Rule(scale.percent(value), text, kind, beyond)
