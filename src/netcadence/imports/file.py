"""A file to be imported: its bytes, and the ids that runs of it have."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from netcadence.errors import InvalidInputError
from netcadence.foreign import ForeignFigure, ForeignRun
from netcadence_worker.metrics import METRICS

_DIGITS: Final = 32
#: Go writes nanoseconds, of which Python reads six digits.
_FRACTION: Final = re.compile(r"(?<=\.\d{6})\d+")
#: A comma before what closes a list or an object, which knb writes.
_NEEDLESS_COMMA: Final = re.compile(r",(?=\s*[}\]])")
KBYTE: Final = 1024


@dataclass(frozen=True, slots=True)
class File:
    """A file that somebody wants to import.

    Attributes:
        cluster: Where it was measured, as whoever imports it says.
    """

    path: Path
    data: bytes
    cluster: str

    @property
    def text(self) -> str:
        """The file as text.

        Raises:
            InvalidInputError: It is none.
        """
        try:
            return self.data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidInputError(f"{self.path}: is not UTF-8 text: {error}") from error

    def json(self) -> Any:
        """Return what the file holds, with needless commas passed over.

        Raises:
            InvalidInputError: It is not JSON.
        """
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError) as error:
            try:
                return json.loads(_NEEDLESS_COMMA.sub("", self.text))
            except (ValueError, RecursionError):
                raise InvalidInputError(f"{self.path}: is not JSON: {error}") from error

    def run(
        self,
        figures: Mapping[str, float | None],
        *,
        origin: str,
        scenario: str,
        protocol: str,
        started_at: datetime,
        where: str = "",
        number: int = 0,
        path: str = "",
        nodes: tuple[str, str] = ("", ""),
    ) -> ForeignRun:
        """Return a test of one pair, with the figures that it has.

        Args:
            figures: By metric; None where the file does not tell.
            where: The test's place in the file, for messages.
            number: Which of the file's tests it is.

        Raises:
            InvalidInputError: A figure cannot be true, or there is none.
        """
        found = {metric: value for metric, value in figures.items() if value is not None}
        for metric, value in found.items():
            if not METRICS[metric].is_sane(value):
                allowed = f"{METRICS[metric].lowest:g} to {METRICS[metric].highest:g} {METRICS[metric].unit}"
                raise InvalidInputError(f"{self.path}: {where}{metric}: {value:g}: allowed: {allowed}")
        if not found:
            raise InvalidInputError(
                f"{self.path}: {where}has no figure; allowed: a test that measured something"
            )
        digest = hashlib.sha256(b"\0".join((self.data, str(number).encode()))).hexdigest()
        return ForeignRun(
            run_id=f"{origin}-{digest[:_DIGITS]}",
            cluster=self.cluster,
            scenario=scenario,
            started_at=started_at,
            protocol=protocol,
            ratio="1:1",
            origin=origin,
            source=self.path.name,
            figures=tuple(ForeignFigure(metric, value) for metric, value in found.items()),
            path=path,
            client_node=nodes[0],
            server_node=nodes[1],
        )

    def instant(self, text: str, field: str) -> datetime:
        """Read a time, in UTC where it names no zone.

        Raises:
            InvalidInputError: It is no time.
        """
        try:
            found = datetime.fromisoformat(_FRACTION.sub("", text))
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise InvalidInputError(
                f"{self.path}: {field}: {text!r} is no time; allowed: one such as 2026-01-31T03:30:00Z"
            ) from error


def of_megabits(rate: float) -> float:
    """Return a rate of 10^6 bits a second in KBytes/s."""
    return rate * 1e6 / 8 / KBYTE
