"""Where a run's workers go: decided before they are made, so that pairing finds them where it needs them.

Where pairs of one client and one server each only have to cross nodes, the scheduler spreads the workers, for
it knows how full nodes are. All else (pools, pairs of nodes, one node, two zones, a server of many clients)
needs workers on certain nodes, and there each worker gets its node beforehand. A cluster that cannot do is
refused here, before anything is made on it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import Final

from netcadence.errors import InvalidInputError
from netcadence.nodes import NodePair, Nodes, Pool, Site, Toleration
from netcadence.pairing import PairingError, Placement, demand
from netcadence.schedule import Mesh, Ratio, Schedule
from netcadence.traffic_path import TrafficPath
from netcadence.words import counted
from netcadence_worker.contract import MOST_PAIRS, MOST_ROUNDS

#: So many names are listed in an error; a cluster may have thousands.
_NAMES_SHOWN: Final = 5
_LEAST_MESH: Final = 2


class MeshError(InvalidInputError):
    """There is no mesh of these nodes; the text says what there is and what is allowed."""


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
        schedule: Who measures with whom.
        places: The node of each worker of the schedule, by its number; empty where that depends on where the
            workers land.
        most_on_node: Workers that a node may have at most where that depends: of more, some would find nobody
            on another node.
    """

    groups: tuple[Group, ...]
    schedule: Schedule
    places: tuple[str, ...] = ()
    most_on_node: int | None = None

    @property
    def workers(self) -> int:
        return sum(group.workers for group in self.groups)

    def node_pairs(self) -> Counter[tuple[str, str]]:
        """Return how many pairs of a round each client's and server's node have, for every round the most."""
        found: Counter[tuple[str, str]] = Counter()
        for matches in self.schedule.rounds if self.places else ():
            found |= Counter((self.places[match.client], self.places[match.server]) for match in matches)
        return found

    def one_by_one(self) -> Layout:
        """Return the same with each worker in a group of its own, whose label no other has."""
        groups = (Group(1, group.where) for group in self.groups for _ in range(group.workers))
        return replace(self, groups=tuple(groups))


@dataclass(frozen=True, slots=True)
class Wish:
    """What a run wants of the nodes.

    Attributes:
        name: Whose wish it is, for an error's text, such as the scenario's name.
        ratio: How many clients and servers.
        tolerations: Taints of nodes that the workers do not mind.
        path: Where clients connect; it decides how many workers a node takes, and which are made together.
        apart: Whether each worker is made on its own, so that it can be told from others by its label.
    """

    name: str
    ratio: Ratio
    placement: Placement
    nodes: Nodes
    tolerations: tuple[Toleration, ...] = ()
    path: TrafficPath = TrafficPath.POD_IP
    apart: bool = False

    @property
    def pairs(self) -> int:
        """Pairs that measure at the same time."""
        return self.ratio.pairs

    @property
    def workers(self) -> int:
        return self.ratio.workers


@dataclass(frozen=True, slots=True)
class MeshWish:
    """What a run wants that measures nodes with each other: a worker on each of them."""

    name: str
    mesh: Mesh
    nodes: Pool
    tolerations: tuple[Toleration, ...] = ()
    path: TrafficPath = TrafficPath.POD_IP


def lay_out(wish: Wish | MeshWish, sites: Sequence[Site]) -> Layout:
    """Return where the workers go; depends on the set of nodes, not on their order.

    Args:
        sites: All nodes of the cluster.

    Raises:
        PairingError: The cluster cannot do; the text says how many nodes and workers are missing, and where.
        MeshError: The nodes make no mesh, or more of it than a run can hold.
    """
    known = sorted((site.facing(wish.tolerations) for site in sites), key=lambda site: site.name)
    if wish.path is TrafficPath.HOST_NETWORK:
        known = [replace(site, room=min(1, 1 if site.room is None else site.room)) for site in known]
    try:
        layout = _mesh(wish, known) if isinstance(wish, MeshWish) else _ratio(wish, known)
    except PairingError as error:
        if wish.path is not TrafficPath.HOST_NETWORK:
            raise
        raise PairingError(
            f"{error}; path host-network puts one worker a node, for they share its ports"
        ) from error
    apart = wish.path.has_service or (isinstance(wish, Wish) and wish.apart)
    return layout.one_by_one() if apart else layout


def _ratio(wish: Wish, known: Sequence[Site]) -> Layout:
    anywhere = Pool(**wish.nodes.model_dump(include=set(Pool.model_fields)))
    if wish.path is TrafficPath.EXTERNAL:
        inside = replace(wish, ratio=replace(wish.ratio, servers=0), placement=Placement.ANY)
        _require_nodes(inside, known)
        return Layout((Group(inside.workers, anywhere),), wish.ratio.schedule)
    open_ = [site for site in known if not site.closed]
    spread = wish.placement in (Placement.CROSS_NODE, Placement.ANY) and not wish.nodes.has_pools
    if wish.nodes.pairs:
        places = _places(wish.ratio, _named_seats(wish, known))
    elif not wish.ratio.is_even:
        places = _uneven(wish, known, *_candidates(wish, known))
    elif spread:
        _require_nodes(wish, known)
        most = wish.pairs if wish.placement is Placement.CROSS_NODE else None
        return Layout((Group(wish.workers, anywhere),), wish.ratio.schedule, most_on_node=most)
    else:
        places = _places(wish.ratio, _seats(wish, known, *_candidates(wish, known)))
    workers = Counter(places)
    _require_room(wish, workers, open_)
    groups = (Group(count, Pool(names=(node,))) for node, count in sorted(workers.items()))
    return Layout(tuple(groups), wish.ratio.schedule, places)


