"""Which file holds what.

A run's rows are in `<table>/cluster=<cluster>/date=<day>/<run id>.parquet`. Once housekeeping has put a
month's runs together they are in `<table>/cluster=<cluster>/date=<first of the month>/<file>`, where the
file is named `<month>.<runs in it>-<hash of their ids>.parquet`: no run id has a dot in it, and the same runs
always give the same name.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Self
from urllib.parse import quote, unquote

SUFFIX: Final = ".parquet"
#: What housekeeping has put aside lies below this folder, which no reader of a table looks into.
ASIDE: Final = "_aside"
_PATH: Final = re.compile(
    r"(?P<table>[^/]+)/cluster=(?P<cluster>[^/]+)/date=(?P<day>\d{4}-\d\d-\d\d)/(?P<name>[^/]+)\.parquet"
)
_MONTH: Final = re.compile(r"\d{4}-\d\d\.(?P<count>\d{8})-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Place:
    """A file's place in the lake.

    Attributes:
        day: Day on which the run started, in UTC; of a month's file its first.
        name: The run's id, or the name of a month's file.
    """

    table: str
    cluster: str
    day: date
    name: str

    @classmethod
    def of(cls, path: str) -> Self | None:
        """Read a path; None if it is not one of the lake's."""
        match = _PATH.fullmatch(path)
        if match is None:
            return None
        try:
            day = date.fromisoformat(match["day"])
        except ValueError:
            return None
        return cls(match["table"], unquote(match["cluster"]), day, match["name"])

    @classmethod
    def of_month(cls, table: str, cluster: str, day: date, names: Iterable[str]) -> Self:
        """Return where these runs of the month of `day` are put together."""
        ordered = sorted(names)
        digest = hashlib.sha256("\n".join(ordered).encode()).hexdigest()
        first = day.replace(day=1)
        return cls(table, cluster, first, f"{first:%Y-%m}.{len(ordered):08d}-{digest[:16]}")

    @property
    def path(self) -> str:
        return f"{self.folder}/{self.name}{SUFFIX}"

    @property
    def folder(self) -> str:
        return f"{cluster_folder(self.table, self.cluster)}/date={self.day.isoformat()}"

    @property
    def month(self) -> date:
        """The first day of the month to which the file belongs."""
        return self.day.replace(day=1)

    @property
    def count(self) -> int | None:
        """How many runs a month's file holds, by its name; None for the file of one run."""
        match = _MONTH.fullmatch(self.name)
        return int(match["count"]) if match else None

    @property
    def last_day(self) -> date:
        """The last day of which the file can hold runs."""
        return self.day if self.count is None else end_of_month(self.day)


def end_of_month(day: date) -> date:
    """Return the last day of a day's month."""
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def cluster_folder(table: str, cluster: str) -> str:
    """Return the folder of a cluster's files; odd characters are percent-encoded, as Hive does."""
    return f"{table}/cluster={quote(cluster, safe='')}"
