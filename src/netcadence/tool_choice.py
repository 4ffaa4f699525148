"""Which tool makes a scenario's traffic, and why: by what it is for, where it does not say itself."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from netcadence_worker.contract import Protocol, Tool

if TYPE_CHECKING:
    from netcadence.scenario import Scenario


class Use(enum.StrEnum):
    """What a network is used for, as a person says it who chooses a benchmark."""

    CNI = "cni"
    VOICE = "voice"
    GAMES = "games"
    REST = "rest"
    GRPC = "grpc"
    SERVICE_MESH = "service-mesh"


@dataclass(frozen=True, slots=True)
class Fit:
    """What measures a use.

    Attributes:
        protocols: What travels; the first one unless a scenario says another.
        tool: What measures it best.
    """

    protocols: tuple[Protocol, ...]
    tool: Tool


FITS: Final[Mapping[Use, Fit]] = {
    Use.CNI: Fit((Protocol.TCP, Protocol.UDP), Tool.IPERF),
    Use.VOICE: Fit((Protocol.UDP,), Tool.IPERF),
    Use.GAMES: Fit((Protocol.UDP,), Tool.IPERF),
    Use.REST: Fit((Protocol.HTTP,), Tool.FORTIO),
    Use.GRPC: Fit((Protocol.GRPC,), Tool.FORTIO),
    Use.SERVICE_MESH: Fit((Protocol.GRPC, Protocol.HTTP), Tool.FORTIO),
}

#: What measures a protocol where nothing is said of its use.
_TOOL_OF: Final[Mapping[Protocol, Tool]] = {
    Protocol.TCP: Tool.IPERF,
    Protocol.UDP: Tool.IPERF,
    Protocol.HTTP: Tool.FORTIO,
    Protocol.GRPC: Tool.FORTIO,
}

_REASONS: Final[Mapping[tuple[Protocol, Tool], str]] = {
    (Protocol.TCP, Tool.IPERF): "for CNIs: bare TCP, as most who compare them measure it",
    (Protocol.TCP, Tool.IPERF3): "for CNIs: with lost segments, round trip and congestion window",
    (Protocol.UDP, Tool.IPERF): "for voice and games: jitter, loss and one-way latency",
    (Protocol.UDP, Tool.IPERF3): "for voice and games: jitter and loss, no one-way latency",
    (Protocol.HTTP, Tool.SIEGE): "for REST: users who come, wait and come back; blind below 10 ms",
    (Protocol.HTTP, Tool.FORTIO): "for REST and meshes: a fixed rate, and the time of every request",
    (Protocol.GRPC, Tool.FORTIO): "for gRPC and meshes: the one tool here that speaks gRPC",
    (Protocol.TCP, Tool.PROBE): "for Services and policies: when a change has its effect",
    (Protocol.HTTP, Tool.PROBE): "for Services: when a change has its effect",
}


def completed(content: Any) -> Any:
    """Return what a person wrote of a scenario, with the protocol of its use and the tool of its options.

    What cannot be told from them is left as it is, to be filled in or refused.
    """
    if not isinstance(content, Mapping):
        return content
    added: dict[str, Any] = {}
    if "protocol" not in content and content.get("use") in tuple(Use):
        added["protocol"] = FITS[Use(content["use"])].protocols[0]
    options = content.get("options")
    named = [tool for tool in Tool if isinstance(options, Mapping) and options.get(tool) is not None]
    if "tool" not in content and len(named) == 1:
        added["tool"] = named[0]
    return {**content, **added}


def tool_for(data: Mapping[str, Any]) -> Tool:
    """Return the tool of a scenario that names none, and has no tool's options."""
    use, protocol = data.get("use"), data.get("protocol")
    fit = FITS[use] if use else None
    return fit.tool if fit else _TOOL_OF.get(protocol or Protocol.TCP, Tool.IPERF)


def why(scenario: Scenario) -> str:
    """Say in a few words why a scenario's tool measures it."""
    return _REASONS.get((scenario.protocol, scenario.tool), "")