def _mesh(wish: MeshWish, known: Sequence[Site]) -> Layout:
    found = [site for site in known if not site.closed and wish.nodes.takes(site) and _room(site) > 0]
    if len(found) < _LEAST_MESH:
        raise MeshError(
            f"{wish.name} needs at least {counted(_LEAST_MESH, 'node')}{_words(wish.nodes)}, for a mesh "
            f"measures them with each other; {_there(found, known)}"
        )
    schedule = wish.mesh.over(len(found))
    if schedule.pairs > MOST_PAIRS or len(schedule.rounds) > MOST_ROUNDS:
        raise MeshError(
            f"{wish.name}: the mesh of {len(found):,} nodes has {counted(schedule.pairs, 'pair')} in "
            f"{counted(len(schedule.rounds), 'round')}; allowed: up to {MOST_PAIRS:,} in {MOST_ROUNDS:,}, "
            "by a smaller degree, fewer rounds or fewer nodes"
        )
    names = tuple(site.name for site in found)
    return Layout(tuple(Group(1, Pool(names=(name,))) for name in names), schedule, names)


def _places(ratio: Ratio, seats: Sequence[NodePair]) -> tuple[str, ...]:
    """Return the node of each worker, which is that of its first pair."""
    clients = (seat.client_node for seat in seats[: ratio.clients])
    return (*clients, *(seat.server_node for seat in seats[: ratio.servers]))


def _require_nodes(wish: Wish, known: Sequence[Site]) -> None:
    """Refuse nodes that are too few, or too small, for pairs that the scheduler spreads."""
    found = [site for site in known if not site.closed and wish.nodes.takes(site)]
    wanted = demand(wish.workers, wish.placement).nodes
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
    count = wish.ratio.clients if role == "client" else wish.ratio.servers
    found = [site for site in known if not site.closed and wish.nodes.takes(site) and pool.takes(site)]
    if not found:
        raise PairingError(
            f"{wish.name} needs a node{_words(wish.nodes, pool)} for {counted(count, role)}; "
            f"{_there(found, known)}: 1 node missing, for {counted(count, 'worker')}"
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


class _Beds:
    """The room that nodes have, taken by one worker after another."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self._taken = dict.fromkeys((site.name for site in sites), 0)

    def take(self, sites: Sequence[Site], then: Callable[[Site], float] = lambda _site: 0) -> Site | None:
        """Take a bed on the node that has given the fewest, of those the one that `then` puts first."""
        free = [site for site in sites if self._taken[site.name] < _room(site)]
        if not free:
            return None
        chosen = min(free, key=lambda site: (self._taken[site.name], then(site), site.name))
        self._taken[chosen.name] += 1
        return chosen


def _uneven(
    wish: Wish, known: Sequence[Site], clients: Sequence[Site], servers: Sequence[Site]
) -> tuple[str, ...]:
    """Place workers of which one side is in several pairs each: that side first, then those that meet it.

    Each goes to the node that has the fewest so far. The few go to small nodes, if the many are to be on
    others, and to large ones, if all are to be on one.
    """
    few, many = (clients, servers) if wish.ratio.clients < wish.ratio.servers else (servers, clients)
    hubs = [hub for hub in few if any(_fits(wish.placement, hub, other) for other in many)]
    if not hubs and wish.placement is Placement.ANY:
        hubs = list(few)
    if not hubs:
        raise PairingError(_no_combination(wish, known, clients, servers))
    beds = _Beds(known)
    last = -1 if wish.placement is Placement.SAME_NODE else 1

    def meeting(hub: Site | None) -> Site | None:
        found = beds.take([site for site in many if hub and _fits(wish.placement, hub, site)])
        return found or (beds.take(many) if wish.placement is Placement.ANY else None)

    fewer = min(wish.ratio.clients, wish.ratio.servers)
    first = [beds.take(hubs, then=lambda site: last * _room(site)) for _ in range(fewer)]
    then = [meeting(first[pair % fewer]) for pair in range(wish.pairs)]
    placed = (first, then) if few is clients else (then, first)
    homeless = [*first, *then].count(None)
    if homeless:
        found = [site for site in known if site in clients or site in servers]
        room = ", ".join(_shortened([f"{site.name} takes {_room(site):.0f}" for site in found]))
        raise PairingError(
            f"{wish.name} needs room for {counted(wish.workers, 'worker')} ({wish.placement})"
            f"{_words(wish.nodes)}{_pool_words(wish.nodes)}; {room}: "
            f"room for {counted(homeless, 'worker')} missing{_closed(known)}"
        )
    return tuple(site.name for side in placed for site in side if site)


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
    workers = Counter(_places(wish.ratio, seats))
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
