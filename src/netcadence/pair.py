"""A worker pod, and two of them put together."""

from __future__ import annotations

from dataclasses import dataclass

from netcadence.traffic_path import AddressMissingError, IPFamily
from netcadence_worker.contract import Target


@dataclass(frozen=True, slots=True, order=True)
class WorkerPod:
    """A ready worker, as it was when it was paired. A pod that restarted is another worker.

    Attributes:
        ip: Its first address.
        ips: All of them, where it has one of each family.
        group: Number of its Deployment in the run.
        on_host: Whether it is in its node's own network.
    """

    name: str
    uid: str
    ip: str
    node: str
    zone: str = ""
    restarts: int = 0
    ips: tuple[str, ...] = ()
    group: str = ""
    on_host: bool = False

    def has(self, family: IPFamily | None) -> bool:
        """Tell whether it has an address of a family; of any where none is asked for."""
        return family is None or any(IPFamily.of(ip) is family for ip in self.ips or (self.ip,))

    def address(self, family: IPFamily | None) -> str:
        """Return its address of a family; its first one where none is asked for.

        Raises:
            AddressMissingError: It has none.
        """
        if family is None:
            return self.ip
        known = self.ips or (self.ip,)
        found = next((ip for ip in known if IPFamily.of(ip) is family), None)
        if found is None:
            raise AddressMissingError(
                f"Worker {self.name} has no {family.spelled} address, only {', '.join(known)}"
            )
        return found


@dataclass(frozen=True, slots=True)
class Pair:
    """A client and a server, in one round of a run.

    Attributes:
        index: Position in the run's plan, from 0; unique in the run.
        round: Pairs of one round start at the same instant.
        port: Port the server listens on; unique per server pod within a round.
        target: Where the client connects; None for where the server listens.
        is_baseline: Whether it is there to be compared with, and not to be judged.
    """

    index: int
    client: WorkerPod
    server: WorkerPod
    port: int
    round: int = 0
    target: Target | None = None
    is_baseline: bool = False
