"""The two ways in which a request ends without a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcadence_worker.contract import Reason, ReportedError

if TYPE_CHECKING:
    from netcadence_worker.contract import Role

_LONGEST_MESSAGE: Final = 4_096


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
        cause = error.model_copy(update={"message": _bounded(f"{role}: {error.message}")}) if error else None
        return cls(Reason.PEER_FAILED, f"the {role} failed first: {told}", cause=cause)

    def reported(self) -> ReportedError:
        """Return what the request's status says of this."""
        return ReportedError(reason=self.reason, message=_bounded(str(self)))


def _bounded(text: str) -> str:
    """Cut a long message in its middle: its head says what happened, its tail holds the tool's last lines."""
    if len(text) <= _LONGEST_MESSAGE:
        return text
    half = _LONGEST_MESSAGE // 2 - 3
    return f"{text[:half]} ... {text[-half:]}"
