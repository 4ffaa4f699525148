"""What can go wrong between a run and its files, told apart by whether a retry may help."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from netcadence.errors import NetcadenceError, PermanentError, TransientError


class LakeError(NetcadenceError):
    """The lake could not be read or written."""


class LakeUnavailableError(LakeError, TransientError):
    """The storage did not answer, or not now."""


class LakeChangedError(LakeUnavailableError):
    """A file that was there a moment ago is gone: housekeeping has put it into another; look again."""


class LakeRefusedError(LakeError, PermanentError):
    """The storage said no: full, not permitted, not there."""


#: What a local or network file system says when the same call may succeed in a minute.
_PASSING = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTUNREACH,
        errno.EINTR,
        errno.EIO,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)
#: What an object store says when it never will; pyarrow gives its answer as text, without an errno.
_FINAL_WORDS = (
    "access denied",
    "access_denied",
    "account_problem",
    "credential",
    "forbidden",
    "http response code: 401",
    "http response code: 403",
    "invalid_access_key",
    "no_such_bucket",
    "nosuchbucket",
    "not found",
    "permission",
    "signature",
)


def may_pass(error: OSError) -> bool:
    """Tell whether what the storage said may be over in a minute."""
    if error.errno is not None:
        return error.errno in _PASSING
    said = str(error).lower()
    return not any(words in said for words in _FINAL_WORDS)


@contextmanager
def storage_errors(doing: str) -> Iterator[None]:
    """Turn what the storage raises inside into a LakeError that says what was being done.

    Raises:
        LakeUnavailableError: A retry may help.
        LakeRefusedError: Something has to be changed first.
    """
    try:
        yield
    except OSError as error:
        kind = LakeUnavailableError if may_pass(error) else LakeRefusedError
        raise kind(f"{doing}: {error}") from error
    except pa.ArrowException as error:
        raise LakeRefusedError(f"{doing}: {error}") from error
