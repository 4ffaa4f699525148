"""Which workers measure with which, round by round; on which nodes they are is decided elsewhere.

Workers are numbered from 0. A ratio has the clients first, then the servers. A mesh has workers that are
both, one round the one and another round the other.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice


class Shape(enum.StrEnum):
    """What kind of schedule a scenario has."""

    #: Clients and servers, in all pairs at once.
    RATIO = "ratio"
    #: Each node with each other, or with some of them, a pair of a node at a time.
    MESH = "mesh"


@dataclass(frozen=True, slots=True)
class Match:
    """A client and a server, by their numbers.

    Attributes:
        turn: Position among the matches that this server has in the round, from 0: it listens on a port for
            each.
    """

    client: int
    server: int
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """All matches of a run.

    Attributes:
        workers: How many there are; their numbers are below that.
        rounds: The matches that measure at the same time, one round after another.
    """

    workers: int
    rounds: tuple[tuple[Match, ...], ...]

    @property
    def pairs(self) -> int:
        """Pairs over all rounds."""
        return sum(map(len, self.rounds))

    @property
    def at_once(self) -> int:
        """Pairs that measure at the same time, at most."""
        return max(map(len, self.rounds))


@dataclass(frozen=True, slots=True)
class Ratio:
    """Clients and servers, such as 50:50 or 3:1, that all measure at once, and so in each round.

    Pair j is of client j mod clients and server j mod servers, and there are as many pairs as there are of
    the more numerous side. So each of that side is in one pair, and each of the other in as many as the
    others, or one more.
    """

    clients: int
    servers: int
    rounds: int = 1

    @property
    def workers(self) -> int:
        return self.clients + self.servers

    @property
    def pairs(self) -> int:
        """Pairs in a round."""
        return max(self.clients, self.servers)

    @property
    def is_even(self) -> bool:
        """Whether each worker is in one pair."""
        return self.clients == self.servers

    @property
    def schedule(self) -> Schedule:
        matches = tuple(
            Match(pair % self.clients, self.clients + pair % self.servers, turn=pair // self.servers)
            for pair in range(self.pairs)
        )
        return Schedule(self.workers, (matches,) * self.rounds)


@dataclass(frozen=True, slots=True)
class Mesh:
    """Nodes with a worker each, measured in both directions, none in two pairs at the same time.

    The rounds are those of a tournament (circle method: one stands still, the others move on around the
    table), each of them in the one direction and then in the other.

    Attributes:
        degree: Others that each node meets; all where it is None or more than there are. Of an odd number of
            nodes one sits out in each round, so that there is one round more, and a node that sat out in
            none of them meets one more.
        repeats: How often the whole is gone through.
    """

    degree: int | None = None
    repeats: int = 1

    def over(self, nodes: int) -> Schedule:
        """Return the schedule for so many nodes, at least two."""
        meetings = islice(_tournament(nodes), None if self.degree is None else self.degree + nodes % 2)
        rounds = tuple(direction for meeting in meetings for direction in (_forth(meeting), _back(meeting)))
        return Schedule(nodes, rounds * self.repeats)


def _tournament(players: int) -> Iterator[list[tuple[int, int]]]:
    """Yield rounds in which each player meets each other once: n - 1 of them, or n if n is odd.

    Any two that follow each other form a path or circle through all players, so that the first few already
    connect everybody with everybody.
    """
    # In an odd circle an empty chair takes part: whoever meets it sits out.
    chairs = players + players % 2
    for turn in range(chairs - 1):
        circle = [0, *((seat + turn) % (chairs - 1) + 1 for seat in range(chairs - 1))]
        meetings = ((circle[seat], circle[-1 - seat]) for seat in range(chairs // 2))
        yield [meeting for meeting in meetings if max(meeting) < players]


def _forth(meeting: list[tuple[int, int]]) -> tuple[Match, ...]:
    return tuple(Match(client, server) for client, server in meeting)


def _back(meeting: list[tuple[int, int]]) -> tuple[Match, ...]:
    return tuple(Match(client, server) for server, client in meeting)
