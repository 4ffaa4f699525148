"""How files become one table again; what is not the lake's, or broken, is named and left out."""

from __future__ import annotations

import functools
import logging
import operator
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from netcadence.errors import InvalidInputError
from netcadence.lake.errors import LakeChangedError
from netcadence.lake.layout import Place
from netcadence.lake.pruning import Allowed, RowGroups, condition_on
from netcadence.lake.schemas import READ_SCHEMAS, name_column, table_of
from netcadence.lake.snapshot import READERS, Part, Snapshot, names_of, take, unchanged
from netcadence.lake.storage import Storage

_log = logging.getLogger(__name__)
EVERYTHING: Final = ds.scalar(True)  # noqa: FBT003 - a constant
#: Columns that are read as codes where single columns are asked for: many rows have the same few texts.
_REPEATED: Final = ("run_id", "path", "client_node", "server_node")
_CODES: Final = pa.dictionary(pa.int32(), pa.string())
_FORMAT: Final = ds.ParquetFileFormat()
_FORMAT_OF_COLUMNS: Final = ds.ParquetFileFormat(dictionary_columns=set(_REPEATED))
_ORDER: Final = ("started_at", "run_id")
_LAYOUT: Final = "<table>/cluster=.../date=.../<run id>.parquet"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which rows are wanted; None wants all.

    Attributes:
        run_id: Of this run, or of these.
        since: Runs that started then or later; needs a time zone.
        until: Runs that started before; needs a time zone.
    """

    run_id: str | Collection[str] | None = None
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
        if self.since is not None:
            earliest = (self.since.astimezone(UTC) - timedelta(days=1)).date()
            if place.last_day < earliest:
                return False
        return self.until is None or place.day <= self.until.astimezone(UTC).date()

    @property
    def run_ids(self) -> frozenset[str] | None:
        """The runs that are wanted; None for all."""
        if self.run_id is None:
            return None
        return frozenset({self.run_id} if isinstance(self.run_id, str) else self.run_id)

    @property
    def condition(self) -> ds.Expression:
        """The wanted rows of a file."""
        conditions = []
        if self.run_ids is not None:
            conditions.append(ds.field("run_id").isin(pa.array(sorted(self.run_ids), pa.string())))
        if self.scenario is not None:
            conditions.append(ds.field("scenario") == self.scenario)
        if self.since is not None:
            conditions.append(ds.field("started_at") >= self.since)
        if self.until is not None:
            conditions.append(ds.field("started_at") < self.until)
        return functools.reduce(operator.and_, conditions, EVERYTHING)


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


def read(storage: Storage, table: str, selection: Selection, columns: Sequence[str] | None = None) -> Reading:
    """Read the wanted rows of a table, by start of their run; an empty lake gives none, with all columns.

    Args:
        columns: Which columns are wanted, by default all; of the others nothing is read.

    Raises:
        LakeError: The storage did not answer. A file that did, and is none of the lake's, is left out.
    """
    schema = READ_SCHEMAS[table]
    wanted = schema.names if columns is None else list(columns)
    read = [name for name in dict.fromkeys((*wanted, *_ORDER)) if name != "date"]
    reading = unchanged(lambda: _read(storage, table, selection, read, condition=selection.condition))
    rows = reading.rows.append_column(schema.field("date"), day_of(reading.rows))
    return Reading(rows.sort_by([(name, "ascending") for name in _ORDER]).select(wanted), reading.left_out)


def read_columns(
    storage: Storage,
    table: str,
    selection: Selection,
    columns: Sequence[str],
    *,
    allowed: Allowed,
) -> Reading:
    """Read some columns of the wanted rows, in no order; where it can be told beforehand, of no others.

    Args:
        allowed: Texts that columns have to have.

    Returns:
        `run_id`, `path` and the nodes with dictionaries, since they repeat.

    Raises:
        LakeError: The storage did not answer. A file that did, and is none of the lake's, is left out.
    """
    if selection.scenario is not None:
        allowed = {**allowed, "scenario": frozenset({selection.scenario})}
    is_narrow = any(each is not None for each in (selection.run_id, selection.since, selection.until))
    condition = selection.condition if is_narrow else None
    return unchanged(lambda: _read(storage, table, selection, columns, condition=condition, allowed=allowed))


def day_of(rows: pa.Table) -> pa.ChunkedArray:
    """Return the column `date`: the day of the run's start in UTC, as text."""
    return pc.cast(pc.cast(rows.column("started_at"), pa.date32()), pa.string())


