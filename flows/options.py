"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netcadence.errors import InvalidInputError
from netcadence.kube.lease import IfBusy

Embedded = Annotated[
    bool,
    typer.Option("--embedded", help="Use a cluster on this machine: the one that is up, or a new one."),
]
ClusterName = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Keep the results under this name; by default the kubeconfig's."),
]
IfBusyOption = Annotated[
    IfBusy, typer.Option(metavar="HOW", help="While another run has the cluster: wait or refuse.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
LakeAddress = Annotated[
    str | None,
    typer.Option(
        "--lake",
        metavar="URL",
        help="The lake: a folder, s3://… or gs://…; by default .netcadence/lake in the checkout.",
    ),
]
Context = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Context of the kubeconfig; by default its current one."),
]
Kubeconfig = Annotated[
    Path | None, typer.Option(metavar="FILE", help="By default KUBECONFIG, then ~/.kube/config.")
]
Namespace = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Namespace of the workers, by default netcadence; made if it is not there.",
        show_default=False,
    ),
]
LeaseNamespace = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Where the lease is by which runs on one cluster find each other; by default netcadence.",
        show_default=False,
    ),
]


def require_one_cluster(*, embedded: bool, context: str | None, kubeconfig: Path | None) -> None:
    """Refuse two clusters at a time.

    Raises:
        InvalidInputError: One on this machine is asked for, and another beside it.
    """
    if embedded and (context or kubeconfig):
        raise InvalidInputError(
            "--embedded brings its own cluster; allowed beside it: neither --context nor --kubeconfig"
        )
