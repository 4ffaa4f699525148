"""What can go wrong with an API server, in two kinds: a retry may help, or it never will."""

from __future__ import annotations

from netcadence.errors import PermanentError, TransientError


class ApiUnavailableError(TransientError):
    """The API server could not be reached, or asked to be left alone.

    Attributes:
        retry_after_s: Seconds it asked us to wait; 0 where it did not say.
    """

    def __init__(self, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class NotServedError(ApiUnavailableError):
    """Nothing serves the path of a custom resource: its definition is missing, or too new yet."""


class ApiRefusedError(PermanentError):
    """The API server understood and said no.

    Attributes:
        code: HTTP status.
        reason: The Status object's reason, such as `NotFound` or `Conflict`.
    """

    def __init__(self, message: str, *, code: int, reason: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason

    @property
    def is_missing(self) -> bool:
        return self.code == 404  # noqa: PLR2004 - the HTTP status

    @property
    def is_conflict(self) -> bool:
        return self.code == 409  # noqa: PLR2004 - the HTTP status


class ExpiredError(TransientError):
    """The version to watch from is no longer kept: list again, then watch."""


class ClusterNotTrustedError(PermanentError):
    """TLS failed: the API server's certificate is not accepted here, or ours is not there."""


class ClusterUnknownError(PermanentError):
    """There is no kubeconfig, or it does not hold the context that was asked for."""
