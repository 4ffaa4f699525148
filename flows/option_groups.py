"""Groups of options that several commands have: each is a dataclass, and its fields are the options.

A command takes a group as one parameter, and typer sees the fields in its place:

    @application.command()
    @grouped
    def plan(names: list[str], *, adjusted: AdjustmentOptions) -> None: ...
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from flows.options import (
    ClusterName,
    Context,
    Embedded,
    IfBusyOption,
    Kubeconfig,
    LeaseNamespace,
    Namespace,
    require_one_cluster,
)
from netcadence import document
from netcadence.adjustment import Adjustment
from netcadence.errors import InvalidInputError
from netcadence.kube.lease import IfBusy
from netcadence.kube.wire import DEFAULT_NAMESPACE, require_namespace
from netcadence.pairing import Placement
from netcadence.traffic_path import Baseline, IPFamily, TrafficPath

if TYPE_CHECKING:
    from flows.session import Target

#: What a command returns.
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """Which cluster is measured, and how it is shared."""

    embedded: Embedded = False
    context: Context = None
    kubeconfig: Kubeconfig = None
    cluster: ClusterName = None
    namespace: Namespace = ""
    if_busy: IfBusyOption = IfBusy.WAIT
    lease_namespace: LeaseNamespace = DEFAULT_NAMESPACE

    def __post_init__(self) -> None:
        require_one_cluster(embedded=self.embedded, context=self.context, kubeconfig=self.kubeconfig)
        require_namespace(self.lease_namespace)

    def require_known(self) -> None:
        """Refuse a cluster that no kubeconfig names, before a Prefect server is started for it.

        Raises:
            ClusterUnknownError: There is no such file or context, or it cannot be read.
        """
        if not self.embedded:
            from netcadence.kube.access import Access  # noqa: PLC0415 - imports the Kubernetes client

            Access.connect(kubeconfig=self.kubeconfig, context=self.context).close()

    def target(self, *, wire: str = "netcadence") -> Target:
        """Return what a session or an acceptance measures."""
        from flows.session import Target  # noqa: PLC0415 - imports Prefect, which takes seconds

        return Target(wire=wire, **dataclasses.asdict(self))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentOptions:
    """What is asked for beside a scenario: where, and how much."""

    client_node: Annotated[
        str | None, typer.Option(metavar="NODE", help="All clients on this node; with --server-node.")
    ] = None
    server_node: Annotated[
        str | None, typer.Option(metavar="NODE", help="All servers on this node; with --client-node.")
    ] = None
    node_selector: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Only nodes with this label; may be given repeatedly."),
    ] = None
    placement: Annotated[
        Placement | None, typer.Option(metavar="WHERE", help="cross-node, same-node, cross-zone or any.")
    ] = None
    path: Annotated[
        TrafficPath | None,
        typer.Option(
            metavar="WAY",
            help="Where clients connect: pod-ip, cluster-ip, node-port, load-balancer, dns or host-network.",
        ),
    ] = None
    ip_family: Annotated[
        IPFamily | None,
        typer.Option(metavar="FAMILY", help="ipv4 or ipv6; by default the first one of the pods."),
    ] = None
    baseline: Annotated[
        Baseline | None,
        typer.Option(
            metavar="WHAT",
            help="host-network: measure the nodes' own network too, and say what the pod network costs.",
        ),
    ] = None
    max_pair_bandwidth: Annotated[
        str | None,
        typer.Option(metavar="BITS/S", help="Refuse what can send more in a pair, such as 100M."),
    ] = None
    max_total_bandwidth: Annotated[
        str | None, typer.Option(metavar="BITS/S", help="The same for all pairs together.")
    ] = None
    max_total_bytes: Annotated[
        str | None, typer.Option(metavar="BYTES", help="Refuse what can send more in all, such as 10G.")
    ] = None

    @property
    def adjustment(self) -> Adjustment:
        """The same as a model.

        Raises:
            InvalidInputError: A label or an amount is none.
        """
        labels = self.node_selector or ()
        if bad := next((each for each in labels if "=" not in each), None):
            raise InvalidInputError(f"--node-selector {bad}: allowed: KEY=VALUE, such as pool=bench")
        content = dataclasses.asdict(self)
        content["node_selector"] = dict(each.partition("=")[::2] for each in labels)
        for which in ("pair", "total"):
            content[f"max_{which}_bits_per_s"] = content.pop(f"max_{which}_bandwidth")
        return document.validated(content, Adjustment, source="the command line")


def grouped(command: Callable[..., Result]) -> Callable[..., Result]:
    """Show a command's groups of options as the options that are in them."""
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type[Any]]
    groups = {
        name: kind
        for name, kind in hints.items()
        if isinstance(kind, type) and dataclasses.is_dataclass(kind)
    }

    @functools.wraps(command)
    def ungrouped(*given: Any, **options: Any) -> Result:
        for name, group in groups.items():
            fields = (field.name for field in dataclasses.fields(group))
            options[name] = group(**{field: options.pop(field) for field in fields})
        return command(*given, **options)

    def parameters() -> Iterator[inspect.Parameter]:
        for parameter in inspect.signature(command).parameters.values():
            if group := groups.get(parameter.name):
                yield from inspect.signature(group, eval_str=True).parameters.values()
            else:
                yield parameter.replace(annotation=hints[parameter.name])

    vars(ungrouped)["__signature__"] = inspect.Signature(list(parameters()))
    return ungrouped
