"""The verdict table for a terminal; readable without colour and in 80 columns."""

from __future__ import annotations

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


def verdict_table(record: RunRecord, judgement: Judgement) -> RenderableType:
    """Return a run's verdict as a rich renderable: the table, and below it what the numbers do not say."""
    return Group("", _table(record, judgement), "", _notes(record, judgement))


def _table(record: RunRecord, judgement: Judgement) -> Table:
    # The box itself leaves a space between columns, and the least widths put the tables of several runs in
    # line with each other: together 79 columns, unless a name or a number is longer than most.
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("Scenario", overflow="fold", min_width=10)
    table.add_column("Pairs", justify="right", no_wrap=True, min_width=5)
    table.add_column("Metric", min_width=16)
    table.add_column("Value", justify="right", min_width=16, no_wrap=True)
    table.add_column("Threshold", justify="right", min_width=16, no_wrap=True)
    table.add_column("Verdict", no_wrap=True, min_width=7)
    first = (record.facts.scenario, content.pairs(record))
    for row in content.rows(record, judgement):
        value = f"{row.value}\n{row.interval}".rstrip()
        cells = (*first, row.metric, value, row.threshold)
        table.add_row(*map(Text, cells), Text(row.verdict, style=VERDICT_STYLES[row.verdict]))
        first = ("", "")
    return table


def _notes(record: RunRecord, judgement: Judgement) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    about = ""
    for note in content.notes(record, judgement):
        grid.add_row("" if note.about == about else note.about, Text(note.text))
        about = note.about
    return grid
