"""The lake itself: runs in, frames out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypedDict, Unpack

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from netcadence.acceptance.outcome import Acceptance
from netcadence.errors import InvalidInputError
from netcadence.foreign import ForeignRun
from netcadence.lake import tables
from netcadence.lake.accepted import AcceptedLevel
from netcadence.lake.layout import Place
from netcadence.lake.retention import Retirement, retire
from netcadence.lake.schemas import written_as
from netcadence.lake.snapshot import names_of, take, unchanged
from netcadence.lake.storage import Storage
from netcadence.record import Judgement, RunFacts, RunRecord
from netcadence_worker.contract import RunID

if TYPE_CHECKING:
    import pandas as pd

    from netcadence.lake.compaction import Compaction
    from netcadence.lake.recollection import Recollection

_RUN_ID: Final[TypeAdapter[str]] = TypeAdapter(RunID)
#: A run that began so long ago is over, and nobody tries again to store it.
SETTLED: Final = timedelta(days=2)


class Wanted(TypedDict, total=False):
    """Which rows to read; what is not given is not asked for.

    `run_id` is that of one run, or those of several.
    `since` (inclusive) and `until` (exclusive) are about the start of the run and need a time zone.
    """

    run_id: str | Collection[str] | None
    scenario: str | None
    cluster: str | None
    since: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class WrittenRun:
    """Where a run, or a part of it, is in the lake.

    Attributes:
        paths: Address of the file, by table.
        is_new: False if all of it was there already and nothing was touched.
    """

    run_id: str
    paths: Mapping[str, str]
    is_new: bool


class Lake:
    """Parquet files below one address, written once a run by any number of writers, read by anything.

    A run is stored in two steps, so that its measurements are safe before anyone judges them: `write` keeps
    what was measured, `conclude` what it comes to. The `runs` file is the last of all: a run that is listed
    there is whole and never changes again; of one that is not, a further attempt replaces what was kept.

    Every frame has all columns, also of an empty lake. Files that are broken or not the lake's are left out
    with a warning in the log, and named in the frame's `attrs["left_out"]`.

    Args:
        url: A local path, or an address that pyarrow knows: `s3://bucket/prefix`, `gs://bucket/prefix`.

    Raises:
        InvalidInputError: The address is of no known kind.
        LakeError: The storage cannot be reached.
    """

    def __init__(self, url: str | Path) -> None:
        self._storage = Storage(url)

    @property
    def url(self) -> str:
        """The address, absolute and without secrets."""
        return self._storage.url

    def require_writable(self) -> None:
        """Make sure that a local lake takes files. Raises as `Storage.require_writable` does."""
        self._storage.require_writable()

    def require_room(self, run_id: str = "") -> None:
        """Make sure that a run can be kept, under this id where one is given.

        Raises as `Storage.require_writable` and `require_new` do.
        """
        self.require_writable()
        if run_id:
            self.require_new(run_id)

    def require_room_for_acceptance(self, acceptance_id: str = "") -> None:
        """Make sure that an acceptance can be kept. Raises as `require_room` does."""
        self.require_writable()
        if acceptance_id:
            self.require_new_acceptance(acceptance_id)

    def require_new(self, run_id: str) -> None:
        """Make sure that a run may be given this id: a run that is listed is never made a second time.

        Raises:
            InvalidInputError: The id cannot name a file, or a run of whichever cluster has it already.
            LakeError: The storage refused or did not answer.
        """
        self._require_new("runs", run_id, "run")

    def require_new_acceptance(self, acceptance_id: str) -> None:
        """Make sure that an acceptance may be given this id. Raises as `require_new` does."""
        self._require_new("acceptances", acceptance_id, "acceptance")

    def _require_new(self, table: str, name: str, what: str) -> None:
        _check_id(name, what)
        if unchanged(lambda: name in self._names(table)):
            raise InvalidInputError(
                f"{what} id {name!r} is that of {_one(what)} in the lake {self.url}; "
                f"allowed: one that no {what} has had"
            )

    def _names(self, table: str) -> set[str]:
        """Return what a table's files are named after, of all clusters."""
        parts = take(self._storage, table).parts
        return set().union(*(names_of(self._storage, part.place) for part in parts))

    def _holds(self, place: Place) -> bool:
        """Tell whether a run is in its own file, or in its month's."""
        if self._storage.exists(place.path):
            return True
        month = Place(place.table, place.cluster, place.month, "")
        return unchanged(
            lambda: any(
                other.count is not None and place.name in names_of(self._storage, other)
                for path in self._storage.files(month.folder)
                if (other := Place.of(path))
            )
        )

    def write(self, record: RunRecord) -> WrittenRun:
        """Keep a run's results, intervals and raw tool output.

        Raises:
            InvalidInputError: The run's id, cluster or start cannot name a file.
            LakeError: The storage refused or did not answer; no half file is visible.
        """
        return self._keep(record.facts, tables.measurements(record))

    def conclude(self, record: RunRecord, judgement: Judgement) -> WrittenRun:
        """Keep the verdicts and list the run; whatever of its measurements is not there yet is written first.

        Raises:
            InvalidInputError: The run's id, cluster or start cannot name a file.
            LakeError: The storage refused or did not answer; no half file is visible.
        """
        return self._keep(record.facts, tables.measurements(record) | tables.conclusions(record, judgement))

    def keep_foreign(self, run: ForeignRun) -> WrittenRun:
        """Keep what others measured: one pair's value as `results`, statistics over pairs as `summaries`.

        It is not listed in `runs`, which is for what was planned, measured and judged here. A file that is
        there already is left as it is.

        Raises:
            InvalidInputError: The run's id, cluster or start cannot name a file.
            LakeError: The storage refused or did not answer; no half file is visible.
        """
        _check(run)
        contents = tables.foreign(run)
        day = run.started_at.astimezone(UTC).date()
        places = {table: Place(table, run.cluster, day, run.run_id) for table in contents}
        missing = [table for table, place in places.items() if not self._holds(place)]
        for table in missing:
            self._put(places[table].path, contents[table])
        urls = {table: self._storage.url_of(place.path) for table, place in places.items()}
        return WrittenRun(run.run_id, urls, is_new=bool(missing))

    def keep_acceptance(self, done: Acceptance) -> WrittenRun:
        """Keep what each check of an acceptance came to; its runs are kept as any other.

        Raises:
            LakeError: The storage refused or did not answer; no half file is visible.
        """
        day = done.started_at.astimezone(UTC).date()
        paths, new = {}, False
        for table, rows in tables.acceptance(done).items():
            path = Place(table, done.cluster, day, done.acceptance_id).path
            new |= self._put(path, rows)
            paths[table] = self._storage.url_of(path)
        return WrittenRun(done.acceptance_id, paths, is_new=new)

    def accept_level(self, accepted: AcceptedLevel) -> None:
        """Keep that somebody has declared a level of a series to be the new normal.

        Raises:
            InvalidInputError: The acceptance's id cannot name a file.
            LakeError: The storage refused or did not answer; no half file is visible.
        """
        _check_id(accepted.acceptance_id, "acceptance of a level")
        day = accepted.accepted_at.astimezone(UTC).date()
        for table, rows in tables.accepted_level(accepted).items():
            self._put(Place(table, accepted.key.cluster, day, accepted.acceptance_id).path, rows)

    def accepted_levels(self, **wanted: Unpack[Wanted]) -> tuple[AcceptedLevel, ...]:
        """Return the levels that were accepted, oldest acceptance first."""
        rows = self._frame("accepted_levels", wanted).to_dict("records")
        return tuple(tables.accepted_of(row) for row in rows)

    def columns(
        self,
        table: str,
        names: Sequence[str],
        *,
        metric: str | None = None,
        is_foreign: bool | None = None,
        **wanted: Unpack[Wanted],
    ) -> tuple[pa.Table, tuple[str, ...]]:
        """Return some columns of a table as Arrow has them, in no order, and what could not be read.

        `run_id`, `path` and the nodes come with dictionaries, since they repeat.

        Args:
            metric: Only rows of this one.
            is_foreign: Only rows that others have measured, or only ours.

        Raises:
            LakeError: The storage did not answer.
        """
        from netcadence.lake.reading import Selection, read_columns  # noqa: PLC0415 - a writer need not

        allowed: dict[str, frozenset[str | None] | None] = {}
        if metric is not None:
            allowed["metric"] = frozenset({metric})
        if is_foreign is not None:
            allowed["origin"] = None if is_foreign else frozenset({None})
        reading = read_columns(self._storage, table, Selection(**wanted), names, allowed=allowed)
        left_out = tuple(f"{self._storage.url_of(out.path)}: {out.reason}" for out in reading.left_out)
        return reading.rows, left_out

    def runs(self, columns: Sequence[str] | None = None, **wanted: Unpack[Wanted]) -> pd.DataFrame:
        """Return one row a concluded run, oldest first; of all columns, or of those that are named.

        What a run ran on (`nodes`, `config`) is most of what this table holds.
        """
        return self._frame("runs", wanted, columns)

    def run_ids(self, **wanted: Unpack[Wanted]) -> frozenset[str]:
        """Return the ids of the runs in all files that may hold wanted ones, by cluster and time.

        No file of a single run is opened for that.
        """
        from netcadence.lake.reading import Selection  # noqa: PLC0415 - as in `_frame`

        selection = Selection(**wanted)

        def look() -> frozenset[str]:
            parts = take(self._storage, "runs", selection.cluster, selection.may_hold).parts
            return frozenset[str]().union(*(names_of(self._storage, part.place) for part in parts))

        return unchanged(look)

    def results(self, **wanted: Unpack[Wanted]) -> pd.DataFrame:
        """Return one row a pair and metric, or a failed pair with its reason and no metric."""
        return self._frame("results", wanted)

    def latencies(self, **wanted: Unpack[Wanted]) -> pd.DataFrame:
        """Return one row a pair whose single requests were counted, with its buckets as a list."""
        return self._frame("latencies", wanted)

    def intervals(self, **wanted: Unpack[Wanted]) -> pd.DataFrame:
        """Return one row a pair, metric and part of the test."""
        return self._frame("intervals", wanted)

    def verdicts(self, columns: Sequence[str] | None = None, **wanted: Unpack[Wanted]) -> pd.DataFrame:
        """Return one row a finding; of all columns, or of those that are named."""
        return self._frame("verdicts", wanted, columns)

    def summaries(self, **wanted: Unpack[Wanted]) -> pd.DataFrame:
        """Return one row a metric and statistic over the pairs that others published."""
        return self._frame("summaries", wanted)

    def acceptances(self, **wanted: Unpack[Wanted]) -> pd.DataFrame:
        """Return one row a check of an acceptance; `run_id` is that of the run it was judged by."""
        return self._frame("acceptances", wanted)

    def raw(self, **wanted: Unpack[Wanted]) -> pd.DataFrame:
        """Return one row a tool, with what it printed."""
        return self._frame("raw", wanted)

    def recall(self, run_id: str) -> Recollection:
        """Return a concluded run as it was stored (`netcadence.lake.recollection`).

        Raises:
            InvalidInputError: No run that is listed has this id.
            LakeError: The storage did not answer, or what it holds of the run is not whole.
        """
        from netcadence.lake.recollection import recall  # noqa: PLC0415 - a writer need not load it

        return recall(self._storage, run_id)

    def compact(
        self, *, now: datetime | None = None, older_than: timedelta = SETTLED, keep_replaced_s: float = 0
    ) -> Compaction:
        """Put the small files of each month, cluster and table together into one.

        Args:
            now: The present instant, by default the clock's.
            older_than: How old a run has to be; a younger one may still be stored a second time.
            keep_replaced_s: How long a file stays beside the one that replaces it.

        Raises:
            LakeError: The storage refused or did not answer. What was done until then holds.
        """
        from netcadence.lake.compaction import compact  # noqa: PLC0415 - it loads pandas, a writer need not

        until = ((now or datetime.now(UTC)).astimezone(UTC) - older_than).date()
        return compact(self._storage, until=until, keep_replaced_s=keep_replaced_s)

    def retire(
        self, keep: Mapping[str, timedelta], *, now: datetime | None = None, dry_run: bool = False
    ) -> Retirement:
        """Remove what is older than a table's runs are kept; other tables are kept for ever.

        Raises:
            LakeError: The storage refused or did not answer. What was removed until then is gone.
        """
        today = (now or datetime.now(UTC)).astimezone(UTC).date()
        return retire(self._storage, keep, today=today, dry_run=dry_run)

    def _keep(self, facts: RunFacts, contents: Mapping[str, pa.Table]) -> WrittenRun:
        day = self._day(facts)
        paths = {table: Place(table, facts.cluster, day, facts.run_id).path for table in (*contents, "runs")}
        concluded = self._holds(Place("runs", facts.cluster, day, facts.run_id))
        changed = [
            table for table, rows in contents.items() if not concluded and self._put(paths[table], rows)
        ]
        urls = {table: self._storage.url_of(paths[table]) for table in contents}
        return WrittenRun(facts.run_id, urls, is_new=bool(changed))

    def _day(self, facts: RunFacts) -> date:
        """Return the day under which the run lies, or is to lie.

        A repeated attempt may start on the other side of midnight, and belongs beside the first.
        """
        _check(facts)
        today = facts.started_at.astimezone(UTC).date()
        yesterday = today - timedelta(days=1)
        first_attempt = Place("results", facts.cluster, yesterday, facts.run_id)
        return yesterday if self._storage.exists(first_attempt.path) else today

    def _put(self, path: str, rows: pa.Table) -> bool:
        """Write a file unless it is there already with the same bytes; tell whether it was written."""
        stream = pa.BufferOutputStream()
        pq.write_table(rows, stream, **written_as(rows.schema))
        data = stream.getvalue()
        if self._storage.holds(path, data):
            return False
        self._storage.write(path, data)
        return True

    def _frame(self, table: str, wanted: Wanted, columns: Sequence[str] | None = None) -> pd.DataFrame:
        from netcadence.lake.reading import Selection, read  # noqa: PLC0415 - it loads pandas, a writer need not

        reading = read(self._storage, table, Selection(**wanted), columns)
        frame: pd.DataFrame = reading.rows.to_pandas(maps_as_pydicts="strict")
        frame.attrs["left_out"] = [
            f"{self._storage.url_of(out.path)}: {out.reason}" for out in reading.left_out
        ]
        return frame


def _one(what: str) -> str:
    return f"an {what}" if what[0] in "aeiou" else f"a {what}"


def _check_id(run_id: str, what: str = "run") -> None:
    try:
        _RUN_ID.validate_python(run_id)
    except ValidationError as error:
        allowed = "1 to 53 lower-case letters, digits and inner hyphens"
        raise InvalidInputError(f"{what} id {run_id!r} cannot name a file; allowed: {allowed}") from error


def _check(facts: RunFacts | ForeignRun) -> None:
    _check_id(facts.run_id)
    if not facts.cluster:
        raise InvalidInputError(f"run {facts.run_id}: a run needs the name of its cluster")
    if facts.started_at.tzinfo is None:
        raise InvalidInputError(f"run {facts.run_id}: its start {facts.started_at} needs a time zone")
