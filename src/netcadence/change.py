"""What a run changes on the cluster while probers look on, and what a prober is told of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime


class Change(enum.StrEnum):
    """What is made once the probers run."""

    #: A Service for each server, of the kind that the scenario's path asks for.
    SERVICE = "service"
    #: A NetworkPolicy for each server that lets nobody in.
    POLICY_DENY = "policy-deny"
    #: A NetworkPolicy for each server that lets its clients in, where nobody was let in before.
    POLICY_ALLOW = "policy-allow"

    @property
    def of_policies(self) -> bool:
        return self is not Change.SERVICE

    @property
    def makes_reachable(self) -> bool:
        return self is not Change.POLICY_DENY

    @property
    def noun(self) -> str:
        """What is made, in words."""
        return "Service" if self is Change.SERVICE else "NetworkPolicy"


@dataclass(frozen=True, slots=True)
class ChangeMade:
    """When a pair's change was asked for.

    Attributes:
        at: When the request for it was sent, by the clock of the run's reference worker.
        uncertainty_s: By so much that may have been later.
        assigned_after_s: Seconds from then until there was an address, where one had to be waited for.
    """

    at: datetime
    uncertainty_s: float
    assigned_after_s: float | None = None
