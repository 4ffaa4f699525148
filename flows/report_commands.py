"""`netcadence report`: one file that shows a run, to be looked at, kept, or sent to somebody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from flows import environment
from flows.options import LakeAddress
from netcadence.errors import InvalidInputError
from netcadence.home import Home

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
) -> None:
    """Write the report of a run: an HTML file that stands alone, verdicts first, then plots.

    RUN is an id, as `netcadence results` shows it; by default it is the newest run.
    """
    if run and (name or cluster):
        raise InvalidInputError(f"run {run}: allowed beside it: neither --scenario nor --cluster")

    from netcadence.lake import Lake  # noqa: PLC0415 - imports pyarrow
    from netcadence.report.page import keep_run_page, require_file  # noqa: PLC0415 - likewise

    home = Home.beside(environment.CHECKOUT)
    if output:
        require_file(output)
    keeper = Lake(lake or str(home.lake))
    found = keeper.recall(run or _newest(keeper, name, cluster))
    facts = found.record.facts
    address = keep_run_page(found, keeper, output or home.reports / f"{facts.run_id}.html")
    console = Console()
    said = f"{found.judgement.verdict}: {facts.scenario} on {facts.cluster}, run {facts.run_id}"
    console.print(Text(said), soft_wrap=True)
    console.print(Text(f"page  {address}"), soft_wrap=True)


def _newest(keeper: Lake, scenario: str | None, cluster: str | None) -> str:
    runs = keeper.runs(scenario=scenario, cluster=cluster)
    if not len(runs):
        which = "".join(
            f" of {what} {name}" for what, name in (("scenario", scenario), ("cluster", cluster)) if name
        )
        raise InvalidInputError(
            f"the lake {keeper.url} holds no run{which}; make one with: netcadence run tcp-1:1 --embedded"
        )
    return str(runs["run_id"].iloc[-1])
