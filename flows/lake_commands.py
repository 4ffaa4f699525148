"""What is done with the lake as a whole: `compact`, `retention`, and `sql` over its tables."""

from __future__ import annotations

import csv
import enum
import re
import sys
import textwrap
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from flows import environment
from flows.options import Json, LakeAddress
from flows.output import print_json, print_json_rows
from netcadence.errors import InvalidInputError
from netcadence.words import counted

#: From here on a figure is printed without decimals.
_WHOLE = 100_000
#: Rows of a table: who wants more of them than anybody reads wants them for a program.
_MOST_ROWS = 1_000
_NUMBER = re.compile(r"-?[\d,.]*(e[+-]\d+)?", re.ASCII)
Days = Annotated[
    int,
    typer.Option("--older-than", min=2, metavar="DAYS", help="Only runs that began so many days ago."),
]
KeepReplaced = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="Leave a file beside the one that replaces it for so long, for readers that are under way.",
    ),
]


def compact(
    *,
    lake: LakeAddress = None,
    older_than: Days = 2,
    keep_replaced: KeepReplaced = 0,
    as_json: Json = False,
) -> None:
    """Put the lake's many small files together: one a month, cluster and table.

    Whoever reads meanwhile sees each run once, and another that does the same does no harm. A file that
    cannot be read, or is not the lake's, is moved below _aside/ in the lake, and named. The Prefect flow
    `upkeep` does the same on a schedule.
    """
    from netcadence.lake import Lake  # noqa: PLC0415 - imports pyarrow

    keeper = Lake(environment.lake(lake))
    done = keeper.compact(older_than=timedelta(days=older_than), keep_replaced_s=keep_replaced)
    if as_json:
        merged = [
            {"file": each.place.path, "runs": each.runs, "rows": each.rows, "of_files": each.files}
            for each in done.merged
        ]
        said = {
            name: [[each.path, each.reason] for each in getattr(done, name)] for name in ("aside", "left")
        }
        print_json({"lake": keeper.url, "merged": merged, "removed": list(done.removed), **said})
        return
    console = Console()
    for each in done.merged:
        what = f"{counted(each.files, 'file')} became one: {counted(each.runs, 'run')}, {each.rows:,} rows"
        console.print(Text(f"{each.place.table} of {each.place.cluster}, {each.place.day:%B %Y}: {what}"))
    for word, files in (("put aside", done.aside), ("left as it is", done.left)):
        for file in files:
            console.print(Text(f"{word}: {file.path}: {file.reason}", style="yellow"), soft_wrap=True)
    if not done.merged:
        console.print(
            f"Nothing to put together in {keeper.url}: no file of a run is older than "
            f"{counted(older_than, 'day')}.",
            markup=False,
            soft_wrap=True,
        )


def retention(
    *,
    keep: Annotated[
        list[str],
        typer.Option("--keep", metavar="TABLE=AGE", help="Such as raw=90d, intervals=26w; may be repeated."),
    ],
    lake: LakeAddress = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would go, and remove nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove what is older than a table is to be kept; a table that is not named is kept for ever.

    A month that has been put together goes as a whole, once its last day is old enough.
    """
    from netcadence.lake import Lake  # noqa: PLC0415 - imports pyarrow
    from netcadence.lake.retention import parse  # noqa: PLC0415 - likewise

    rules, keeper = parse(keep), Lake(environment.lake(lake))
    done = keeper.retire(rules, dry_run=dry_run)
    if as_json:
        print_json({"lake": keeper.url, "dry_run": dry_run, "removed": list(done.paths)})
        return
    console, word = Console(), "would be removed" if dry_run else "removed"
    for path in done.paths:
        console.print(Text(f"{word}: {path}"), soft_wrap=True)
    if not done.paths:
        console.print(f"Nothing in {keeper.url} is older than that.", markup=False, soft_wrap=True)


class Format(enum.StrEnum):
    """How rows are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", hidden=True)] = "",
    *,
    lake: LakeAddress = None,
    form: Annotated[
        Format,
        typer.Option("--format", metavar="FORM", help="table, of 1,000 rows at most; csv or json, of all."),
    ] = Format.TABLE,
    tables: Annotated[
        bool, typer.Option("--tables", help="Show what there is to ask, and ask nothing.")
    ] = False,
) -> None:
    """Ask the lake in SQL, by DuckDB.

    QUERY is a statement over the views runs, results, measured, summaries, latencies, intervals, verdicts,
    acceptances and raw; --tables tells what is in them. `results` has the pairs of baselines and imported
    figures as well: ask `measured` for what runs of ours have measured, or tell them apart by path and
    origin. Times are in UTC.
    """
    from netcadence.lake import sql as lakes  # noqa: PLC0415 - imports DuckDB and pyarrow
    from netcadence.lake.storage import Storage  # noqa: PLC0415 - likewise

    if tables:
        for name, what in lakes.TABLES.items():
            columns = textwrap.wrap(", ".join(lakes.columns_of(name)), 88)
            print("\n    ".join((f"{name}: {what}", *columns)))  # noqa: T201 - the command's output
        return
    if not query:
        raise InvalidInputError(
            "sql: no query; allowed: one statement, such as 'SELECT * FROM runs', or --tables"
        )
    most = _MOST_ROWS + 1 if form is Format.TABLE else None
    answer = lakes.ask(Storage(environment.lake(lake)), query, most=most)
    rows = (row for batch in answer.rows.to_batches(max_chunksize=_MOST_ROWS) for row in batch.to_pylist())
    names = answer.rows.column_names
    if form is Format.JSON:
        print_json_rows(rows)
    elif form is Format.CSV:
        writer = csv.writer(sys.stdout)
        writer.writerow(names)
        writer.writerows([row[name] for name in names] for row in rows)
    else:
        _print_table(names, list(rows))
    for each in answer.left_out:
        print(f"left out {each}", file=sys.stderr)  # noqa: T201


def _print_table(names: list[str], rows: list[dict[str, Any]]) -> None:
    print(_aligned(names, [[_cell(row[name]) for name in names] for row in rows[:_MOST_ROWS]]))  # noqa: T201
    if not rows:
        print("(no row)")  # noqa: T201
    if len(rows) > _MOST_ROWS:
        print(f"the first {_MOST_ROWS:,} rows; --format csv or json prints all", file=sys.stderr)  # noqa: T201


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < _WHOLE else f"{value:,.0f}"
    return (
        "" if value is None else f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else str(value)
    )


def _aligned(names: list[str], rows: list[list[str]]) -> str:
    """Return rows below their names, figures to the right; nothing is cut off or broken up."""
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    right = [all(_NUMBER.fullmatch(row[place]) for row in rows) for place in range(len(names))]
    lines = [
        "  ".join(
            cell.rjust(width) if figure else cell.ljust(width)
            for cell, width, figure in zip(row, widths, right, strict=True)
        )
        for row in (names, *rows)
    ]
    return "\n".join(line.rstrip() for line in (lines[0], "─" * len(lines[0]), *lines[1:]))
