"""Where a run's workers go: decided before they are made, so that pairing finds them where it needs them.

Where pairs only have to cross nodes, the scheduler spreads the workers, for it knows how full nodes are. All
else (pools, pairs of nodes, one node, two zones) needs workers on certain nodes, and there each pair gets its
two nodes beforehand. A cluster that cannot do is refused here, before anything is made on it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Final

from netcadence.nodes import NodePair, Nodes, Pool, Site, Toleration
from netcadence.pairing import PairingError, Placement, demand
from netcadence.words import counted

#: So many names are listed in an error; a cluster may have thousands.
_NAMES_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Group:
    """Workers that are alike in where they may be."""

    workers: int
    where: Pool


@dataclass(frozen=True, slots=True)
class Layout:
    """Where workers go.

    Attributes:
        groups: What to deploy; a group on a node of its own for each node, or one for all.
        seats: The two nodes of each pair of a round; empty where that depends on where the workers land.
    """

    groups: tuple[Group, ...]
    seats: tuple[NodePair, ...] = ()


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run wants of the nodes.

    Attributes:
        name: Whose wish it is, for an error's text, such as the scenario's name.
        pairs: Pairs that measure at the same time.
        tolerations: Taints of nodes that the workers do not mind.
    """

    name: str
    pairs: int
    placement: Placement
    nodes: Nodes
    tolerations: tuple[Toleration, ...] = ()

    @property
    def workers(self) -> int:
        return 2 * self.pairs


def lay_out(wish: Wish, sites: Sequence[Site]) -> Layout:
    """Return where the workers go; depends on the set of nodes, not on their order.

    Args:
        sites: All nodes of the cluster.

    Raises:
        PairingError: The cluster cannot do; the text says how many nodes and workers are missing, and where.
    """
    known = sorted((site.facing(wish.tolerations) for site in sites), key=lambda site: site.name)
    open_ = [site for site in known if not site.closed]
    if wish.nodes.pairs:
        seats = _named_seats(wish, known)
    elif wish.placement in (Placement.CROSS_NODE, Placement.ANY) and not wish.nodes.has_pools:
        _require_nodes(wish, known)
        return Layout((Group(wish.workers, Pool(**wish.nodes.model_dump(include=set(Pool.model_fields)))),))
    else:
        seats = _seats(wish, known, *_candidates(wish, known))
    workers = Counter(node for seat in seats for node in (seat.client_node, seat.server_node))
    _require_room(wish, workers, open_)
    groups = (Group(count, Pool(names=(node,))) for node, count in sorted(workers.items()))
    return Layout(tuple(groups), seats)


def _require_nodes(wish: Wish, known: Sequence[Site]) -> None:
    """Refuse nodes that are too few, or too small, for pairs that the scheduler spreads."""
    found = [site for site in known if not site.closed and wish.nodes.takes(site)]
    wanted = demand(wish.pairs, wish.placement).nodes
    # No node can serve in more pairs than there are, if pairs are to cross nodes.
    most = wish.pairs if wish.placement is Placement.CROSS_NODE else wish.workers
    homeless = wish.workers - int(sum(min(_room(site), most) for site in found))
    needs = f"{wish.name} needs {counted(wanted, 'node')}{_words(wish.nodes)}"
    if len(found) < wanted:
        lacking = counted(wanted - len(found), "node")
        raise PairingError(
            f"{needs} for {counted(wish.workers, 'worker')}; {_there(found, known)}: "
            f"{lacking} missing, for {homeless} of the workers"
        )
    if homeless > 0:
        rooms = ", ".join(_shortened([f"{site.name} takes {site.room}" for site in found]))
        raise PairingError(
            f"{needs} with room for {counted(wish.workers, 'worker')}; {rooms}: "
            f"room for {counted(homeless, 'worker')} missing{_closed(known)}"
        )


def _candidates(wish: Wish, known: Sequence[Site]) -> tuple[list[Site], list[Site]]:
    """Return the nodes that clients, and that servers, may be on."""
    return _of_pool(wish, known, "client", wish.nodes.client_pool), _of_pool(
        wish, known, "server", wish.nodes.server_pool
    )


def _of_pool(wish: Wish, known: Sequence[Site], role: str, pool: Pool) -> list[Site]:
    found = [site for site in known if not site.closed and wish.nodes.takes(site) and pool.takes(site)]
    if not found:
        raise PairingError(
            f"{wish.name} needs a node{_words(wish.nodes, pool)} for {counted(wish.pairs, role)}; "
            f"{_there(found, known)}: 1 node missing, for {counted(wish.pairs, 'worker')}"
        )
    return found


def _seats(
    wish: Wish, known: Sequence[Site], clients: Sequence[Site], servers: Sequence[Site]
) -> tuple[NodePair, ...]:
    """Deal the pairs out to pairs of nodes in turn, as evenly as the placement allows."""
    combinations = [pair for pair in _in_turn(clients, servers) if _fits(wish.placement, *pair)]
    if not combinations and wish.placement is Placement.ANY:
        combinations = list(_in_turn(clients, servers))
    if not combinations:
        raise PairingError(_no_combination(wish, known, clients, servers))
    return tuple(
        NodePair(client_node=client.name, server_node=server.name)
        for client, server in islice(cycle(combinations), wish.pairs)
    )


def _fits(placement: Placement, client: Site, server: Site) -> bool:
    if placement is Placement.CROSS_ZONE:
        return bool(client.zone and server.zone) and client.zone != server.zone
    return (client.name == server.name) == (placement is Placement.SAME_NODE)


