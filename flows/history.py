"""The runs in the lake, for `netcadence results`."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from netcadence.document import closest
from netcadence.lake import Lake
from netcadence.record import Verdict
from netcadence.report import VERDICT_STYLES

_COLUMNS = (
    "run_id",
    "cluster",
    "scenario",
    "started_at",
    "verdict",
    "planned_pairs",
    "error_count",
    "skew_p99_ms",
)
#: Characters that no table has.
_BOUNDLESS = 10_000


def runs(lake: str, *, scenario: str | None, cluster: str | None, last: int) -> list[dict[str, Any]]:
    """Return the latest runs, oldest of them first."""
    frame = Lake(lake).runs(_COLUMNS, scenario=scenario, cluster=cluster).tail(last)
    rows = frame.to_dict(orient="records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def none_of(keeper: Lake, *, scenario: str | None, cluster: str | None) -> str:
    """Return the sentence that there is no such run, with a name that is like the one that was asked for."""
    frame = keeper.runs(("cluster", "scenario"))
    which = "".join(
        f" of {what} {name}{closest(name, frame[what].unique())}"
        for what, name in (("scenario", scenario), ("cluster", cluster))
        if name
    )
    return f"the lake {keeper.url} holds no run{which}; make one with: netcadence run tcp-1:1 --embedded"


def show(rows: list[dict[str, Any]], console: Console) -> None:
    """Print a table of runs."""
    table = _table(rows, has_times=True)
    if console.is_terminal and _width(table, console) > console.width:
        # An id begins with the time.
        table = _table(rows, has_times=False)
    # What is wider yet is for the terminal to break: nothing is cut off, and ids can be copied.
    console.width = max(_width(table, console), console.width)
    console.print(table)


def _width(table: Table, console: Console) -> int:
    return console.measure(table, options=console.options.update(width=_BOUNDLESS)).maximum


def _table(rows: list[dict[str, Any]], *, has_times: bool) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in (
        *(["started (UTC)"] if has_times else []),
        "cluster",
        "scenario",
        "verdict",
        "pairs",
        "run",
    ):
        table.add_column(heading, no_wrap=True)
    for row in rows:
        planned, verdict = row["planned_pairs"], Verdict(row["verdict"])
        table.add_row(
            *([f"{row['started_at']:%Y-%m-%d %H:%M:%S}"] if has_times else []),
            Text(row["cluster"]),
            Text(row["scenario"]),
            Text(verdict, style=VERDICT_STYLES[verdict]),
            f"{planned - row['error_count']}/{planned}",
            Text(row["run_id"]),
        )
    return table
