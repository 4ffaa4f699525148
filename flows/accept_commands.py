"""The command `netcadence accept`: options, and refusals before anything is made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows import environment
from flows.display import Display
from flows.exit_code import of_verdict
from flows.option_groups import ClusterOptions, grouped
from flows.options import Json, LakeAddress
from flows.output import print_json
from netcadence.acceptance import profile as profiles
from netcadence.acceptance import programme as programmes
from netcadence.errors import InvalidInputError


@grouped
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
    where: ClusterOptions,
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
    programme = programmes.load(profile, strict=strict, canary=canary)
    if show_plan:
        from flows import planning  # noqa: PLC0415 - imports the Kubernetes client

        seen = planning.look(embedded=where.embedded, context=where.context, kubeconfig=where.kubeconfig)
        code = planning.show_acceptance(programme, seen, namespace=where.namespace, as_json=as_json)
        raise typer.Exit(code)
    _require_file(junit)
    _require_lake(environment.lake(lake), acceptance_id)
    where.require_known()
    home = environment.make_home()
    console = Console(stderr=as_json)
    with Display(console, "netcadence") as display:
        display.step("loading")
        from flows import accepting  # noqa: PLC0415 - imports Prefect, which takes seconds
    done, page = accepting.accept(
        programme, where.target(), home=home, lake=lake, acceptance_id=acceptance_id or "", console=console
    )
    if junit:
        accepting.write_junit(done.acceptance, junit)
    if as_json:
        print_json(accepting.as_json(done, page))
    else:
        accepting.show(done, page, console, junit=junit)
    raise typer.Exit(of_verdict(done.acceptance.verdict))


def _require_file(path: Path | None) -> None:
    """Refuse what cannot be written before minutes are spent on what would be in it."""
    if path and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise InvalidInputError(f"--junit {path}: allowed: a file in a folder that is there")


def _require_lake(address: str, acceptance_id: str | None) -> None:
    from netcadence.lake import Lake  # noqa: PLC0415 - imports pyarrow

    Lake(address).require_room_for_acceptance(acceptance_id or "")
