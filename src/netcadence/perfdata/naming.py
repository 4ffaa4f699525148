"""The names of PerfData files: `NetworkPerformanceMetrics_<ratio>_<protocol>_P2P_<name>_<time>.json`.

Upstream puts the name of the test's configuration after the summary's, then the test's identifier where it
has one, then the time at which the summary was made, in RFC 3339.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Self

from netcadence.errors import InvalidInputError
from netcadence.perfdata.model import Ratio
from netcadence_worker.contract import Protocol

_PREFIX: Final = "NetworkPerformanceMetrics"
_NAME: Final = re.compile(
    rf"{_PREFIX}_(?P<ratio>1:1|N:M)_(?P<protocol>TCP|UDP|HTTP)_P2P_(?P<test>[^/]+)_"
    r"(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d))\.json",
    re.ASCII,
)
_ALLOWED: Final = (
    f"{_PREFIX}_<1:1 or N:M>_<TCP, UDP or HTTP>_P2P_<name>_<time>.json, "
    "with a time such as 2026-01-31T03:30:00Z"
)


@dataclass(frozen=True, slots=True)
class FileName:
    """What a file's name tells.

    Attributes:
        test: Name of the test, with its identifier where it has one.
        at: When the summary was made, to the second.
    """

    ratio: Ratio
    protocol: Protocol
    test: str
    at: datetime

    def __str__(self) -> str:
        at = self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return f"{_PREFIX}_{self.ratio}_{self.protocol}_P2P_{self.test}_{at}.json"

    @classmethod
    def parse(cls, name: str, *, source: str) -> Self:
        """Read a file's name.

        Raises:
            InvalidInputError: It is not such a name; the text begins with `source`.
        """
        match = _NAME.fullmatch(name)
        if match is None:
            raise InvalidInputError(f"{source}: name: {name!r}: allowed: {_ALLOWED}")
        try:
            # In UTC from here on; the first and last hours of the calendar may have no such time.
            at = datetime.fromisoformat(match["at"]).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise InvalidInputError(
                f"{source}: name: {match['at']!r} is no time; allowed: {_ALLOWED}"
            ) from error
        return cls(Ratio(match["ratio"]), Protocol(match["protocol"]), match["test"], at)
