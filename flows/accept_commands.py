"""The command `netcadence accept`: options, and refusals before anything is made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows import environment
from flows.display import Display
from flows.exit_code import of_verdict
from flows.options import (
    ClusterName,
    Context,
    Embedded,
    IfBusyOption,
    Json,
    Kubeconfig,
    LakeAddress,
    LeaseNamespace,
    Namespace,
    require_one_cluster,
)
from netcadence.acceptance import profile as profiles
from netcadence.acceptance import programme as programmes
from netcadence.errors import InvalidInputError
from netcadence.home import Home
from netcadence.kube.lease import IfBusy
from netcadence.kube.wire import DEFAULT_NAMESPACE


def accept(
    *,
    profile: Annotated[
        Path,
        typer.Option(
            metavar="FILE",
            help="The checks; by default expectations/acceptance.yaml.",
            show_default=False,
        ),
    ] = profiles.DEFAULT,
    strict: Annotated[
        bool | None,
        typer.Option("--strict/--no-strict", help="Recommended checks count like required ones."),
    ] = None,
    canary: Annotated[
        bool | None,
        typer.Option("--canary/--no-canary", help="A measurement with a planted cap has to fail."),
    ] = None,
    show_plan: Annotated[
        bool, typer.Option("--plan", help="Show what would be measured, and measure nothing.")
    ] = False,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Also write JUnit XML into FILE.")
    ] = None,
    embedded: Embedded = False,
    context: Context = None,
    kubeconfig: Kubeconfig = None,
    cluster: ClusterName = None,
    namespace: Namespace = "",
    if_busy: IfBusyOption = IfBusy.WAIT,
    lease_namespace: LeaseNamespace = DEFAULT_NAMESPACE,
    lake: LakeAddress = None,
    acceptance_id: Annotated[
        str | None,
        typer.Option(
            "--id", metavar="ID", help="Id that no acceptance in the lake may have; by default made up."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Decide whether a cluster's network is fit for use.

    A profile's checks are measured one after another under one lease, and judged together. The exit code is 0
    only if each required check passed.
    """
    require_one_cluster(embedded=embedded, context=context, kubeconfig=kubeconfig)
    programme = programmes.load(profile, strict=strict, canary=canary)
    home = Home.beside(environment.CHECKOUT)
    if show_plan:
        from flows import planning  # noqa: PLC0415 - imports the Kubernetes client

        seen = planning.look(embedded=embedded, context=context, kubeconfig=kubeconfig)
        raise typer.Exit(planning.show_acceptance(programme, seen, namespace=namespace, as_json=as_json))
    _require_file(junit)
    _require_lake(lake or str(home.lake), acceptance_id)
    # Prefect wants its home when it is imported, and makes no parents.
    home.prefect.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=as_json)
    with Display(console, "netcadence") as display:
        display.step("loading")
        from flows import accepting  # noqa: PLC0415 - imports Prefect, which takes seconds
        from flows.session import Target  # noqa: PLC0415 - likewise
    target = Target(
        embedded=embedded,
        context=context,
        kubeconfig=kubeconfig,
        cluster=cluster,
        namespace=namespace,
        if_busy=if_busy,
        lease_namespace=lease_namespace,
    )
    done, page = accepting.accept(
        programme, target, home=home, lake=lake, acceptance_id=acceptance_id or "", console=console
    )
    if junit:
        accepting.write_junit(done.acceptance, junit)
    if as_json:
        print(json.dumps(accepting.as_json(done, page), indent=2, default=str))  # noqa: T201 - the command's output
    else:
        accepting.show(done, page, console, junit=junit)
    raise typer.Exit(of_verdict(done.acceptance.verdict))


def _require_file(path: Path | None) -> None:
    """Refuse what cannot be written before minutes are spent on what would be in it."""
    if path and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise InvalidInputError(f"--junit {path}: allowed: a file in a folder that is there")


def _require_lake(address: str, acceptance_id: str | None) -> None:
    from netcadence.lake import Lake  # noqa: PLC0415 - imports pyarrow

    keeper = Lake(address)
    if acceptance_id:
        keeper.require_new_acceptance(acceptance_id)
