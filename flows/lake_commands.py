"""What is done with the lake as a whole: `compact`, `retention`, and `sql` over its tables."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from flows import environment
from flows.options import Json, LakeAddress
from netcadence.home import Home
from netcadence.words import counted

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

    keeper = Lake(address(lake))
    done = keeper.compact(older_than=timedelta(days=older_than), keep_replaced_s=keep_replaced)
    if as_json:
        merged = [
            {"file": each.place.path, "runs": each.runs, "rows": each.rows, "of_files": each.files}
            for each in done.merged
        ]
        said = {
            name: [[each.path, each.reason] for each in getattr(done, name)] for name in ("aside", "left")
        }
        _print({"lake": keeper.url, "merged": merged, "removed": list(done.removed), **said})
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

    rules, keeper = parse(keep), Lake(address(lake))
    done = keeper.retire(rules, dry_run=dry_run)
    if as_json:
        _print({"lake": keeper.url, "dry_run": dry_run, "removed": list(done.paths)})
        return
    console, word = Console(), "would be removed" if dry_run else "removed"
    for path in done.paths:
        console.print(Text(f"{word}: {path}"), soft_wrap=True)
    if not done.paths:
        console.print(f"Nothing in {keeper.url} is older than that.", markup=False, soft_wrap=True)


def address(lake: str | None) -> str:
    """Return the address of the lake that is meant."""
    return lake or str(Home.beside(environment.CHECKOUT).lake)


def _print(value: Any) -> None:
    print(json.dumps(value, indent=2))  # noqa: T201 - the command's output
