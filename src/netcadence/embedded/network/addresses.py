"""The address plan: 32 slots on a machine, one for each cluster, and who has which address in a slot.

198.18.0.0/15 is set aside for network benchmarks (RFC 2544), so that it collides with nothing real. A slot
is a /20 of it; the same offsets in 127.18.0.0/15 serve clusters without namespaces, and in
fd00:198:18:<slot>::/64 the pods' IPv6 addresses. Offset 1 is the API server's, 10 and up the nodes', 256 and
up the pods', 3072 and up the cluster addresses of Services, 3584 and up those of load balancers.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import socket
from dataclasses import dataclass, field
from typing import Final

from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.state import root

BLOCK: Final = ipaddress.IPv4Network("198.18.0.0/15")
BLOCK_V6: Final = ipaddress.IPv6Network("fd00:198:18::/48")
LOOPBACK_BLOCK: Final = ipaddress.IPv4Network("127.18.0.0/15")
SLOTS: Final = 32
PREFIX: Final = 20
PREFIX_V6: Final = 64

API_OFFSET: Final = 1
_FIRST_NODE: Final = 10
_FIRST_POD: Final = 256
_LAST_POD: Final = 3_071
_SERVICES: Final = (3_072, 23)
_LOAD_BALANCERS: Final = (3_584, 24)

Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Slot:
    """One cluster's part of the plan."""

    number: int

    def ipv4(self, offset: int) -> str:
        return str(BLOCK[self.number * 2 ** (32 - PREFIX) + offset])

    def ipv6(self, offset: int) -> str:
        return str(BLOCK_V6[(self.number << (128 - PREFIX_V6)) + offset])

    def service_ranges(self) -> tuple[Subnet, Subnet]:
        """Return where Services have their cluster addresses, by family."""
        return self._ranges(*_SERVICES)

    def load_balancer_ranges(self) -> tuple[Subnet, Subnet]:
        """Return the pool of load balancers' addresses, by family."""
        return self._ranges(*_LOAD_BALANCERS)

    def _ranges(self, offset: int, prefix: int) -> tuple[Subnet, Subnet]:
        return (
            ipaddress.IPv4Network(f"{self.ipv4(offset)}/{prefix}"),
            ipaddress.IPv6Network(f"{self.ipv6(offset)}/{prefix + 96}"),
        )

    def loopback(self, offset: int) -> str:
        return str(LOOPBACK_BLOCK[self.number * 2 ** (32 - PREFIX) + offset])

    @staticmethod
    def node_offset(index: int) -> int:
        return _FIRST_NODE + index


@dataclass(slots=True)
class PodOffsets:
    """Hands out pods' offsets in turn, so that a pod that comes back does not get its old address at once."""

    _taken: set[int] = field(default_factory=set)
    _next: int = _FIRST_POD

    def take(self) -> int:
        """Return a free offset.

        Raises:
            EmbeddedClusterError: All are taken.
        """
        count = _LAST_POD - _FIRST_POD + 1
        for step in range(count):
            offset = _FIRST_POD + (self._next - _FIRST_POD + step) % count
            if offset not in self._taken:
                self._taken.add(offset)
                self._next = offset + 1
                return offset
        raise EmbeddedClusterError(f"all {count} pod addresses of this cluster are in use")

    def give_back(self, offset: int) -> None:
        self._taken.discard(offset)


@dataclass(frozen=True, slots=True)
class SlotClaim:
    """A slot, held by a bound socket and a locked file: the kernel gives it back however its process ends.

    The socket holds its addresses, which belong to the network namespace that the process is in, and whoever
    else is in there. The file holds the names of its namespaces, which every network namespace shares.
    """

    slot: Slot
    _held: contextlib.ExitStack

    def release(self) -> None:
        self._held.close()


def claim_slot(number: int) -> SlotClaim | None:
    """Claim one slot, or return None if somebody on this machine holds it."""
    with contextlib.ExitStack() as held:
        holder = held.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        names = held.enter_context((root() / f".slot-{number}").open("w"))
        try:
            holder.bind(f"\0netcadence-embedded-slot-{number}")
            fcntl.flock(names, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return None
        return SlotClaim(Slot(number), held.pop_all())


def claim_free_slot() -> SlotClaim:
    """Claim the first free slot.

    Raises:
        EmbeddedClusterError: As many clusters as possible run here already.
    """
    for number in range(SLOTS):
        if claim := claim_slot(number):
            return claim
    raise EmbeddedClusterError(f"{SLOTS} embedded clusters run on this machine already; take one down first")
