"""`netcadence deploy`: what runs by itself on a cluster, from now on."""

from __future__ import annotations

import enum
import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console
from rich.text import Text

from flows import embedded_commands, environment, server
from flows.display import Display
from flows.options import ClusterName, Context, Kubeconfig, LakeAddress, require_one_cluster
from netcadence import document
from netcadence.errors import InvalidInputError


class PoolType(enum.StrEnum):
    """Who makes the processes of flow runs."""

    PROCESS = "process"
    KUBERNETES = "kubernetes"


@dataclass(frozen=True, slots=True)
class Registered:
    """What is there now."""

    deployments: tuple[str, ...]
    automations: tuple[str, ...]
    somebody_is_told: bool
    has_worker: bool


def deploy(
    *,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="The cluster on this machine that is up.")
    ] = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    credentials: Annotated[
        str,
        typer.Option(metavar="BLOCK", help="Prefect block of type Secret with a kubeconfig, for a file's."),
    ] = "",
    cluster: ClusterName = None,
    pool: Annotated[
        PoolType,
        typer.Option(metavar="TYPE", help="Runs are processes of this machine, or Jobs: kubernetes."),
    ] = PoolType.PROCESS,
    timezone: Annotated[str, typer.Option(metavar="NAME", help="Whose hours the schedules mean.")] = "UTC",
    webhook: Annotated[
        str, typer.Option(metavar="URL", help="Who is told of breaches and silence; kept for the next time.")
    ] = "",
    lake: LakeAddress = None,
    image: Annotated[
        str,
        typer.Option(metavar="NAME", help="Of Jobs: deployments/flow-run-image, where nodes can pull it."),
    ] = "",
) -> None:
    """Let deployments/prefect.yaml run by itself on a cluster: hourly, nightly, weekly.

    The Prefect server and a worker go on in the background until `netcadence stop`. For a further cluster,
    give the command once more.
    """
    require_one_cluster(embedded=embedded, context=context, kubeconfig=kubeconfig)
    _require_timezone(timezone)
    if webhook and not webhook.startswith(("http://", "https://")):
        raise InvalidInputError(
            f"--webhook {webhook}: allowed: an address that begins with http:// or https://"
        )
    if pool is PoolType.KUBERNETES and (lake or "").partition("://")[0] not in {"s3", "gs"}:
        raise InvalidInputError(
            "--pool kubernetes needs --lake s3://… or gs://…: a Job's own disk goes with it"
        )
    if (pool is PoolType.KUBERNETES) != bool(image):
        raise InvalidInputError(
            "--pool kubernetes needs --image NAME, the flow-run image of its Jobs; no other pool takes one"
        )
    if pool is PoolType.PROCESS:
        from netcadence.lake import Lake  # noqa: PLC0415 - imports pyarrow

        Lake(environment.lake(lake)).require_writable()
    home = environment.make_home()
    console = Console()
    with ExitStack() as held, Display(console, "netcadence") as display:
        display.step("loading")
        from flows import deploying, worker  # noqa: PLC0415 - imports Prefect, which takes seconds
        from netcadence.order import Where  # noqa: PLC0415 - likewise the Kubernetes client

        if embedded:
            if (running := embedded_commands.find()) is None:
                raise InvalidInputError("--embedded: no cluster is up; bring one up: netcadence embedded up")
            kubeconfig = running.kubeconfig
        where = document.validated(
            {
                "cluster": cluster or ("embedded" if embedded else _named(context, kubeconfig, credentials)),
                "context": context or "",
                "kubeconfig": "" if credentials else _absolute(kubeconfig),
                "credentials": credentials,
            },
            Where,
            source="the command line",
        )
        chosen = deploying.process_pool() if pool is PoolType.PROCESS else deploying.kubernetes_pool(image)
        told = deploying.variables(where, pool=chosen, lake=environment.lake(lake), timezone=timezone)
        display.step("looking for the Prefect server")
        api = held.enter_context(server.placed(environment.prepare(home), home, display.remark))
        if server.start(api, home):
            display.step("starting the Prefect server")
            server.wait(api, home)
        if credentials:
            from tasks.credentials import kubeconfig_of  # noqa: PLC0415 - imports Prefect

            with kubeconfig_of(credentials):
                pass  # a block that is not there would be found at night
        display.step("registering deployments")
        deployments = deploying.register(told, chosen)
        alerts = deploying.alert(where.cluster, webhook)
        if pool is PoolType.PROCESS:
            display.step("starting a worker")
            checkout = {"NETCADENCE_CHECKOUT": str(environment.CHECKOUT)}
            worker.start(home, chosen.name, checkout, is_online=lambda: deploying.is_online(chosen.name))
    done = Registered(
        deployments,
        alerts.names,
        somebody_is_told=alerts.somebody_is_told,
        has_worker=pool is PoolType.PROCESS,
    )
    _show(done, where.cluster, chosen.name, console)


def _show(done: Registered, cluster: str, pool: str, console: Console) -> None:
    ui = environment.ui()
    rows = [("run", each) for each in done.deployments]
    rows += [("alert", each) for each in done.automations]
    if not done.somebody_is_told:
        rows.append(("alert", "nobody is told: give --webhook URL"))
    if done.has_worker:
        rows.append(("worker", "in the background on this machine; netcadence stop ends it"))
    else:
        rows.append(("worker", f"in the cluster: deployments/kubernetes/flow-runner.yaml, pool {pool}"))
    rows.append(("page", f"{ui}/artifacts/key/clusters-tonight"))
    console.print(Text(f"Cluster {cluster} is measured from now on.", style="bold"))
    for what, text in rows:
        console.print(Text.assemble((f"  {what:<8}", "dim"), text), soft_wrap=True)


def _require_timezone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInputError(f"--timezone {name}: allowed: a name such as Europe/Berlin or UTC") from error


def _named(context: str | None, kubeconfig: Path | None, credentials: str) -> str:
    """Return the name that the kubeconfig has for its cluster."""
    if credentials:
        raise InvalidInputError("--credentials: the cluster has to be named beside it, with --cluster")
    from netcadence.kube.access import Access  # noqa: PLC0415 - imports the Kubernetes client

    return Access.connect(kubeconfig=kubeconfig, context=context).cluster


def _absolute(kubeconfig: Path | None) -> str:
    """Return where a kubeconfig is for a worker, which has another folder; empty for the default."""
    found = str(kubeconfig or os.environ.get("KUBECONFIG", ""))
    return os.pathsep.join(str(Path(each).absolute()) for each in found.split(os.pathsep) if each)
