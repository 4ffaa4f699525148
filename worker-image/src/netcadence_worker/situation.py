"""What a request's thread has to know of the world outside while it works."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from netcadence_worker.bell import Bell
from netcadence_worker.contract import ClockReference, Phase, Role, RunSpec, SideStatus
from netcadence_worker.failure import FailureError
from netcadence_worker.log import say

if TYPE_CHECKING:
    from datetime import datetime


class Situation:
    """The other side's state and the run, as the watches last showed them.

    The watches' threads call `observe_*`; the request's thread reads, and waits at `bell`.
    """

    def __init__(self, name: str, role: Role, round_: int) -> None:
        self.bell = Bell()
        self.peer = SideStatus()
        self.run: RunSpec | None = None
        self._name = name
        self._role = role
        self._round = round_

    @property
    def start(self) -> datetime | None:
        """The published start of this request's round, by the reference worker's clock."""
        return self.run.start_of(self._round) if self.run else None

    @property
    def reference(self) -> ClockReference | None:
        """The worker whose clock the run goes by."""
        return self.run.reference if self.run else None

    @property
    def peer_is_ready(self) -> bool:
        return self.peer.phase is not Phase.PENDING

    def observe_status(self, status: dict[str, Any]) -> None:
        """Take note of the other side's part of the request's status; its failure interrupts this side."""
        side = status.get(self._role.other) or {}
        try:
            # What its tool printed is of no use here, and long.
            self.peer = SideStatus.model_validate({key: side[key] for key in side if key != "output"})
        except ValidationError as error:
            say(self._name, f"the {self._role.other}'s status is not understood: {error.errors()[0]['msg']}")
            return
        if self.peer.phase is Phase.FAILED:
            self.bell.interrupt(FailureError.of_peer(self._role.other, self.peer.error))
        self.bell.ring()

    def observe_run(self, run: RunSpec) -> None:
        """Take note of the run: its reference clock and its published starts."""
        self.run = run
        self.bell.ring()
