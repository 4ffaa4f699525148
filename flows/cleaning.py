"""Removing what killed runs have left, for `netcadence clean`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from flows import embedded_commands, environment, server
from flows.display import Display
from netcadence.errors import InvalidInputError
from netcadence.kube import leftovers
from netcadence.kube.access import Access
from netcadence.kube.leftovers import Cleaning
from netcadence.kube.wire import Wire


def connect(*, embedded: bool, context: str | None, kubeconfig: Path | None) -> Access:
    """Return a connection to the cluster that is meant.

    Raises:
        ClusterUnknownError: The context or kubeconfig is not there.
        InvalidInputError: An embedded cluster is meant, and none is up.
    """
    if embedded:
        running = embedded_commands.find()
        if running is None:
            raise InvalidInputError(
                "--embedded: no embedded cluster is up, and one that is down has nothing left on it"
            )
        kubeconfig = running.kubeconfig
    return Access.connect(kubeconfig=kubeconfig, context=context)


def clean(
    access: Access,
    *,
    namespace: str,
    lease_namespace: str,
    wire: Wire,
    run_id: str,
    dry_run: bool,
    console: Console,
) -> Cleaning:
    """Look for leftovers and remove them, and show what one waits for."""
    with closing(access), Display(console, "netcadence") as display:
        display.step("looking for what runs have left")
        done = leftovers.clean(
            access,
            wire.place(namespace),
            wire,
            lease_namespace=lease_namespace,
            also=() if namespace else leftovers.other_places(access, wire),
            run_id=run_id,
            dry_run=dry_run,
            on_doubt=lambda holder: display.step(f"watching whether run {holder} still lives"),
        )
        if done.dead and not dry_run and server.answers(environment.api()):
            display.step("telling Prefect which runs are dead")
            from tasks import killed  # noqa: PLC0415 - imports Prefect, which takes seconds

            killed.mourn(done.dead)
    return done


def as_json(done: Cleaning, *, cluster: str, dry_run: bool) -> dict[str, Any]:
    """Return what was found and what of it is left."""
    objects = [
        {
            "run_id": each.run_id,
            "kind": each.resource.kind,
            "namespace": each.namespace,
            "name": each.name,
            "removed": each not in done.remaining,
        }
        for each in done.found
    ]
    return {
        "cluster": cluster,
        "dry_run": dry_run,
        "alive": done.alive or None,
        "lease_of": done.lease_of or None,
        "objects": objects,
    }


def show(done: Cleaning, console: Console, *, cluster: str, dry_run: bool) -> None:
    """Print what was found and what became of it."""
    if done.found:
        table = Table("run", "object", "", box=None, pad_edge=False)
        word = "would be removed" if dry_run else "still there"
        for each in done.found:
            table.add_row(each.run_id, str(each), word if each in done.remaining else "removed")
        console.print(table)
    else:
        console.print(f"No run has left anything on cluster {cluster}.", markup=False)
    if done.lease_of:
        what = "would be removed" if dry_run else "removed"
        console.print(f"The lease of run {done.lease_of}, which lives no longer: {what}.", markup=False)
    if done.alive:
        console.print(f"Run {done.alive} is measuring; what is its own stays.", markup=False)
