"""The commands `netcadence embedded up|down|status`: a cluster on this machine to point kubectl at."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from flows.exit_code import ExitCode
from flows.output import print_json
from netcadence.embedded import Cluster, EmbeddedClusterError, Image, Settings, require_name
from netcadence.errors import InvalidInputError
from netcadence.words import counted
from netcadence.worker_pod import DEFAULT_IMAGE
from netcadence_worker import clusterloader

NetworkChoice = Literal["auto", "namespaces", "loopback"]

_WORKER = (sys.executable, "-m", "netcadence_worker")
#: What the system has goes first; fortio, which no distribution has, is put beside the interpreter.
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent)))
#: What pods of an embedded cluster may run: the worker, and by no other way than its own entry point. It also
#: stands in for ClusterLoader2's worker.
WORKER_IMAGE = {
    DEFAULT_IMAGE: Image(argv=_WORKER, environment={"PATH": _PATH}, preloaded=True),
    clusterloader.IMAGE: Image(
        argv=_WORKER,
        environment={"NETCADENCE_WIRE": "clusterloader"},
        allow_arguments=True,
        preloaded=True,
    ),
}
DEFAULT_NAME = "default"
_WIDTH = 500

application = typer.Typer(rich_markup_mode=None)


def _acceptable(name: str) -> str:
    try:
        require_name(name)
    except EmbeddedClusterError as error:
        raise InvalidInputError(f"--{error}") from error  # which begins with the field
    return name


Name = Annotated[
    str,
    typer.Option(
        "--name",
        metavar="NAME",
        callback=_acceptable,
        help="Name of the cluster, for there may be several; by default `default`.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]


def require_command(invoked: typer.Context) -> None:
    """Show the help of a group of commands where none of them is named, which is bad input."""
    if invoked.invoked_subcommand is None:
        print(invoked.get_help(), file=sys.stderr)  # noqa: T201 - as any other refusal
        raise typer.Exit(ExitCode.USAGE)


application.callback(
    invoke_without_command=True, help="Have a Kubernetes cluster on this machine, to try things."
)(require_command)


def find(name: str = DEFAULT_NAME) -> Cluster | None:
    """Return the cluster of that name, if it is up."""
    return Cluster.find(name)


def temporary() -> Cluster:
    """Bring up a cluster that ends with this process; a context manager."""
    return Cluster.up(Settings(name=f"run-{os.getpid()}", images=WORKER_IMAGE))


@application.command()
def up(
    *,
    name: Name = DEFAULT_NAME,
    nodes: Annotated[
        int | None, typer.Option(min=1, max=64, metavar="N", help="How many nodes; by default 2.")
    ] = None,
    network: Annotated[
        NetworkChoice,
        typer.Option(
            metavar="KIND",
            help="namespaces: interfaces, needs root; loopback: an address a pod; auto: what can be had.",
        ),
    ] = "auto",
    as_json: Json = False,
) -> None:
    """Bring a cluster up; it stays until `down`."""
    cluster = Cluster.find(name)
    if cluster is None:
        wanted = Settings(name=name, nodes=nodes or 2, network=network, images=WORKER_IMAGE)
        cluster = Cluster.up(wanted, detach=True)
    _require_as_asked(cluster, nodes, network)
    if as_json:
        print_json(_facts(cluster))
        return
    console = Console(soft_wrap=True)
    console.print(
        f"Cluster [bold]{cluster.name}[/] is up: {counted(cluster.settings.nodes, 'node')}, "
        f"network {cluster.network}."
    )
    if cluster.network == "loopback":
        console.print(
            "Its pods share the loopback interface, so that cross-node is like same-node.", style="yellow"
        )
    console.print(f"export KUBECONFIG={cluster.kubeconfig}", highlight=False)


@application.command()
def down(
    *,
    name: Name = DEFAULT_NAME,
    everything: Annotated[bool, typer.Option("--all", help="All clusters of this user.")] = False,
) -> None:
    """Remove a cluster, also what a crash has left of one."""
    if everything:
        down_all()
        return
    gone = Cluster.down_leftovers(name)
    print(f"Cluster {name} is gone." if gone else f"There is no cluster {name}, and nothing left of one.")  # noqa: T201


@application.command()
def status(*, as_json: Json = False) -> None:
    """Show the clusters that are up."""
    clusters = Cluster.all()
    if as_json:
        print_json([_facts(cluster) for cluster in clusters])
        return
    if not clusters:
        print("No embedded cluster is up. Bring one up with: netcadence embedded up")  # noqa: T201
        return
    table = Table("cluster", "nodes", "network", "process", "API", "kubeconfig", box=None, pad_edge=False)
    for cluster in clusters:
        table.add_row(
            f"[bold]{cluster.name}[/]",
            str(cluster.settings.nodes),
            cluster.network,
            str(cluster.pid),
            cluster.api_url,
            str(cluster.kubeconfig),
        )
    # Wider than a terminal, which folds lines: an address that is cut off helps nobody.
    Console(width=_WIDTH).print(table)


def _require_as_asked(cluster: Cluster, nodes: int | None, network: NetworkChoice) -> None:
    """Refuse to take a cluster that was up for another one than it is."""
    if nodes in (None, cluster.settings.nodes) and network in ("auto", cluster.network):
        return
    raise InvalidInputError(
        f"cluster {cluster.name} is up, with {cluster.settings.nodes} nodes and network {cluster.network}; "
        "allowed: the same, another --name, or after netcadence embedded down"
    )


def down_all() -> None:
    """Remove all clusters of this user and say which."""
    for cluster in Cluster.all():
        Cluster.down_leftovers(cluster.name)
        print(f"Cluster {cluster.name} is gone.")  # noqa: T201


def _facts(cluster: Cluster) -> dict[str, object]:
    return {
        "name": cluster.name,
        "nodes": cluster.settings.nodes,
        "network": cluster.network,
        "pid": cluster.pid,
        "api_url": cluster.api_url,
        "kubeconfig": str(cluster.kubeconfig),
    }