def read_part(
    storage: Storage, part: Part, columns: list[str], condition: ds.Expression | None, allowed: Allowed | None
) -> pa.Table | LeftOut:
    """Read the rows of a file that count and meet a condition, or tell why it cannot be read.

    Raises:
        LakeError: The storage did not answer.
        LakeChangedError: The file has vanished.
    """
    place = part.place
    try:
        fragment = fragment_of(storage, place, _FORMAT if allowed is None else _FORMAT_OF_COLUMNS)
        if table_of(fragment.physical_schema) != place.table:
            return LeftOut(place.path, f"not a file of the table {place.table}")
        if part.elsewhere:
            condition = condition_of(part, EVERYTHING if condition is None else condition)
        return _sifted(fragment, schema_of(place.table, allowed), columns, condition, allowed or {})
    except (pa.ArrowException, OSError) as error:
        return diagnosed(storage, place.path, error)


def schema_of(table: str, allowed: Allowed | None) -> pa.Schema:
    """Return the columns of a table; what repeats by its dictionary where single columns are asked for."""
    schema = READ_SCHEMAS[table]
    if allowed is None:
        return schema
    return pa.schema([field.with_type(_CODES) if field.name in _REPEATED else field for field in schema])


def _sifted(
    fragment: ds.ParquetFileFragment,
    schema: pa.Schema,
    columns: list[str],
    condition: ds.Expression | None,
    allowed: Allowed,
) -> pa.Table:
    def rows(groups: tuple[int, ...], wanted: ds.Expression | None) -> pa.Table:
        some = fragment.subset(row_group_ids=list(groups), schema=schema)
        return some.to_table(schema=schema, columns=columns, filter=wanted, use_threads=False)

    if not allowed:
        return fragment.to_table(schema=schema, columns=columns, filter=condition, use_threads=False)
    groups = RowGroups.of(fragment, allowed)
    tables = []
    if groups.whole:
        tables.append(rows(groups.whole, condition))
    if groups.mixed:
        wanted = condition_on(allowed)
        tables.append(rows(groups.mixed, wanted if condition is None else wanted & condition))
    return (
        pa.concat_tables(tables)
        if tables
        else fragment.subset(row_group_ids=[]).to_table(schema=schema, columns=columns)
    )


def condition_of(part: Part, condition: ds.Expression) -> ds.Expression:
    """Narrow a condition down to the runs that are read from this file."""
    if not part.elsewhere:
        return condition
    return condition & ~ds.field(name_column(part.place.table)).isin(sorted(part.elsewhere))


def fragment_of(
    storage: Storage, place: Place, file_format: ds.ParquetFileFormat = _FORMAT
) -> ds.ParquetFileFragment:
    """Return a file of the lake as something that knows of which cluster it is."""
    return file_format.make_fragment(
        storage.absolute(place.path),
        storage.filesystem,
        partition_expression=ds.field("cluster") == place.cluster,
    )


def diagnosed(storage: Storage, path: str, error: Exception) -> LeftOut:
    """Tell a broken file from a storage that did not answer: the latter gives all of a file that is sound.

    Raises:
        LakeError: The storage did not answer.
        LakeChangedError: The file has vanished, or is sound: it was the storage, for a moment.
    """
    if not storage.exists(path):
        raise LakeChangedError(f"{storage.url_of(path)} vanished while it was read; read again") from error
    if isinstance(error, OSError) and _is_sound(storage.read(path)):
        raise LakeChangedError(f"{storage.url_of(path)} was out of reach: {error}; read again") from error
    return LeftOut(path, f"not readable as Parquet: {str(error).splitlines()[0]}")


def _is_sound(data: pa.Buffer) -> bool:
    try:
        with pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True) as file:
            for index in range(file.num_row_groups):
                file.read_row_group(index)
    except (pa.ArrowException, OSError):
        return False
    return True


def _read(
    storage: Storage,
    table: str,
    selection: Selection,
    columns: Sequence[str],
    *,
    condition: ds.Expression | None,
    allowed: Allowed | None = None,
) -> Reading:
    snapshot = take(storage, table, selection.cluster, selection.may_hold)
    chosen = _holding(storage, snapshot, selection.run_ids)
    with ThreadPoolExecutor(READERS) as pool:
        parts = list(
            pool.map(lambda part: read_part(storage, part, list(columns), condition, allowed), chosen)
        )
    left_out = [LeftOut(path, f"not in the lake's layout {_LAYOUT}") for path in snapshot.strangers]
    left_out += [part for part in parts if isinstance(part, LeftOut)]
    for each in left_out:
        _log.warning("left out %s: %s", storage.url_of(each.path), each.reason)
    schema = schema_of(table, allowed)
    empty = pa.schema([schema.field(name) for name in columns]).empty_table()
    rows = pa.concat_tables([empty, *(part for part in parts if isinstance(part, pa.Table))])
    return Reading(rows, tuple(left_out))


def _holding(storage: Storage, snapshot: Snapshot, run_ids: frozenset[str] | None) -> Sequence[Part]:
    """Choose the files that hold some runs; all of them where one is in no file that tells so."""
    if run_ids is None:
        return snapshot.parts
    held = [(part, names_of(storage, part.place) & run_ids) for part in snapshot.parts]
    found = frozenset().union(*(names for _, names in held))
    return [part for part, names in held if names] if found == run_ids else snapshot.parts
