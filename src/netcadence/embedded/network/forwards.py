"""What a cluster's Services amount to on the wire, as rules of a pod or a node; no I/O.

A pod's traffic leaves its namespace translated already, as if each pod had a kube-proxy of its own; what
comes from outside of the cluster is translated where it arrives, in the namespace of a node. A namespace
whose cluster has no Services gets no rules, and so no connection tracking that would cost throughput.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

#: Marks, within a node, packets that are to come back the way they went.
MASQUERADE: Final = 0x4000
#: Marks flows that were refused, so that they can be forgotten once there is somebody for them.
REFUSED: Final = 0x6E630001
_ENDS: Final = re.compile(r": (\S+ \. [0-9]+)")
FAMILIES: Final = {4: "ip", 6: "ip6"}


@dataclass(frozen=True, slots=True)
class Backend:
    """Where a connection may end; `node` is empty for what is not a pod of this cluster."""

    address: str
    port: int
    node: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """One port of a Service, in one IP family.

    Attributes:
        version: 4 or 6.
        protocol: `tcp` or `udp`.
        address: The Service's own address.
        external: Addresses of its load balancers.
        node_port: Port on each node, or None.
        backends: Where it leads; where there are none, connections are refused.
        internal_local: What comes from a pod stays on the pod's node.
        external_local: What arrives at a node stays on that node.
        sticky: A client always gets the same backend, as long as the backends stay the same.
    """

    version: int
    protocol: str
    address: str
    port: int
    backends: tuple[Backend, ...]
    external: tuple[str, ...] = ()
    node_port: int | None = None
    internal_local: bool = False
    external_local: bool = False
    sticky: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """What one namespace is to do in one IP family.

    Attributes:
        chains: Chains of one rule each, by name.
        elements: What sets and maps hold, as the set's name and the element.
    """

    chains: Mapping[str, str]
    elements: frozenset[tuple[str, str]]

    def __bool__(self) -> bool:
        return bool(self.elements)


def announcers(forwards: Iterable[Forward], nodes: Sequence[str]) -> dict[str, str]:
    """Return for each load balancer's address the node that answers there, among those that are ready.

    Where traffic has to stay on the node at which it arrives, it is a node with a backend.
    """
    found: dict[str, str] = {}
    for forward in forwards:
        able = [
            node
            for node in nodes
            if not forward.external_local or any(each.node == node for each in forward.backends)
        ]
        for address in forward.external:
            if able:
                found.setdefault(address, able[zlib.crc32(address.encode()) % len(able)])
    return found


def pod_rules(forwards: Iterable[Forward], version: int, node: str) -> Rules:
    """Return the rules for a pod on a node."""
    chains: dict[str, str] = {}
    elements: set[tuple[str, str]] = set()
    for forward in forwards:
        if forward.version != version:
            continue
        elements.add(("addresses", forward.address))
        if backends := _backends(forward, node, local=forward.internal_local):
            name = _name("to", forward)
            chains[name] = _marked(name, forward) + _translation(forward, backends)
            elements.add(
                ("internal", f"{forward.address} . {forward.protocol} . {forward.port} : goto {name}")
            )
    return Rules(chains, frozenset(elements))


def node_rules(forwards: Sequence[Forward], version: int, node: str, addresses: Sequence[str]) -> Rules:
    """Return the rules for a node that has these addresses."""
    inner = pod_rules(forwards, version, node)
    chains, elements = dict(inner.chains), set(inner.elements)
    own = [address for address in addresses if ip_address(address).version == version]
    for forward in forwards:
        if forward.version != version:
            continue
        places = [(address, forward.port) for address in forward.external]
        places += [(address, forward.node_port) for address in own if forward.node_port]
        backends = _backends(forward, node, local=forward.external_local)
        if not places or not backends:
            continue
        name = _name("from-outside", forward)
        # All pods are of one subnet: without masquerade the answer would not come back this way.
        chains[name] = f"meta mark set meta mark or {MASQUERADE}; "
        chains[name] += _marked(name, forward) + _translation(forward, backends)
        elements |= {
            ("external", f"{address} . {forward.protocol} . {port} : goto {name}") for address, port in places
        }
    return Rules(chains, frozenset(elements))


def stale_marks(before: Rules, after: Rules) -> list[int]:
    """Return the marks of flows that may go where nobody is any more, or that were refused."""
    # To forget, the kernel walks through all flows of the machine: not where nobody is there who was not.
    answered = any(name == "internal" for name, _ in after.elements - before.elements)
    return [
        *([REFUSED] if answered else []),
        *(
            _mark(name)
            for name, rule in before.chains.items()
            if "-udp-" in name and set(_ENDS.findall(rule)) - set(_ENDS.findall(after.chains.get(name, "")))
        ),
    ]


def _marked(name: str, forward: Forward) -> str:
    """Return what marks a flow of datagrams as one of this chain's."""
    return f"ct mark set {_mark(name)}; " if forward.protocol == "udp" else ""


def _mark(name: str) -> int:
    return zlib.crc32(name.encode())


def _name(prefix: str, forward: Forward) -> str:
    return f"{prefix}-{forward.protocol}-{forward.address.replace(':', '-')}-{forward.port}"


def _backends(forward: Forward, node: str, *, local: bool) -> list[Backend]:
    return [each for each in forward.backends if not local or each.node == node]


def _translation(forward: Forward, backends: Sequence[Backend]) -> str:
    family = FAMILIES[forward.version]
    chosen = f"jhash {family} saddr" if forward.sticky else "numgen random"
    ends = ", ".join(f"{index} : {each.address} . {each.port}" for index, each in enumerate(backends))
    return f"meta l4proto {forward.protocol} dnat {family} to {chosen} mod {len(backends)} map {{ {ends} }}"
