"""The commands `netcadence sla propose` and `netcadence sla backtest`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from flows import embedded_commands, environment
from flows.display import Display
from flows.exit_code import ExitCode
from flows.options import Json, LakeAddress
from flows.output import print_json
from flows.trend_commands import (
    Cluster,
    Days,
    ScenarioName,
    Since,
    Until,
    span_of,
)
from netcadence import sla as slas
from netcadence.errors import InvalidInputError

application = typer.Typer(
    help="Thresholds beside history: learn them, or see what they would have said.",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@application.callback(invoke_without_command=True)
def _root(invoked: typer.Context) -> None:
    embedded_commands.require_command(invoked)


@application.command()
def propose(
    *,
    cluster: Cluster = None,
    scenario_name: ScenarioName = None,
    days: Days = None,
    since: Since = None,
    until: Until = None,
    alarms: Annotated[
        float,
        typer.Option(
            "--alarms-a-month",
            min=0,
            max=30,
            metavar="N",
            help="How often each threshold may fire in 30 days while nothing changes.",
        ),
    ] = 1.0,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write the YAML there, not to stdout.")
    ] = None,
    lake: LakeAddress = None,
    as_json: Json = False,
) -> None:
    """Suggest thresholds from history, with what they would have done.

    The YAML is what `netcadence run --sla FILE` reads. Exit code 4 says that there is too little history.
    """
    _require_file(output)
    span = span_of(days=days, since=since, until=until)
    with Display(Console(stderr=True), "netcadence") as display:
        display.step("reading the lake")
        from netcadence.lake import Lake  # noqa: PLC0415 - imports pyarrow
        from netcadence.promise import proposal  # noqa: PLC0415 - imports scipy and pandas
        from netcadence.report.promise import suite_as_json  # noqa: PLC0415 - likewise
        from netcadence.trends.history import Query  # noqa: PLC0415 - likewise

        keeper = Lake(environment.lake(lake))
        query = Query(cluster=cluster, scenario=scenario_name, **span)
        suite = proposal.propose(keeper, query, alarms_a_month=alarms)
    if as_json:
        print_json(suite_as_json(suite))
    elif not suite.proposals:
        why = suite.why_empty or "; ".join(
            f"{each.scenario} {each.term}: {each.why}" for each in suite.withheld
        )
        Console(stderr=True).print(Text(f"Nothing to propose: {why}."), soft_wrap=True)
    text = proposal.as_yaml(suite, lake=keeper.url, made_at=datetime.now(UTC))
    if suite.proposals and output:
        output.write_text(text, encoding="utf-8")
        Console(stderr=True).print(Text(f"written to {output}"), soft_wrap=True)
    elif suite.proposals and not as_json:
        print(text, end="")  # noqa: T201 - the command's output
    raise typer.Exit(ExitCode.PASS if suite.proposals else ExitCode.INCONCLUSIVE)


@application.command()
def backtest(
    file: Annotated[Path, typer.Argument(metavar="FILE", hidden=True)],
    *,
    cluster: Cluster = None,
    scenario_name: ScenarioName = None,
    days: Days = None,
    since: Since = None,
    until: Until = None,
    lake: LakeAddress = None,
    as_json: Json = False,
) -> None:
    """Say what the thresholds in FILE would have said of the runs in the lake.

    Exit code 1 says that they would have fired, 4 that there is no run to hold them against.
    """
    sla = slas.load(file)
    span = span_of(days=days, since=since, until=until)
    with Display(Console(stderr=True), "netcadence") as display:
        display.step("reading the lake")
        from netcadence.lake import Lake  # noqa: PLC0415 - imports pyarrow
        from netcadence.promise import backtest as backtests  # noqa: PLC0415 - imports scipy and pandas
        from netcadence.report.promise import backtest_as_json, backtest_table  # noqa: PLC0415 - likewise
        from netcadence.trends.history import Query  # noqa: PLC0415 - likewise

        query = Query(cluster=cluster, scenario=scenario_name, **span)
        found = backtests.judge(Lake(environment.lake(lake)), sla, query)
    if as_json:
        print_json(backtest_as_json(found))
    else:
        Console().print(backtest_table(found), highlight=False)
    if not any(test.runs for test in found.tests):
        raise typer.Exit(ExitCode.INCONCLUSIVE)
    raise typer.Exit(ExitCode.FAIL if found.fired else ExitCode.PASS)


def _require_file(path: Path | None) -> None:
    if path and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise InvalidInputError(f"--output {path}: allowed: a file in a folder that is there")
