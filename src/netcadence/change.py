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
    #: A new pod for each server, under a policy that was there before: every other one is let in.
    POLICY_NEW_POD = "policy-new-pod"

    @property
    def of_policies(self) -> bool:
        return self is not Change.SERVICE

    def makes_reachable(self, pair_index: int) -> bool:
        """Tell whether a pair's attempts are to get through afterwards."""
        if self is Change.POLICY_NEW_POD:
            return pair_index % 2 == 1
        return self is not Change.POLICY_DENY

    @property
    def noun(self) -> str:
        """What is made for each server, in words."""
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
