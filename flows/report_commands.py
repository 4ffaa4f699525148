"""`netcadence report`: one file that shows a run, to be looked at, kept, or sent to somebody."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from flows import environment
from flows.options import LakeAddress
from netcadence.errors import InvalidInputError

if TYPE_CHECKING:
    from netcadence.lake import Lake


def report(
    run: Annotated[str | None, typer.Argument(metavar="RUN", show_default=False, hidden=True)] = None,
    *,
    lake: LakeAddress = None,
    name: Annotated[
        str | None, typer.Option("--scenario", metavar="NAME", help="The newest run of this scenario.")
    ] = None,
    cluster: Annotated[
        str | None, typer.Option(metavar="NAME", help="The newest run on this cluster.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where it is written; by default .netcadence/reports/RUN.html in the checkout.",
        ),
    ] = None,
    trends: Annotated[bool, typer.Option("--trends", help="Of the last days, instead of one run.")] = False,
    days: Annotated[int, typer.Option(min=1, metavar="N", help="So many days, with --trends.")] = 90,
) -> None:
    """Write a report: an HTML file that stands alone, verdicts first, then plots.

    RUN is an id, as `netcadence results` shows it; by default it is the newest run. With --trends the report
    is one of all runs of the last days: what has become worse or better, since when, and what else changed
    then.
    """
    if run and trends:
        raise InvalidInputError(f"run {run}: allowed beside --trends: no run, for it is about all of them")
    if run and (name or cluster):
        raise InvalidInputError(f"run {run}: allowed beside it: neither --scenario nor --cluster")

    from netcadence.lake import Lake  # noqa: PLC0415 - imports pyarrow
    from netcadence.report.page import keep_run_page, require_file  # noqa: PLC0415 - likewise

    home = environment.home()
    if output:
        require_file(output)
    keeper = Lake(environment.lake(lake))
    if trends:
        _report_trends(keeper, name, cluster, days, output or home.reports / "trends.html")
        return
    found = keeper.recall(run or _newest(keeper, name, cluster))
    facts = found.record.facts
    address = keep_run_page(found, keeper, output or home.reports / f"{facts.run_id}.html")
    console = Console()
    said = f"{found.judgement.verdict}: {facts.scenario} on {facts.cluster}, run {facts.run_id}"
    console.print(Text(said), soft_wrap=True)
    console.print(Text(f"page  {address}"), soft_wrap=True)


def _report_trends(keeper: Lake, scenario: str | None, cluster: str | None, days: int, path: Path) -> None:
    from netcadence.report.page.trends import keep_trends_page, last_asked  # noqa: PLC0415 - imports scipy
    from netcadence.trends.history import Query  # noqa: PLC0415 - likewise
    from netcadence.trends.survey import survey  # noqa: PLC0415 - likewise

    now = datetime.now(UTC)
    query = Query(cluster=cluster, scenario=scenario, since=now - timedelta(days=days))
    found = survey(keeper, query, made_at=now)
    address = keep_trends_page(found, path, asked=last_asked(keeper, found))
    console = Console()
    said = found.why_empty or f"{len(found.regressed)} of {len(found.trends)} series have regressed"
    console.print(Text(said), soft_wrap=True)
    console.print(Text(f"page  {address}"), soft_wrap=True)


def _newest(keeper: Lake, scenario: str | None, cluster: str | None) -> str:
    from flows.history import none_of  # noqa: PLC0415 - imports pandas

    runs = keeper.runs(("run_id",), scenario=scenario, cluster=cluster)
    if not len(runs):
        raise InvalidInputError(none_of(keeper, scenario=scenario, cluster=cluster))
    return str(runs["run_id"].iloc[-1])
