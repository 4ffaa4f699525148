"""A worker pod, and two of them put together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class WorkerPod:
    """A ready worker, as it was when it was paired. A pod that restarted is another worker."""

    name: str
    uid: str
    ip: str
    node: str
    zone: str = ""
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class Pair:
    """A client and a server, in one round of a run.

    Attributes:
        index: Position in the run's plan, from 0; unique in the run.
        round: Pairs of one round start at the same instant.
        port: Port the server listens on; unique per server pod within a round.
    """

    index: int
    client: WorkerPod
    server: WorkerPod
    port: int
    round: int = 0
