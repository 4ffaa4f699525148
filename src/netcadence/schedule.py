"""Which workers measure with which, round by round; on which nodes they are is decided elsewhere.

Workers are numbered from 0. A ratio has the clients first, then the servers. A mesh has workers that are
both, one round the one and another round the other.
"""

from __future__ import annotations

from dataclasses import dataclass


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
    def most_of_a_worker(self) -> int:
        """Pairs that a worker is in at the same time, at most."""
        return -(-self.pairs // min(self.clients, self.servers))

    @property
    def ports(self) -> int:
        """Ports that a server listens on, at most."""
        return -(-self.pairs // self.servers)

    @property
    def schedule(self) -> Schedule:
        matches = tuple(
            Match(pair % self.clients, self.clients + pair % self.servers, turn=pair // self.servers)
            for pair in range(self.pairs)
        )
        return Schedule(self.workers, (matches,) * self.rounds)
