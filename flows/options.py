"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netcadence.errors import InvalidInputError
from netcadence.kube.lease import IfBusy
from netcadence.pairing import Placement
from netcadence.traffic_path import Baseline, IPFamily, TrafficPath

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
Context = Annotated[str | None, typer.Option(metavar="NAME", help="Context of the kubeconfig.")]
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
ClientNode = Annotated[
    str | None,
    typer.Option("--client-node", metavar="NODE", help="All clients on this node; with --server-node."),
]
ServerNode = Annotated[
    str | None,
    typer.Option("--server-node", metavar="NODE", help="All servers on this node; with --client-node."),
]
NodeSelector = Annotated[
    list[str] | None,
    typer.Option(
        "--node-selector", metavar="KEY=VALUE", help="Only nodes with this label; may be given repeatedly."
    ),
]
PlacementOption = Annotated[
    Placement | None,
    typer.Option("--placement", metavar="WHERE", help="cross-node, same-node, cross-zone or any."),
]
PathOption = Annotated[
    TrafficPath | None,
    typer.Option(
        "--path",
        metavar="WAY",
        help="Where clients connect: pod-ip, cluster-ip, node-port, load-balancer, dns or host-network.",
    ),
]
FamilyOption = Annotated[
    IPFamily | None,
    typer.Option("--ip-family", metavar="FAMILY", help="ipv4 or ipv6; by default the first one of the pods."),
]
BaselineOption = Annotated[
    Baseline | None,
    typer.Option(
        "--baseline",
        metavar="WHAT",
        help="host-network: measure the nodes' own network too, and say what the pod network costs.",
    ),
]
PairBandwidth = Annotated[
    str | None,
    typer.Option(
        "--max-pair-bandwidth", metavar="BITS/S", help="Refuse what can send more in a pair, such as 100M."
    ),
]
TotalBandwidth = Annotated[
    str | None,
    typer.Option("--max-total-bandwidth", metavar="BITS/S", help="The same for all pairs together."),
]
TotalBytes = Annotated[
    str | None,
    typer.Option("--max-total-bytes", metavar="BYTES", help="Refuse what can send more in all, such as 10G."),
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
