"""The runs in the lake, for `netcadence results`."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

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


def runs(lake: str, *, scenario: str | None, cluster: str | None, last: int) -> list[dict[str, Any]]:
    """Return the latest runs, oldest of them first."""
    frame = Lake(lake).runs(_COLUMNS, scenario=scenario, cluster=cluster).tail(last)
    rows = frame.to_dict(orient="records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def show(rows: list[dict[str, Any]], console: Console) -> None:
    """Print a table of runs, or say that there are none."""
    if not rows:
        console.print("The lake holds no such run. Make one with: netcadence run tcp-1:1 --embedded")
        return
    table = Table("started (UTC)", box=None, pad_edge=False)
    # Where the terminal is narrow, the time is broken at its space, and nothing else.
    for heading in ("cluster", "scenario", "verdict", "pairs", "run"):
        table.add_column(heading, no_wrap=True)
    for row in rows:
        planned, verdict = row["planned_pairs"], Verdict(row["verdict"])
        table.add_row(
            f"{row['started_at']:%Y-%m-%d %H:%M:%S}",
            Text(row["cluster"]),
            row["scenario"],
            Text(verdict, style=VERDICT_STYLES[verdict]),
            f"{planned - row['error_count']}/{planned}",
            row["run_id"],
        )
    console.print(table)
