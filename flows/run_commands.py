"""The commands `netcadence run` and `plan`: options, and refusals before anything is made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows import environment, perfdata_commands
from flows.display import Display
from flows.exit_code import ExitCode, gravest
from flows.option_groups import AdjustmentOptions, ClusterOptions, grouped
from flows.options import Context, Json, Kubeconfig, LakeAddress
from flows.output import print_json
from flows.perfdata_commands import PerfDataFolder
from netcadence import scenario
from netcadence import sla as slas
from netcadence.errors import InvalidInputError
from netcadence.kube import wire as wires
from netcadence.report import plan_as_json
from netcadence.scenario import Scenario

#: Its list of arguments would show a Python type; the docstrings say what a scenario is.
Names = Annotated[list[str], typer.Argument(metavar="SCENARIO", hidden=True)]


@grouped
def run(
    names: Names,
    *,
    where: ClusterOptions,
    wire: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Whose custom resource and worker image: netcadence, or clusterloader for ClusterLoader2's.",
        ),
    ] = "netcadence",
    sla: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="Thresholds to judge by; by default expectations/default.yaml.",
            show_default=False,
        ),
    ] = environment.EXPECTATIONS,
    asked: AdjustmentOptions,
    lake: LakeAddress = None,
    run_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Id of the run, which no run in the lake may have; by default made up."
        ),
    ] = None,
    perfdata: PerfDataFolder = None,
    as_json: Json = False,
) -> None:
    """Measure, judge and keep scenarios, one after another.

    SCENARIO is a name (see: netcadence scenarios) or the path of a YAML file.
    """
    if run_id and len(names) > 1:
        raise InvalidInputError(
            f"--run-id {run_id}: one id for {len(names)} scenarios; allowed: one scenario"
        )
    adjustment = asked.adjustment
    chosen = [adjustment.of(scenario.find(name)) for name in names]
    perfdata_commands.require_folder(perfdata)
    _require_acceptable(chosen, sla=sla, lake=lake, run_id=run_id)
    _require_expressible(chosen, wire=wire, namespace=where.namespace)
    where.require_known()
    home = environment.make_home()
    console = Console(stderr=as_json)
    with Display(console, "netcadence") as display:
        display.step("loading")
        from flows.session import Session  # noqa: PLC0415 - imports Prefect, which takes seconds
    session = Session(
        home=home,
        target=where.target(wire=wire),
        sla=sla,
        lake=lake,
        console=console,
        adjustment=adjustment,
        perfdata=perfdata,
    )
    raise typer.Exit(gravest(session.run(names, run_id=run_id, as_json=as_json)))


@grouped
def plan(
    names: Names,
    *,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="Look at the cluster on this machine, if it is up.")
    ] = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    namespace: Annotated[
        str, typer.Option(metavar="NAME", help="Namespace of the workers.", show_default=False)
    ] = "",
    asked: AdjustmentOptions,
    as_json: Json = False,
) -> None:
    """Show what a run would make and send, and make nothing.

    Where its workers would be, how much would go from node to node, and how long it would take.
    Where a cluster answers, its nodes are read; without one, the demand is shown. Exit code 2 says that a
    run would be refused.
    """
    adjustment = asked.adjustment
    chosen = [adjustment.of(scenario.find(name)) for name in names]

    from flows import planning  # noqa: PLC0415 - imports the Kubernetes client

    seen = planning.look(embedded=embedded, context=context, kubeconfig=kubeconfig)
    plans = planning.forecasts(chosen, seen, namespace=namespace)
    if as_json:
        print_json([plan_as_json(each) | {"cluster": seen.cluster} for each in plans])
    else:
        planning.show(plans, seen, Console())
    raise typer.Exit(ExitCode.USAGE if any(each.refusals for each in plans) else ExitCode.PASS)


def _require_acceptable(chosen: list[Scenario], *, sla: Path, lake: str | None, run_id: str | None) -> None:
    """Refuse what is not acceptable before anything is made, or imported for seconds."""
    thresholds = slas.load(sla)
    for each in chosen:
        each.require_within_limits()
        thresholds.requirements_for(each)

    from netcadence.lake import Lake  # noqa: PLC0415 - imports pyarrow

    Lake(environment.lake(lake)).require_room(run_id or "")


def _require_expressible(chosen: list[Scenario], *, wire: str, namespace: str) -> None:
    """Refuse what the chosen wire has no words for."""
    spoken = wires.find(wire)
    for each in chosen:
        spoken.place(namespace, on_host=each.on_host)
        spoken.check(each)
