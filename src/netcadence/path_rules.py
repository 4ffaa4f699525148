"""Which scenarios can be measured by which way: refused up front, with the field and what is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from netcadence import document
from netcadence.pairing import Placement
from netcadence.schedule import Shape
from netcadence.traffic_path import IPFamily, TrafficPath
from netcadence_worker.contract import MOST_REQUESTS, Protocol, Tool

if TYPE_CHECKING:
    from netcadence.scenario import Scenario

#: A field, its value, whether that fits, and what does.
_Rule = tuple[str, object, bool, str]

#: A load balancer for each node, and one server for all of them, make no mesh.
_OF_RATIOS: Final = (TrafficPath.LOAD_BALANCER, TrafficPath.EXTERNAL)
#: Their Services have the port of the scenario's protocol, and no other.
_OF_ONE_TRANSPORT: Final = (TrafficPath.CLUSTER_IP, TrafficPath.NODE_PORT, TrafficPath.LOAD_BALANCER)
_WITHOUT_POD_NETWORK: Final = (TrafficPath.HOST_NETWORK, TrafficPath.EXTERNAL)
_CROSSING: Final = (Placement.CROSS_NODE, Placement.CROSS_ZONE)


def require_fitting(scenario: Scenario) -> None:
    """Make sure that a scenario's path, and its baseline, fit all else that it asks for.

    Raises:
        RefusalError: They do not.
    """
    _require_named(scenario)
    if scenario.shape is Shape.MESH:
        rule = ("path", scenario.path.value, scenario.path not in _OF_RATIOS, _ways_but(_OF_RATIOS))
        _hold([rule], "is for shape ratio; allowed in a mesh")
    if scenario.path is TrafficPath.HOST_NETWORK:
        apart = scenario.placement is not Placement.SAME_NODE
        rule = ("placement", scenario.placement.value, apart, "cross-node, cross-zone, any")
        _hold([rule], "puts two pods on the ports of one node; allowed with path host-network")
    if scenario.protocol is Protocol.UDP and scenario.tool is Tool.IPERF3:
        rule = (
            "path",
            scenario.path.value,
            scenario.path not in _OF_ONE_TRANSPORT,
            _ways_but(_OF_ONE_TRANSPORT),
        )
        _hold([rule], "leads UDP alone, and iperf3 needs TCP beside it; allowed, unless with tool iperf")
    if scenario.external:
        inside = "is about a server inside of the cluster; allowed with path external"
        _hold(_of_one_server(scenario), inside)
    if scenario.baseline:
        alone = "has no counterpart on the host network; allowed with a baseline"
        _hold(_of_a_baseline(scenario), alone)


def _require_named(scenario: Scenario) -> None:
    """Refuse a machine outside of the cluster that is not named, or not asked for."""
    path, external = scenario.path, scenario.external
    if path is TrafficPath.EXTERNAL and external is None:
        message = (
            "is missing; allowed with path external: name and address of a worker outside of the cluster"
        )
        raise document.RefusalError("external", None, message)
    if path is not TrafficPath.EXTERNAL and external is not None:
        message = f"is for path external; allowed with path {path}: none"
        raise document.RefusalError("external", None, message)
    if external and scenario.ip_family not in (None, IPFamily.of(external.address)):
        allowed = f"allowed: {IPFamily.of(external.address)}, the family of external.address"
        raise document.RefusalError("ip_family", scenario.ip_family, f"does not fit; {allowed}")


def _of_one_server(scenario: Scenario) -> Iterable[_Rule]:
    anywhere = scenario.placement in (Placement.CROSS_NODE, Placement.ANY)
    for_all = not (scenario.nodes.pairs or scenario.nodes.has_pools)
    return (
        ("servers", scenario.servers, scenario.servers == 1, "1, the machine that external names"),
        ("placement", scenario.placement.value, anywhere, "cross-node, any"),
        ("nodes", None, for_all, "selector, zones, names"),
    )


def _of_a_baseline(scenario: Scenario) -> Iterable[_Rule]:
    path, few = scenario.path, scenario.pairs <= MOST_REQUESTS
    return (
        ("path", path.value, path not in _WITHOUT_POD_NETWORK, _ways_but(_WITHOUT_POD_NETWORK)),
        ("shape", scenario.shape.value, scenario.shape is Shape.RATIO, "ratio"),
        ("placement", scenario.placement.value, scenario.placement in _CROSSING, ", ".join(_CROSSING)),
        (scenario.more_numerous, scenario.pairs, few, f"up to {MOST_REQUESTS}"),
    )


def _ways_but(ways: tuple[TrafficPath, ...]) -> str:
    return ", ".join(way for way in TrafficPath if way not in ways)


def _hold(rules: Iterable[_Rule], message: str) -> None:
    for field, value, fits, allowed in rules:
        if not fits:
            raise document.RefusalError(field, value, f"{message}: {allowed}")
