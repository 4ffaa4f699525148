"""Which file holds what: `<table>/cluster=<cluster>/date=<day>/<run id>.parquet`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final, Self
from urllib.parse import quote, unquote

SUFFIX: Final = ".parquet"
_PATH: Final = re.compile(
    r"(?P<table>[^/]+)/cluster=(?P<cluster>[^/]+)/date=(?P<day>\d{4}-\d\d-\d\d)/(?P<name>[^/]+)\.parquet"
)


@dataclass(frozen=True, slots=True)
class Place:
    """A file's place in the lake.

    Attributes:
        day: Day on which the run started, in UTC.
        name: The run's id.
    """

    table: str
    cluster: str
    day: date
    name: str

    @property
    def path(self) -> str:
        return f"{cluster_folder(self.table, self.cluster)}/date={self.day.isoformat()}/{self.name}{SUFFIX}"

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


def cluster_folder(table: str, cluster: str) -> str:
    """Return the folder of a cluster's files; odd characters are percent-encoded, as Hive does."""
    return f"{table}/cluster={quote(cluster, safe='')}"
