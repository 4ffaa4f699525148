"""The verdict table for a terminal; readable without colour and in 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from netcadence.record import Judgement, RunRecord, Verdict
from netcadence.report import content

#: Colour of each verdict, for rich.
VERDICT_STYLES: Final = {
    Verdict.PASS: "bold green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
    Verdict.INVALID: "bold magenta",
    Verdict.NOT_APPLICABLE: "bold cyan",
}

#: The least widths of the columns, which put the tables of several runs in line with each other, and how wide
#: they are together at most. Where numbers are longer than most there are none: a narrow terminal then breaks
#: those, and never a verdict.
_LEAST: Final = (10, 5, 16, 16, 16, 7)
_WIDTH: Final = 80


def verdict_table(record: RunRecord, judgement: Judgement) -> RenderableType:
    """Return a run's verdict as a rich renderable: the table, and below it what the numbers do not say."""
    return Group("", _table(record, judgement), "", _notes(record, judgement))


def _table(record: RunRecord, judgement: Judgement) -> Table:
    rows = [*_rows(record, judgement)]
    # The box itself leaves a space between columns.
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    fits = _width(rows) <= _WIDTH
    least = _LEAST if fits else (None,) * len(_LEAST)
    table.add_column("Scenario", overflow="fold", min_width=least[0])
    table.add_column("Pairs", justify="right", no_wrap=True, min_width=least[1])
    table.add_column("Metric", min_width=least[2])
    table.add_column("Value", justify="right", no_wrap=fits, min_width=least[3])
    table.add_column("Threshold", justify="right", no_wrap=fits, min_width=least[4])
    table.add_column("Verdict", no_wrap=True, min_width=least[5])
    for *cells, verdict in rows:
        table.add_row(*map(Text, cells), Text(verdict, style=VERDICT_STYLES[Verdict(verdict)]))
    return table


def _rows(record: RunRecord, judgement: Judgement) -> Iterator[tuple[str, ...]]:
    first = (record.facts.scenario, content.pairs(record))
    for row in content.rows(record, judgement):
        yield *first, row.metric, f"{row.value}\n{row.interval}".rstrip(), row.threshold, row.verdict
        first = ("", "")


def _width(rows: Sequence[Sequence[str]]) -> int:
    """Return how many characters a table takes in which nothing is broken but the scenario's name."""
    columns = zip(_LEAST[1:], list(zip(*rows, strict=True))[1:], strict=True)
    return _LEAST[0] + sum(1 + max(least, *map(_longest_line, cells)) for least, cells in columns)


def _longest_line(cell: str) -> int:
    return max(map(len, cell.split("\n")))


def _notes(record: RunRecord, judgement: Judgement) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    about = ""
    for note in content.notes(record, judgement):
        grid.add_row("" if note.about == about else note.about, Text(note.text))
        about = note.about
    return grid