def _in_turn(clients: Sequence[Site], servers: Sequence[Site]) -> Iterator[tuple[Site, Site]]:
    """Yield every combination once, such that all clients' and all servers' nodes come up equally often.

    In each stretch as long as the least common multiple of both numbers every possible remainder is met
    once; moving on by one from stretch to stretch meets the others.
    """
    stretch = math.lcm(len(clients), len(servers))
    for turn in range(len(clients) * len(servers)):
        yield clients[turn % len(clients)], servers[(turn + turn // stretch) % len(servers)]


def _no_combination(
    wish: Wish, known: Sequence[Site], clients: Sequence[Site], servers: Sequence[Site]
) -> str:
    found = sorted({site.name: site for site in (*clients, *servers)}.values(), key=lambda site: site.name)
    asked = f"{_words(wish.nodes)}{_pool_words(wish.nodes)}"
    if wish.placement is Placement.CROSS_ZONE:
        zones = sorted({site.zone for site in found if site.zone})
        where = f"outside zone {zones[0]}" if len(zones) == 1 else "with a zone"
        if wish.nodes.has_pools and len(zones) > 1:
            where = "of one pool in another zone than the other's"
        in_zones = ", in zone " + " and ".join(zones) if zones else ", in no zone"
        return (
            f"{wish.name} needs nodes in two zones{asked}; {_there(found, known, in_zones)}: "
            f"1 node missing {where}, for {counted(wish.pairs, 'worker')}"
        )
    if wish.placement is Placement.SAME_NODE:
        return (
            f"{wish.name} needs a node that is in both pools{asked}; {_there(found, known)}: "
            f"1 node missing in both, for {counted(wish.workers, 'worker')}"
        )
    return (
        f"{wish.name} needs two nodes{asked}; {_there(found, known)}: "
        f"1 other node missing, for {counted(wish.pairs, 'worker')}"
    )


def _named_seats(wish: Wish, known: Sequence[Site]) -> tuple[NodePair, ...]:
    """Deal the pairs out to the named pairs of nodes in turn, if all of these are there."""
    seats = tuple(islice(cycle(wish.nodes.pairs), wish.pairs))
    workers = Counter(node for seat in seats for node in (seat.client_node, seat.server_node))
    by_name = {site.name: site for site in known}
    missing = [node for node in sorted(workers) if node not in by_name or by_name[node].closed]
    if missing:
        why = (
            f"{node} {'is ' + by_name[node].closed if node in by_name else 'is not there'}"
            f" ({counted(workers[node], 'worker')})"
            for node in missing
        )
        homeless = sum(workers[node] for node in missing)
        raise PairingError(
            f"{wish.name} needs the nodes of its pairs; {', '.join(_shortened(list(why)))}: "
            f"{counted(len(missing), 'node')} missing, for {homeless} of {counted(wish.workers, 'worker')}"
        )
    if wish.placement is Placement.CROSS_ZONE:
        _require_zones(wish, seats, by_name)
    return seats


def _require_zones(wish: Wish, seats: Sequence[NodePair], by_name: dict[str, Site]) -> None:
    for seat in seats:
        client, server = by_name[seat.client_node], by_name[seat.server_node]
        if not (client.zone and server.zone) or client.zone == server.zone:
            zones = f"{client.zone or 'no zone'} and {server.zone or 'no zone'}"
            raise PairingError(
                f"{wish.name} needs pairs that cross zones; {client.name} and {server.name} are in {zones}"
            )


def _require_room(wish: Wish, workers: Counter[str], open_: Sequence[Site]) -> None:
    rooms = {site.name: _room(site) for site in open_}
    crowded = [
        f"{node} takes {rooms[node]:.0f} and has to take {count}"
        for node, count in sorted(workers.items())
        if count > rooms[node]
    ]
    if crowded:
        homeless = sum(max(0, count - rooms[node]) for node, count in workers.items())
        raise PairingError(
            f"{wish.name} needs {counted(wish.workers, 'worker')} on {counted(len(workers), 'node')}; "
            f"{', '.join(_shortened(crowded))}: room for {counted(int(homeless), 'worker')} missing there"
        )


def _room(site: Site) -> float:
    return math.inf if site.room is None else site.room


def _words(nodes: Pool, pool: Pool | None = None) -> str:
    words = " ".join((pool or Pool()).within(nodes))
    return f" {words}" if words else ""


def _pool_words(nodes: Nodes) -> str:
    pools = (("clients", nodes.client_pool), ("servers", nodes.server_pool))
    words = [f"{role} {' '.join(pool.within(Pool()))}" for role, pool in pools if not pool.is_open]
    return f" ({', '.join(words)})" if words else ""


def _there(found: Sequence[Site], known: Sequence[Site], more: str = "") -> str:
    names = f" ({', '.join(_shortened([site.name for site in found]))}{more})" if found else ""
    verb = "is" if len(found) == 1 else "are"
    return f"there {verb} {len(found) or 'none'} of {counted(len(known), 'node')}{names}{_closed(known)}"


def _closed(known: Sequence[Site]) -> str:
    closed = [f"{site.name} is {site.closed}" for site in known if site.closed]
    return f", and {', '.join(_shortened(closed))}" if closed else ""


def _shortened(words: list[str]) -> list[str]:
    more = len(words) - _NAMES_SHOWN
    return words if more <= 0 else [*words[:_NAMES_SHOWN], f"{more} more"]
