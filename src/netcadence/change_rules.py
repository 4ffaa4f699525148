"""Which scenarios can change something while probers look on: refused up front, with what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcadence import document
from netcadence.change import Change
from netcadence.schedule import Shape
from netcadence.traffic_path import TrafficPath
from netcadence_worker.contract import ProbeOptions, Tool

if TYPE_CHECKING:
    from netcadence.scenario import Scenario

_OF_SERVICES: Final = (TrafficPath.CLUSTER_IP, TrafficPath.NODE_PORT, TrafficPath.LOAD_BALANCER)
#: Options of the prober that follow from the change.
_TOLD_BY_CHANGE: Final = ("reachable", "from_opposite", "newborn")
_ONCE: Final = "for what is made is there then"


def require_fitting(scenario: Scenario) -> None:
    """Make sure that a scenario that probes says what is changed, and that it fits all else.

    Raises:
        RefusalError: It does not.
    """
    if scenario.change is None:
        if scenario.tool is Tool.PROBE:
            message = f"is missing; allowed with tool probe: {', '.join(Change)}"
            raise document.RefusalError("change", None, message)
        return
    ways = _OF_SERVICES if scenario.change is Change.SERVICE else (TrafficPath.POD_IP,)
    probe = scenario.options.probe or ProbeOptions()
    wanted = (
        ("tool", scenario.tool.value, scenario.tool is Tool.PROBE, "probe"),
        ("path", scenario.path.value, scenario.path in ways, ", ".join(ways)),
        ("baseline", "given", scenario.baseline is None, "none"),
        ("shape", scenario.shape.value, scenario.shape is Shape.RATIO, "ratio"),
        ("rounds", scenario.rounds, scenario.rounds == 1, f"1, {_ONCE}"),
        ("repeats", "given", scenario.repeats is None, f"none, {_ONCE}"),
        ("streams", scenario.streams, scenario.streams == 1, "1"),
        *(
            (f"options.probe.{name}", "given", getattr(probe, name) is None, "none")
            for name in _TOLD_BY_CHANGE
        ),
    )
    if scenario.change is Change.POLICY_NEW_POD:
        even = scenario.servers == scenario.clients > 1
        told = f"{max(scenario.clients, 2)}, as many as clients, two at least: every other one is let in"
        wanted = (*wanted, ("servers", scenario.servers, even, told))
    for field, value, fits, allowed in wanted:
        if not fits:
            message = f"does not fit change {scenario.change}; allowed with it: {allowed}"
            raise document.RefusalError(field, value, message)
