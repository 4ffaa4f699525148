"""A pod's isolation in the words of nftables; no I/O."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final

from netcadence.embedded.policy.selection import Allowed, Isolation, Peers, Ports

TABLE: Final = "inet netcadence-policy"
#: Takes the table away, whether it is there or not.
NO_TABLE: Final = f"table {TABLE}\ndelete table {TABLE}\n"
#: Without these no neighbour is found over IPv6.
_DISCOVERY: Final = (
    "nd-router-solicit, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report"
)

_LOOPBACK: Final = (("ip", "127.0.0.0/8"), ("ip6", "::1"))


@dataclass(frozen=True, slots=True)
class _Side:
    """One direction: its chain, and how rules speak there of the other end."""

    chain: str
    hook: str
    address: str
    interface: str


_INGRESS: Final = _Side("ingress", "input", "saddr", "iifname")
_EGRESS: Final = _Side("egress", "output", "daddr", "oifname")


def ruleset(isolation: Isolation, ips: Iterable[str], node_ips: Iterable[str]) -> str:
    """Return the commands that replace a pod's table, all in one transaction.

    Args:
        isolation: What is let through to and from the pod.
        ips: The pod's own addresses; it always reaches itself, also by way of a Service.
        node_ips: The addresses of its node, with which it may always talk.
    """
    always = Peers(addresses=frozenset((*ips, *node_ips)))
    chains = [
        _chain(side, always, allowed)
        for side, allowed in ((_INGRESS, isolation.ingress), (_EGRESS, isolation.egress))
        if allowed is not None
    ]
    return f"{NO_TABLE}table {TABLE} {{\n{''.join(chains)}}}\n"


def _chain(side: _Side, always: Peers, allowed: Sequence[Allowed]) -> str:
    lines = [
        f"type filter hook {side.hook} priority filter; policy accept;",
        f'{side.interface} "lo" accept',
        # What Services refuse is turned round to here, and still counts as leaving.
        *(f"{family} {side.address} {own} accept" for family, own in _LOOPBACK),
        # Of a TCP connection only the first packet is judged, so that those from before the pod's first
        # policy go on too, which nobody has tracked.
        "tcp flags & (fin | syn | rst | ack) != syn accept",
        "ct state related accept",
        "ct state established ct direction reply accept",
        f"icmpv6 type {{ {_DISCOVERY} }} accept",
        *_rules(side, Allowed(always)),
    ]
    for each in dict.fromkeys(allowed):
        lines += _rules(side, each)
    body = "".join(f"\t\t{line}\n" for line in (*lines, "drop"))
    return f"\tchain {side.chain} {{\n{body}\t}}\n"


@lru_cache(maxsize=1024)  # what a policy allows to one pod it mostly allows to many
def _rules(side: _Side, allowed: Allowed) -> tuple[str, ...]:
    return tuple(
        " ".join([*filter(None, conditions), "accept"])
        for conditions in product(_peer_conditions(side, allowed.peers), _port_conditions(allowed.ports))
    )


def _peer_conditions(side: _Side, peers: Peers) -> Iterator[str]:
    if peers.everybody:
        yield ""
        return
    for family, version in (("ip", 4), ("ip6", 6)):
        found = [ip for ip in map(ipaddress.ip_address, peers.addresses) if ip.version == version]
        if found:
            yield f"{family} {side.address} {{ {', '.join(str(ip) for ip in sorted(found))} }}"
    for block in peers.blocks:
        family = "ip" if block.network.version == 4 else "ip6"  # noqa: PLR2004 - the version of the protocol
        conditions = [f"meta nfproto ipv{block.network.version}"]
        if block.network.prefixlen:
            conditions.append(f"{family} {side.address} {block.network}")
        yield " ".join([*conditions, *(f"{family} {side.address} != {each}" for each in block.without)])


def _port_conditions(ports: tuple[Ports, ...] | None) -> Iterator[str]:
    if ports is None:
        yield ""
        return
    by_protocol: dict[str, list[Ports]] = defaultdict(list)
    for each in _joined(ports):
        by_protocol[each.protocol.lower()].append(each)
    for protocol, ranges in by_protocol.items():
        if any(each.are_all for each in ranges):
            yield f"meta l4proto {protocol}"
        else:
            yield f"{protocol} dport {{ {', '.join(map(str, ranges))} }}"


def _joined(ports: Iterable[Ports]) -> list[Ports]:
    """Return the same ports in ranges that do not overlap, as a set of intervals wants them."""
    found: list[Ports] = []
    for each in sorted(ports):
        if found and found[-1].protocol == each.protocol and each.first <= found[-1].last + 1:
            found[-1] = Ports(each.protocol, found[-1].first, max(found[-1].last, each.last))
        else:
            found.append(each)
    return found
