"""How the files of a month's runs become one: the same rows, each once, in the order in which they are read.

Rows of one metric over time lie side by side, in row groups that begin where another metric, way or scenario
does, so that a reader of one series opens its row groups and no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from netcadence.lake.contents import described
from netcadence.lake.errors import LakeRefusedError
from netcadence.lake.reading import LeftOut, condition_of, diagnosed, fragment_of
from netcadence.lake.schemas import (
    FILE_SCHEMAS,
    READ_SCHEMAS,
    SCHEMA_VERSION,
    table_of,
    version_of,
    written_as,
)
from netcadence.lake.snapshot import READERS, Part
from netcadence.lake.storage import Storage

#: What a row group is about; the columns that a table has of these.
_SERIES: Final = ("metric", "path")
_TIME: Final = ("started_at", "run_id", "round", "pair_index", "start_s")
#: Fewer rows in a group would cost more for being found than they take to be passed over.
_FEWEST_ROWS: Final = 16_384
_LEAST_ROWS: Final = 1_024
_MOST_ROWS: Final = 131_072
_MOST_BYTES: Final = 64 * 1024 * 1024


class BrokenFileError(LakeRefusedError):
    """A file cannot be put together with others, and what is to become of it."""

    def __init__(self, place: LeftOut, *, is_newer: bool = False) -> None:
        super().__init__(f"{place.path}: {place.reason}")
        self.left_out = place
        self.is_newer = is_newer


@dataclass(frozen=True, slots=True)
class Source:
    """A file to be put together with others, opened."""

    part: Part
    fragment: ds.ParquetFileFragment
    scenarios: frozenset[str]


def open_all(storage: Storage, parts: Sequence[Part]) -> list[Source | BrokenFileError]:
    """Open files, and tell of each that is not to be put together with others why.

    Raises:
        LakeError: The storage did not answer.
        LakeChangedError: A file has vanished.
    """
    with ThreadPoolExecutor(READERS) as pool:
        return list(pool.map(lambda part: _open(storage, part), parts))


def merge(
    storage: Storage, table: str, sources: Sequence[Source], names: Sequence[str]
) -> tuple[pa.Buffer, int]:
    """Return a month's file that holds all rows of these files, and how many.

    One scenario after another is held in memory, since no run has two. What was written is read once more,
    with its checksums, before anybody may rely on it.

    Raises:
        BrokenFileError: A file is broken further in.
        LakeError: A file could not be read, or what was made of them does not hold all of their rows.
    """
    schema = described(FILE_SCHEMAS[table], names)
    sink, rows = pa.BufferOutputStream(), 0
    checked = {"write_page_index": True, "write_page_checksum": True}
    with pq.ParquetWriter(sink, schema, **written_as(schema), **checked) as writer:
        for scenario in sorted(set().union(*(source.scenarios for source in sources))):
            holders = [source for source in sources if scenario in source.scenarios]
            merged = _in_order(_read(storage, table, holders, scenario)).cast(schema)
            rows += len(merged)
            for start, length in _row_groups(merged):
                writer.write_table(merged.slice(start, length), row_group_size=length)
    data = sink.getvalue()
    with pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True) as file:
        written = sum(len(file.read_row_group(index)) for index in range(file.num_row_groups))
    if written != rows:
        raise LakeRefusedError(f"{storage.url_of(table)}: of {rows} rows put together {written} were written")
    return data, rows


def _open(storage: Storage, part: Part) -> Source | BrokenFileError:
    place = part.place
    try:
        fragment = fragment_of(storage, place)
        schema = fragment.physical_schema
        if table_of(schema) != place.table:
            return BrokenFileError(LeftOut(place.path, f"not a file of the table {place.table}"))
        if (version := version_of(schema)) > SCHEMA_VERSION:
            reason = f"of schema version {version}, which a newer netcadence has to put together"
            return BrokenFileError(LeftOut(place.path, reason), is_newer=True)
        return Source(part, fragment, _scenarios(fragment))
    except (pa.ArrowException, OSError) as error:
        return BrokenFileError(diagnosed(storage, place.path, error))


def _scenarios(fragment: ds.ParquetFileFragment) -> frozenset[str]:
    place = fragment.physical_schema.get_field_index("scenario")
    groups = [fragment.metadata.row_group(index) for index in range(fragment.metadata.num_row_groups)]
    bounds = [group.column(place).statistics for group in groups]
    if all(each is not None and each.has_min_max and each.min == each.max for each in bounds):
        return frozenset(each.min for each in bounds)
    return frozenset(fragment.to_table(columns=["scenario"]).column("scenario").unique().to_pylist())


def _read(storage: Storage, table: str, sources: Sequence[Source], scenario: str) -> pa.Table:
    def read_one(source: Source) -> pa.Table:
        wanted = condition_of(source.part, ds.field("scenario") == scenario)
        schema, columns = READ_SCHEMAS[table], FILE_SCHEMAS[table].names
        try:
            return source.fragment.to_table(schema=schema, columns=columns, filter=wanted, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise BrokenFileError(diagnosed(storage, source.part.place.path, error)) from error

    with ThreadPoolExecutor(READERS) as pool:
        return pa.concat_tables(pool.map(read_one, sources)).combine_chunks()


def _in_order(rows: pa.Table) -> pa.Table:
    keys = [name for name in (*_SERIES, *_TIME) if name in rows.column_names]
    # The sort is stable: rows that the keys do not tell apart stay as their run wrote them.
    return rows.take(pc.sort_indices(rows, [(name, "ascending") for name in keys]))


def _row_groups(rows: pa.Table) -> Iterator[tuple[int, int]]:
    """Cut rows in order into groups, where a new series begins as far as the groups do not get too small."""
    fitting = int(len(rows) * _MOST_BYTES / max(1, rows.nbytes))
    most = max(_LEAST_ROWS, min(_MOST_ROWS, fitting))
    start = 0
    for end in _ends(rows):
        if end - start >= _FEWEST_ROWS or end == len(rows):
            for first in range(start, end, most):
                yield first, min(most, end - first)
            start = end


def _ends(rows: pa.Table) -> Sequence[int]:
    """Return where each series ends."""
    changes = np.zeros(len(rows), dtype=bool)
    for name in _SERIES:
        if name in rows.column_names:
            codes = pc.dictionary_encode(rows.column(name).combine_chunks(), null_encoding="encode").indices
            values = codes.to_numpy(zero_copy_only=False)
            changes[1:] |= values[1:] != values[:-1]
    return [*(int(end) for end in np.flatnonzero(changes)), len(rows)]
