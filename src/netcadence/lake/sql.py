"""SQL over the lake, by DuckDB: a view for each table, whose files are chosen as by every other reader here.

The files are read through pyarrow, so that DuckDB reaches what the lake reaches, with the same credentials.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from netcadence.document import closest
from netcadence.errors import InvalidInputError
from netcadence.lake.reading import EVERYTHING, LeftOut, diagnosed, fragment_of, read_part
from netcadence.lake.schemas import READ_SCHEMAS, table_of
from netcadence.lake.snapshot import READERS, Part, take, unchanged
from netcadence.lake.storage import Storage

_log = logging.getLogger(__name__)

#: What there is to ask, for people.
TABLES: Final[Mapping[str, str]] = {
    "runs": "one row a run: when, where, with what, under which circumstances, and its verdict",
    "results": "one row a pair and metric, or a failed pair's reason; also baselines and imported figures",
    "measured": "results of runs of ours that hold, by the run's own way, without warm-ups and errors",
    "summaries": "statistics that others have published, by metric; imported",
    "latencies": "one row a pair whose single requests were counted, with its buckets as a list",
    "intervals": "one row a pair, metric and second",
    "verdicts": "one row a threshold or data check of a run",
    "acceptances": "one row a check of an acceptance",
    "accepted_levels": "one row a level of a series that somebody accepted, with who and why",
    "raw": "one row a tool, with what it printed",
}
#: DuckDB's own hint would name one of its tables.
_MISSING: Final = re.compile(r"^Catalog Error: Table with name (\S+) does not exist")
#: A baseline measures a run's pairs by another way as well, and stands in the same table.
_MEASURED: Final = """
    SELECT results.* FROM results JOIN (SELECT cluster, run_id, path, verdict FROM runs) AS run
    USING (cluster, run_id)
    WHERE run.verdict NOT IN ('INVALID', 'N/A') AND results.origin IS NULL AND results.value IS NOT NULL
      AND coalesce(results.path, 'pod-ip') = coalesce(run.path, 'pod-ip')
      AND (results.repeat IS NOT NULL OR results.run_id NOT IN
           (SELECT run_id FROM results WHERE repeat IS NOT NULL))
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """The rows of a query, and the files that could not be asked."""

    rows: pa.Table
    left_out: tuple[str, ...]


def ask(storage: Storage, query: str, *, most: int | None = None) -> Answer:
    """Run a query; files that turn out to be broken further in are left out, and it is run once more.

    Args:
        most: How many rows are wanted at most; by default all.

    Raises:
        InvalidInputError: DuckDB does not take the query; the text is its own.
        LakeError: The storage did not answer.
    """
    views, left_out = unchanged(lambda: _views(storage, query, whole=False))
    try:
        rows = _run(query, views, most)
    except duckdb.Error as error:
        if isinstance(error, duckdb.ParserException | duckdb.BinderException | duckdb.CatalogException):
            raise InvalidInputError(f"query: {_told(error)}") from error
        _log.debug("each file is looked through: %s", error)
        views, left_out = unchanged(lambda: _views(storage, query, whole=True))
        try:
            rows = _run(query, views, most)
        except duckdb.Error as other:
            raise InvalidInputError(f"query: {other}") from other
    return Answer(rows, tuple(f"{storage.url_of(each.path)}: {each.reason}" for each in left_out))


def _told(error: duckdb.Error) -> str:
    missing = _MISSING.search(str(error))
    if missing is None:
        return str(error)
    return f"there is no table {missing[1]}{closest(missing[1], TABLES)}; allowed: {', '.join(TABLES)}"


def _run(query: str, views: Mapping[str, ds.Dataset], most: int | None) -> pa.Table:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for table, dataset in views.items():
            connection.register(f"{table}_files", dataset)
            day = "strftime(started_at, '%Y-%m-%d') AS date"
            connection.execute(f"CREATE VIEW {table} AS SELECT *, {day} FROM {table}_files")  # noqa: S608 - our names
        if {"runs", "results"} <= views.keys():
            connection.execute(f"CREATE VIEW measured AS {_MEASURED}")
        found = connection.sql(query)
        # A statement without rows, such as SET, gives nothing.
        if found is None:
            return pa.table({})
        return (found if most is None else found.limit(most)).to_arrow_table()


def _views(storage: Storage, query: str, *, whole: bool) -> tuple[dict[str, ds.Dataset], list[LeftOut]]:
    """Return the tables that a query may be about as something that DuckDB can read."""
    asked = query.lower()
    wanted = [table for table in READ_SCHEMAS if table in asked]
    if "measured" in asked:
        wanted = sorted({*wanted, "runs", "results"})
    views, left_out = {}, []
    for table in wanted:
        views[table], without = _dataset(storage, table, whole=whole)
        left_out += without
    return views, left_out


def _dataset(storage: Storage, table: str, *, whole: bool) -> tuple[ds.Dataset, list[LeftOut]]:
    schema = READ_SCHEMAS[table]
    schema = schema.remove(schema.get_field_index("date"))
    snapshot = take(storage, table)
    with ThreadPoolExecutor(READERS) as pool:
        opened = list(pool.map(lambda part: _opened(storage, part, schema, whole=whole), snapshot.parts))
    fragments = [each for each in opened if isinstance(each, ds.Fragment)]
    files = ds.FileSystemDataset(fragments, schema, ds.ParquetFileFormat(), storage.filesystem)
    parts = [ds.dataset(each) for each in opened if isinstance(each, pa.Table)]
    strangers = [LeftOut(path, "not in the lake's layout") for path in snapshot.strangers]
    left_out = [*strangers, *(each for each in opened if isinstance(each, LeftOut))]
    return (ds.dataset([files, *parts]) if parts else files), left_out


def _opened(
    storage: Storage, part: Part, schema: pa.Schema, *, whole: bool
) -> ds.ParquetFileFragment | pa.Table | LeftOut:
    columns = schema.names
    if part.elsewhere:
        return read_part(storage, part, columns, EVERYTHING, None)
    if whole and isinstance(trouble := read_part(storage, part, columns, EVERYTHING, None), LeftOut):
        return trouble
    try:
        fragment = fragment_of(storage, part.place)
        if table_of(fragment.physical_schema) != part.place.table:
            return LeftOut(part.place.path, f"not a file of the table {part.place.table}")
    except (pa.ArrowException, OSError) as error:
        return diagnosed(storage, part.place.path, error)
    return fragment


def columns_of(table: str) -> Sequence[str]:
    """Return the columns of a view."""
    return [*READ_SCHEMAS["results" if table == "measured" else table].names]
