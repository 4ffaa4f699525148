"""Who measures with whom: the plan of a run, from the workers that are there.

A pair crosses nodes unless told otherwise, for two pods of one node never touch the network under test. The
fullest node is paired first, with the node that it met least, so that load spreads over all node pairs, but
never such that a pair that could have been made is lost. The client is the node that was client less often,
so that load spreads over both directions.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from netcadence.errors import PermanentError
from netcadence.pair import Pair, WorkerPod
from netcadence.schedule import Schedule
from netcadence.words import counted


class PairingError(PermanentError):
    """The workers that are there cannot form the planned pairs; the text says what is missing."""


class Placement(enum.StrEnum):
    """Where a pair's two pods have to be."""

    #: On two nodes.
    CROSS_NODE = "cross-node"
    #: On one node: the baseline that the network between nodes is compared with.
    SAME_NODE = "same-node"
    #: In two zones, and therefore on two nodes.
    CROSS_ZONE = "cross-zone"
    #: Across nodes as far as possible, the rest on one.
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Demand:
    """What has to be there before a run can be planned.

    Attributes:
        workers: Ready worker pods.
        nodes: Nodes they have to be on, at least.
    """

    workers: int
    nodes: int


def demand(workers: int, placement: Placement) -> Demand:
    """Return what so many clients and servers need."""
    crossing = placement in (Placement.CROSS_NODE, Placement.CROSS_ZONE)
    return Demand(workers=workers, nodes=2 if crossing else 1)


def plan(
    pods: Sequence[WorkerPod],
    *,
    pairs: int,
    base_port: int,
    placement: Placement = Placement.CROSS_NODE,
    rounds: int = 1,
    name: str = "the run",
) -> tuple[Pair, ...]:
    """Return `pairs` pairs for each round, each pod in at most one of them; the rounds repeat the same pairs.

    The plan depends on the set of pods alone, not on their order. Every server is in one pair of a round, so
    `base_port` serves all.

    Args:
        pods: Ready workers; more than needed is fine.
        pairs: Pairs in each round.
        base_port: Port of the first pair of a server.
        placement: Where a pair's two pods have to be.
        rounds: How often the pairs measure.
        name: What is planned, for the error's text, such as the scenario's name.

    Raises:
        PairingError: Not all pairs can be made; never are fewer returned.
    """
    if placement is Placement.CROSS_ZONE:
        pool = _Pool([pod for pod in pods if pod.zone], key=lambda pod: pod.zone)
    else:
        pool = _Pool(pods, key=lambda pod: pod.node)
    if placement is Placement.SAME_NODE:
        matches = pool.within_nodes(pairs)
    else:
        matches = pool.across_nodes(pairs)
        if placement is Placement.ANY:
            matches += pool.within_nodes(pairs - len(matches))
    if len(matches) < pairs:
        raise PairingError(
            _shortage(pods, pairs=pairs, possible=len(matches), placement=placement, name=name)
        )
    return _repeated(matches, base_port=base_port, rounds=rounds)


def seat(
    pods: Sequence[WorkerPod],
    places: Sequence[str],
    schedule: Schedule,
    *,
    base_port: int,
    name: str = "the run",
) -> tuple[Pair, ...]:
    """Return a pair for each match of each round, where it was decided beforehand which worker is where.

    The plan depends on the set of pods alone, not on their order.

    Args:
        pods: Ready workers; more than needed is fine.
        places: The node of each worker of the schedule, by its number.
        schedule: Who measures with whom.
        base_port: Port of the first pair of a server; its others are at the ports that follow.
        name: What is planned, for the error's text.

    Raises:
        PairingError: A node has fewer pods than it has to have; never are fewer pairs returned.
    """
    by_node: dict[str, list[WorkerPod]] = {}
    for pod in sorted(set(pods)):
        by_node.setdefault(pod.node, []).append(pod)
    wanted = Counter(places)
    short = {node: count - len(by_node.get(node, ())) for node, count in sorted(wanted.items())}
    lacking = [f"{counted(count, 'worker')} missing on {node}" for node, count in short.items() if count > 0]
    if lacking:
        there = sum(len(by_node.get(node, ())) for node in wanted)
        raise PairingError(
            f"{name} needs {counted(len(places), 'worker')} on {counted(len(wanted), 'node')}; "
            f"there {'is' if there == 1 else 'are'} {there} on them: {', '.join(lacking)}"
        )
    free = {node: iter(pods_there) for node, pods_there in by_node.items()}
    return _scheduled([next(free[node]) for node in places], schedule, base_port=base_port)


def towards(
    pods: Sequence[WorkerPod],
    server: WorkerPod,
    schedule: Schedule,
    *,
    base_port: int,
    name: str = "the run",
) -> tuple[Pair, ...]:
    """Return a pair for each match of each round, of a client that is there and the one server of them all.

    The plan depends on the set of pods alone, not on their order.

    Args:
        pods: Ready workers; more than needed is fine.
        server: One that is not of the cluster; the schedule has it last.
        base_port: Port of the first pair; the others are at the ports that follow.
        name: What is planned, for the error's text.

    Raises:
        PairingError: There are fewer pods than clients; never are fewer pairs returned.
    """
    clients, wanted = sorted(set(pods)), schedule.workers - 1
    if len(clients) < wanted:
        raise PairingError(
            f"{name} needs {counted(wanted, 'worker')}; there are {len(clients)}: "
            f"{counted(wanted - len(clients), 'worker')} missing"
        )
    return _scheduled([*clients[:wanted], server], schedule, base_port=base_port)


