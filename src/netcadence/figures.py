"""Which figures a scenario yields: by its protocol, its tool and what the tool is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcadence_worker.contract import IperfOptions, Protocol, Tool
from netcadence_worker.metrics import OF_REQUESTS, POSITIONS, PROBED

if TYPE_CHECKING:
    from netcadence.scenario import Scenario

_ONE_WAY_LATENCY: Final = ("latency_avg", "latency_min", "latency_max", "latency_stdev")
_CONNECTION: Final = ("tcp_retransmits", "tcp_rtt_avg", "tcp_rtt_min", "tcp_rtt_max", "congestion_window")
_WAY_BACK: Final = ("transferred_reverse", "throughput_reverse")
_ROUND_TRIPS: Final = (
    "round_trips",
    "round_trip_avg",
    "round_trip_min",
    "round_trip_max",
    "round_trip_stdev",
)


#: What these yield, whatever they are asked for.
_OF_TOOLS: Final = {Tool.PROBE: PROBED, Tool.FORTIO: OF_REQUESTS}


def source(scenario: Scenario) -> str:
    """Name what yields a scenario's figures: its protocol, or what is special about its tool."""
    if scenario.tool in _OF_TOOLS:
        return "a probe" if scenario.tool is Tool.PROBE else scenario.tool.value
    if scenario.tool is Tool.IPERF3:
        return f"iperf3 over {scenario.protocol}"
    options = scenario.options.iperf or IperfOptions()
    if options.bounceback is not None:
        return "iperf with bounceback"
    return "iperf with full_duplex" if options.full_duplex else scenario.protocol.value


def yielded(scenario: Scenario) -> tuple[str, ...]:
    """Return the metrics of a result."""
    if scenario.tool in _OF_TOOLS:
        return tuple(_OF_TOOLS[scenario.tool])
    usual = POSITIONS.get(scenario.protocol, ())
    if scenario.tool is Tool.IPERF3:
        if scenario.protocol is Protocol.UDP:
            return tuple(name for name in usual if name not in _ONE_WAY_LATENCY)
        return usual + _CONNECTION
    options = scenario.options.iperf or IperfOptions()
    if options.bounceback is not None:
        return _ROUND_TRIPS
    return usual + _WAY_BACK if options.full_duplex else usual
