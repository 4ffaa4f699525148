"""How files become one table again; what is not the lake's, or broken, is named and left out."""

from __future__ import annotations

import functools
import logging
import operator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.dataset as ds

from netcadence.errors import InvalidInputError
from netcadence.lake.errors import LakeUnavailableError
from netcadence.lake.layout import Place, cluster_folder
from netcadence.lake.schemas import READ_SCHEMAS, table_of
from netcadence.lake.storage import Storage

_log = logging.getLogger(__name__)

#: Files read side by side; an object store answers each only after tens of milliseconds.
_READERS: Final = 8


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows are wanted; None wants all.

    Attributes:
        since: Runs that started then or later; needs a time zone.
        until: Runs that started before; needs a time zone.
    """

    run_id: str | None = None
    scenario: str | None = None
    cluster: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        for name in ("since", "until"):
            instant = getattr(self, name)
            if instant is not None and instant.tzinfo is None:
                raise InvalidInputError(f"{name} {instant.isoformat()}: an instant needs a time zone")

    def may_hold(self, place: Place) -> bool:
        """Tell by its path whether a file can hold wanted rows.

        A repeated run lies where its first attempt began, up to a day before its own start.
        """
        if self.cluster is not None and place.cluster != self.cluster:
            return False
        if self.since is not None and place.day < (self.since.astimezone(UTC) - timedelta(days=1)).date():
            return False
        return self.until is None or place.day <= self.until.astimezone(UTC).date()

    @property
    def condition(self) -> ds.Expression:
        """The wanted rows of a file."""
        conditions = []
        if self.run_id is not None:
            conditions.append(ds.field("run_id") == self.run_id)
        if self.scenario is not None:
            conditions.append(ds.field("scenario") == self.scenario)
        if self.since is not None:
            conditions.append(ds.field("started_at") >= self.since)
        if self.until is not None:
            conditions.append(ds.field("started_at") < self.until)
        return functools.reduce(operator.and_, conditions, ds.scalar(True))  # noqa: FBT003 - a constant


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that was not read, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reading:
    """The wanted rows by start of their run, and the files that could not be asked for them."""

    rows: pa.Table
    left_out: tuple[LeftOut, ...]


def read(storage: Storage, table: str, selection: Selection) -> Reading:
    """Read the wanted rows of a table; an empty lake gives none, with all columns.

    Raises:
        LakeError: The storage did not answer. A file that did, and is none of the lake's, is left out.
    """
    folder = table if selection.cluster is None else cluster_folder(table, selection.cluster)
    places = {path: Place.of(path) for path in storage.files(folder)}
    with ThreadPoolExecutor(_READERS) as pool:
        parts = list(
            pool.map(
                lambda path: _read_file(storage, path, places[path], selection), _wanted(places, selection)
            )
        )
    left_out = tuple(part for part in parts if isinstance(part, LeftOut))
    for part in left_out:
        _log.warning("left out %s: %s", storage.url_of(part.path), part.reason)
    schema = READ_SCHEMAS[table]
    rows = pa.concat_tables([schema.empty_table(), *(part for part in parts if isinstance(part, pa.Table))])
    return Reading(rows.sort_by([("started_at", "ascending"), ("run_id", "ascending")]), left_out)


def _wanted(places: dict[str, Place | None], selection: Selection) -> list[str]:
    """Choose by their paths which files to open; a stranger is opened to be named."""
    paths = [path for path, place in places.items() if place is None or selection.may_hold(place)]
    named = [path for path in paths if (place := places[path]) and place.name == selection.run_id]
    return named or paths


def _read_file(storage: Storage, path: str, place: Place | None, selection: Selection) -> pa.Table | LeftOut:
    if place is None:
        return LeftOut(path, "not in the lake's layout <table>/cluster=.../date=.../<run id>.parquet")
    partition = (ds.field("cluster") == place.cluster) & (ds.field("date") == place.day.isoformat())
    try:
        fragment = ds.ParquetFileFormat().make_fragment(
            storage.absolute(path), storage.filesystem, partition_expression=partition
        )
        if table_of(fragment.physical_schema) != place.table:
            return LeftOut(path, f"not a file of the table {place.table}")
        return fragment.to_table(
            schema=READ_SCHEMAS[place.table], filter=selection.condition, use_threads=False
        )
    except (pa.ArrowException, OSError) as error:
        return _diagnosed(storage, path, error)


def _diagnosed(storage: Storage, path: str, error: Exception) -> LeftOut:
    """Tell a broken file from a storage that does not answer: only the former can be read byte by byte."""
    if not storage.exists(path):
        raise LakeUnavailableError(
            f"{storage.url_of(path)} vanished while it was read; read again"
        ) from error
    storage.read(path)
    return LeftOut(path, f"not readable as Parquet: {str(error).splitlines()[0]}")
