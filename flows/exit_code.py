"""What the command's exit code means; the one place that decides it."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import TYPE_CHECKING

from netcadence.errors import InvalidInputError
from netcadence.kube.errors import ClusterUnknownError
from netcadence.kube.lease import ClusterBusyError
from netcadence.record import Verdict

if TYPE_CHECKING:
    from netcadence.trends.survey import Survey  # imports pandas, and help has to be instant


class ExitCode(enum.IntEnum):
    """Zero is PASS and nothing else."""

    PASS = 0
    FAIL = 1
    #: The command line or a file that it names is not acceptable; nothing was done.
    USAGE = 2
    INVALID = 3
    INCONCLUSIVE = 4
    #: The run ended without a verdict.
    ERROR = 5
    #: Another run has the cluster, and this one was told not to wait; nothing was done.
    BUSY = 6
    #: The cluster does not offer what was to be measured.
    NOT_APPLICABLE = 7
    #: Stopped with Ctrl-C, by the shell's convention 128 + SIGINT.
    INTERRUPTED = 130


_OF_VERDICT = {
    Verdict.PASS: ExitCode.PASS,
    Verdict.FAIL: ExitCode.FAIL,
    Verdict.INVALID: ExitCode.INVALID,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
    Verdict.NOT_APPLICABLE: ExitCode.NOT_APPLICABLE,
}
#: Of several scenarios the gravest outcome counts.
_GRAVITY = (
    ExitCode.PASS,
    ExitCode.NOT_APPLICABLE,
    ExitCode.INCONCLUSIVE,
    ExitCode.FAIL,
    ExitCode.INVALID,
    ExitCode.BUSY,
    ExitCode.ERROR,
    ExitCode.USAGE,
    ExitCode.INTERRUPTED,
)


def of_verdict(verdict: Verdict) -> ExitCode:
    """Return the exit code of one run."""
    return _OF_VERDICT[verdict]


def of_error(error: object) -> ExitCode:
    """Return the exit code of what ended without a verdict."""
    if isinstance(error, InvalidInputError | ClusterUnknownError):
        return ExitCode.USAGE
    return ExitCode.BUSY if isinstance(error, ClusterBusyError) else ExitCode.ERROR


def of_trends(found: Survey) -> ExitCode:
    """Return the exit code of a look at the history: nothing to judge is not green."""
    if found.regressed:
        return ExitCode.FAIL
    return ExitCode.PASS if found.judged else ExitCode.INCONCLUSIVE


def gravest(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the exit code of several runs; that of none is an error, for nothing was judged."""
    return max(codes, key=_GRAVITY.index, default=ExitCode.ERROR)
