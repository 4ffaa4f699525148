"""What a cluster's Services amount to on the wire, and how nft says it; no I/O.

A pod's traffic leaves its namespace translated already, as if each pod had a kube-proxy of its own; what
comes from outside of the cluster is translated where it arrives, in the namespace of a node. A namespace
whose cluster has no Services gets no rules, and so no connection tracking that would cost throughput.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

TABLE: Final = "netcadence-services"
#: Marks, within a node, packets that are to come back the way they went.
_MASQUERADE: Final = 0x4000
_OWN: Final = {4: "127.0.0.1", 6: "::1"}
_FAMILIES: Final = {4: ("ip", "ipv4_addr"), 6: ("ip6", "ipv6_addr")}


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


def pod_script(forwards: Iterable[Forward], versions: Iterable[int], node: str) -> str:
    """Return the nft commands for a pod on a node of a cluster with these IP versions."""
    own = _by_version(forwards, versions)
    return _script({version: _pod_table(version, each, node) for version, each in own.items()})


def node_script(
    forwards: Iterable[Forward], versions: Iterable[int], node: str, addresses: Sequence[str]
) -> str:
    """Return the nft commands for a node that has these addresses."""
    own = _by_version(forwards, versions)
    return _script({version: _node_table(version, each, node, addresses) for version, each in own.items()})


def _by_version(forwards: Iterable[Forward], versions: Iterable[int]) -> dict[int, list[Forward]]:
    listed = list(forwards)
    return {version: [each for each in listed if each.version == version] for version in versions}


def _script(tables: Mapping[int, str]) -> str:
    """Replace all there was: what is added first can be deleted, whether it was there or not."""
    script = ""
    for version, table in tables.items():
        family, _ = _FAMILIES[version]
        script += f"add table {family} {TABLE}\ndelete table {family} {TABLE}\n{table}"
    return script


def _pod_table(version: int, forwards: Sequence[Forward], node: str) -> str:
    if not forwards:
        return ""
    family, _ = _FAMILIES[version]
    lines = list(_internal_lines(version, forwards, node))
    lines.append("chain output { type nat hook output priority -100; jump internal; jump turn; }")
    return _table(family, lines)


def _node_table(version: int, forwards: Sequence[Forward], node: str, addresses: Sequence[str]) -> str:
    if not forwards:
        return ""
    family, kind = _FAMILIES[version]
    own = [address for address in addresses if (":" in address) == (version == 6)]  # noqa: PLR2004 - IPv6
    lines = list(_internal_lines(version, forwards, node))
    entries = []
    for index, forward in enumerate(forwards):
        places = [(address, forward.port) for address in forward.external]
        places += [(address, forward.node_port) for address in own if forward.node_port]
        backends = _backends(forward, node, local=forward.external_local)
        if not places or not backends:
            continue
        lines.append(
            f"chain from-outside-{index} {{ meta mark set meta mark or {_MASQUERADE}; "
            f"{_translation(family, forward, backends)}; }}"
        )
        entries += [
            f"{address} . {forward.protocol} . {port} : goto from-outside-{index}" for address, port in places
        ]
    lines.append(_map("external", kind, entries))
    lines.append(f"chain external {{ {family} daddr . meta l4proto . th dport vmap @external; }}")
    lines.append(
        "chain output { type nat hook output priority -100; jump internal; jump turn; jump external; }"
    )
    lines.append("chain prerouting { type nat hook prerouting priority -100; jump external; }")
    lines.append(
        "chain postrouting { type nat hook postrouting priority 100; "
        f"meta mark and {_MASQUERADE} == {_MASQUERADE} masquerade; }}"
    )
    return _table(family, lines)


def _internal_lines(version: int, forwards: Sequence[Forward], node: str) -> Iterator[str]:
    """Yield what translates the Services' own addresses, and refuses what cannot be translated."""
    family, kind = _FAMILIES[version]
    addresses = ", ".join(dict.fromkeys(forward.address for forward in forwards))
    yield f"set addresses {{ type {kind}; elements = {{ {addresses} }}; }}"
    entries = []
    for index, forward in enumerate(forwards):
        if backends := _backends(forward, node, local=forward.internal_local):
            yield f"chain to-{index} {{ {_translation(family, forward, backends)}; }}"
            entries.append(f"{forward.address} . {forward.protocol} . {forward.port} : goto to-{index}")
    yield _map("internal", kind, entries)
    yield f"chain internal {{ {family} daddr . meta l4proto . th dport vmap @internal; }}"
    # What is not translated has no backend, or no such port. It is turned round first: a datagram that is
    # refused on its way out fails as not permitted, and as refused only on its way in.
    yield f"chain turn {{ {family} daddr @addresses redirect; }}"
    turned = f"{family} daddr {_OWN[version]} ct direction original ct original {family} daddr @addresses"
    yield f"chain refuse {{ type filter hook input priority 0; {turned} reject; }}"


def _backends(forward: Forward, node: str, *, local: bool) -> list[Backend]:
    return [each for each in forward.backends if not local or each.node == node]


def _translation(family: str, forward: Forward, backends: Sequence[Backend]) -> str:
    chosen = f"jhash {family} saddr" if forward.sticky else "numgen random"
    ends = ", ".join(f"{index} : {each.address} . {each.port}" for index, each in enumerate(backends))
    return f"meta l4proto {forward.protocol} dnat {family} to {chosen} mod {len(backends)} map {{ {ends} }}"


def _map(name: str, kind: str, entries: Sequence[str]) -> str:
    elements = f"elements = {{ {', '.join(entries)} }};" if entries else ""
    return f"map {name} {{ type {kind} . inet_proto . inet_service : verdict; {elements} }}"


def _table(family: str, lines: Iterable[str]) -> str:
    return f"table {family} {TABLE} {{\n" + "".join(f"{line}\n" for line in lines) + "}\n"
