"""The two ways in which a request ends without a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcadence_worker.contract import Reason, ReportedError

if TYPE_CHECKING:
    from netcadence_worker.contract import Role


class WithdrawnError(Exception):
    """The request was deleted: whatever runs for it ends, and nobody is told."""


class FailureError(Exception):
    """A side of a request has no result, for a reason that is reported.

    Attributes:
        cause: The other side's error where that one failed first.
    """

    def __init__(self, reason: Reason, message: str, *, cause: ReportedError | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.cause = cause

    @classmethod
    def of_peer(cls, role: Role, error: ReportedError | None) -> FailureError:
        """Make the failure of a side whose other side, the one in `role`, gave up first."""
        told = f"{error.reason}: {error.message}" if error else "it gave no reason"
        cause = ReportedError.of(error.reason, f"{role}: {error.message}") if error else None
        return cls(Reason.PEER_FAILED, f"the {role} failed first: {told}", cause=cause)

    def reported(self) -> ReportedError:
        """Return what the request's status says of this."""
        return ReportedError.of(self.reason, str(self))