def _scheduled(workers: Sequence[WorkerPod], schedule: Schedule, *, base_port: int) -> tuple[Pair, ...]:
    matches = ((round_, match) for round_, matches in enumerate(schedule.rounds) for match in matches)
    return tuple(
        Pair(index, workers[match.client], workers[match.server], base_port + match.turn, round_)
        for index, (round_, match) in enumerate(matches)
    )


def _repeated(
    matches: Sequence[tuple[WorkerPod, WorkerPod]], *, base_port: int, rounds: int
) -> tuple[Pair, ...]:
    return tuple(
        Pair(
            index=round_ * len(matches) + position, client=client, server=server, port=base_port, round=round_
        )
        for round_ in range(rounds)
        for position, (client, server) in enumerate(matches)
    )


class _Pool:
    """The unpaired pods by node, or by whatever else the key says pairs have to cross."""

    def __init__(self, pods: Sequence[WorkerPod], key: Callable[[WorkerPod], str]) -> None:
        ordered = sorted(set(pods))
        self._left = Counter(map(key, ordered))
        self._free = {place: iter([pod for pod in ordered if key(pod) == place]) for place in self._left}
        self._met: Counter[frozenset[str]] = Counter()
        self._clients: Counter[str] = Counter()

    def across_nodes(self, wanted: int) -> list[tuple[WorkerPod, WorkerPod]]:
        """Take `wanted` pairs that cross nodes, or as many as there can be."""
        total = self._left.total()
        possible = min(wanted, total // 2, total - max(self._left.values(), default=0))
        return [self._match(*self._crossing(left_over)) for left_over in reversed(range(possible))]

    def within_nodes(self, wanted: int) -> list[tuple[WorkerPod, WorkerPod]]:
        """Take `wanted` pairs that stay on a node, or as many as there can be."""
        possible = min(wanted, sum(left // 2 for left in self._left.values()))
        return [self._match(node, node) for node in (self._fullest() for _ in range(possible))]

    def _fullest(self) -> str:
        return min(self._left, key=lambda node: (-self._left[node], node))

    def _crossing(self, left_over: int) -> tuple[str, str]:
        """Return the next two nodes to pair, such that `left_over` more pairs can still be made."""
        first = self._fullest()
        others = (node for node, left in self._left.items() if left and node != first)
        by_use = sorted(
            others, key=lambda node: (self._met[frozenset((first, node))], -self._left[node], node)
        )
        return first, next(second for second in by_use if self._suffices(left_over, without=(first, second)))

    def _suffices(self, pairs: int, *, without: tuple[str, str]) -> bool:
        # The pairs exist if and only if the nodes can fill them together, none serving in more than all.
        ends = sum(min(left - (node in without), pairs) for node, left in self._left.items())
        return ends >= 2 * pairs

    def _match(self, one: str, other: str) -> tuple[WorkerPod, WorkerPod]:
        self._met[frozenset((one, other))] += 1
        client, server = sorted((one, other), key=lambda node: (self._clients[node], node))
        self._clients[client] += 1
        self._left[one] -= 1
        self._left[other] -= 1
        return next(self._free[client]), next(self._free[server])


def _shortage(
    pods: Sequence[WorkerPod], *, pairs: int, possible: int, placement: Placement, name: str
) -> str:
    """Say what is needed, what is there, and what is therefore missing."""
    wanted = demand(2 * pairs, placement)
    zonal = placement is Placement.CROSS_ZONE
    by_node = Counter(pod.zone if zonal else pod.node for pod in set(pods) if pod.zone or not zonal)
    workers, place = by_node.total(), "zone" if zonal else "node"
    where = (
        f"{'in' if zonal else 'on'} at least {counted(2, place)}" if wanted.nodes > 1 else f"({placement})"
    )
    needs = f"{name} needs {counted(wanted.workers, 'worker')} {where}"
    there = (
        f"there {'is' if workers == 1 else 'are'} {workers} {'in' if zonal else 'on'} "
        f"{counted(len(by_node), place)}"
    )
    return f"{needs}; {there}: {_missing(by_node, pairs=pairs, possible=possible, placement=placement)}"


def _missing(by_node: Counter[str], *, pairs: int, possible: int, placement: Placement) -> str:
    if placement not in (Placement.CROSS_NODE, Placement.CROSS_ZONE):
        lacking = 2 * pairs - by_node.total()
        if lacking > 0:
            return f"{counted(lacking, 'worker')} missing"
        return (
            f"only {counted(possible, 'pair')} can stay on one node; nodes with an odd number leave one over"
        )
    places = "zones" if placement is Placement.CROSS_ZONE else "nodes"
    # No node can serve in more pairs than there are, so that what it has beyond that does not count.
    lacking = 2 * pairs - sum(min(left, pairs) for left in by_node.values())
    crowded = [node for node, left in by_node.items() if left > pairs]
    if len(by_node) == 1:
        return (
            f"no pair can cross {places}; "
            f"{counted(lacking, 'worker')} missing on other {places} than {min(by_node)}"
        )
    elsewhere = f" on other {places} than {crowded[0]}, which has {by_node[crowded[0]]}" if crowded else ""
    only = f"only {counted(possible, 'pair')} can cross {places}"
    return f"{only}; {counted(lacking, 'worker')} missing{elsewhere}"
