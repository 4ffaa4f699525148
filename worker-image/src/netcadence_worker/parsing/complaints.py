"""What tools say on stderr when something is wrong, and which reason that is.

The exit code is 0 for nearly all of it, so the words are all there is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from netcadence_worker.contract import Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class Complaint(NamedTuple):
    """A tool's own words, and the reason they stand for."""

    reason: Reason
    line: str


#: In the words of the C library.
MEANINGS: Final = (
    (re.compile(r"Connection refused"), Reason.CONNECTION_REFUSED),
    (
        # "Operation now in progress" is what iperf 2.0.13 says where there is no route.
        re.compile(
            r"No route to host|(?:Network|Host) is unreachable|(?:Connection|Operation) timed out"
            r"|Operation now in progress"
        ),
        Reason.CONNECT_TIMEOUT,
    ),
    (
        re.compile(
            r"name resolution|Host name lookup failure|Host not found|Unknown host"
            r"|Name or service not known|Name does not resolve"
        ),
        Reason.TOOL_FAILED,
    ),
    (re.compile(r"bind failed"), Reason.TOOL_FAILED),
)

#: As getopt of glibc, of musl and of iperf itself word it; the last group is the option's name.
_OPTION: Final = re.compile(
    r"(?:unrecognized|unknown|invalid|illegal|ambiguous) option(?::| --)? {0,2}[`'\"-]{0,4}([\w-]{1,64})"
)


def find_complaint(
    stderr: str, meanings: Sequence[tuple[re.Pattern[str], Reason]] = MEANINGS
) -> Complaint | None:
    """Return the gravest complaint that is understood: a refused connection before all others.

    Args:
        stderr: What the tool said.
        meanings: Its words and what they stand for, the gravest first.
    """
    for pattern, reason in meanings:
        for line in stderr.splitlines():
            if pattern.search(line):
                return Complaint(reason, line.strip())
    return None


def find_unknown_option(stderr: str, harmless: Collection[str]) -> str | None:
    """Return the first option that the tool did not know and ran without.

    Args:
        stderr: What the tool said.
        harmless: Names of options that change how results are printed, not what is measured.
    """
    names = (match[1] for match in _OPTION.finditer(stderr))
    return next((name for name in names if name not in harmless), None)
