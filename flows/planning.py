"""The cluster that `netcadence plan` looks at, without changing it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.text import Text

from flows import embedded_commands
from flows.exit_code import ExitCode
from flows.output import print_json
from netcadence.acceptance.programme import Programme
from netcadence.forecast import Forecast, forecast
from netcadence.kube.access import Access
from netcadence.kube.errors import ClusterUnknownError
from netcadence.kube.facts import cluster_facts
from netcadence.kube.wire import NETCADENCE
from netcadence.nodes import Site
from netcadence.report import plan_table, programme_as_json, programme_table
from netcadence.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a cluster.

    Attributes:
        sites: Its nodes; None where there is no cluster, or it does not answer.
        why: Why there is nothing to be seen.
    """

    cluster: str | None = None
    sites: tuple[Site, ...] | None = None
    why: str = ""


def look(*, embedded: bool, context: str | None, kubeconfig: Path | None) -> Seen:
    """Read a cluster's nodes, if it answers.

    Raises:
        ClusterUnknownError: The context or kubeconfig that was named is not there.
    """
    if embedded:
        running = embedded_commands.find()
        if running is None:
            return Seen(why="no embedded cluster is up: a run would bring up one of two nodes")
        kubeconfig = running.kubeconfig
    try:
        access = Access.connect(kubeconfig=kubeconfig, context=context)
    except ClusterUnknownError:
        if context or kubeconfig:
            raise
        return Seen(why="there is no kubeconfig: where the workers go is not known")
    with closing(access):
        if not access.answers():
            return Seen(access.cluster, why=f"cluster {access.cluster} does not answer")
        return Seen(access.cluster, cluster_facts(access).sites)


def forecasts(scenarios: list[Scenario], seen: Seen, *, namespace: str) -> list[Forecast]:
    """Return what runs would do; the namespace, where none is named, is the one that each would use."""
    return [
        forecast(each, namespace=NETCADENCE.place(namespace, on_host=each.on_host), sites=seen.sites)
        for each in scenarios
    ]


def show(plans: list[Forecast], seen: Seen, console: Console) -> None:
    """Print what runs would do."""
    for each in plans:
        console.print(plan_table(each))
    console.print(_note(seen))


def _note(seen: Seen) -> Text:
    note = seen.why or f"cluster {seen.cluster} was read, and nothing was made"
    return Text(f"\n{note}", style="yellow" if seen.why else "dim")


def show_acceptance(programme: Programme, seen: Seen, *, namespace: str, as_json: bool) -> ExitCode:
    """Print what an acceptance would measure; returns whether it would be refused."""
    plans = forecasts([each.scenario for each in programme.measurements], seen, namespace=namespace)
    if as_json:
        found = programme_as_json(programme, plans) | {"cluster": seen.cluster}
        print_json(found)
    else:
        console = Console()
        console.print(programme_table(programme, plans))
        console.print(_note(seen))
    return ExitCode.USAGE if any(plan.refusals for plan in plans) else ExitCode.PASS
