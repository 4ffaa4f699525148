"""A month's files become one, while others read and write."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcadence.errors import InvalidInputError
from netcadence.lake import Lake
from netcadence.lake.compaction import compact
from netcadence.lake.layout import Place
from netcadence.lake.schemas import FILE_SCHEMAS
from netcadence.lake.snapshot import take
from netcadence.lake.storage import Storage

TABLES = ("runs", "results", "intervals", "verdicts", "raw")
LATER = datetime(2026, 6, 1, tzinfo=UTC)


def files(lake, table="results"):
    return sorted(path.relative_to(lake.url).as_posix() for path in Path(lake.url, table).rglob("*.parquet"))


def content(lake, table="results"):
    """All rows, in an order that does not depend on the files."""
    frame = getattr(lake, table)().astype(str)
    return frame.sort_values(list(frame.columns), ignore_index=True)


@pytest.fixture
def store(lake, make_record, judgement):
    """Store runs by number, some days apart."""

    def run(*numbers, days=1, **facts):
        start = make_record().facts.started_at
        for number in numbers:
            changes = {"run_id": f"run-{number}", "started_at": start + timedelta(days=number * days)}
            lake.conclude(make_record(**(changes | facts)), judgement)

    return run


def test_the_runs_of_a_month_become_one_file_a_table_with_the_same_rows(lake, store):
    store(*range(-4, 3))  # 27 January to 2 February
    before = {table: content(lake, table) for table in TABLES}
    done = lake.compact(now=LATER)
    for table in TABLES:
        assert [path.split("/")[2] for path in files(lake, table)] == ["date=2026-01-01", "date=2026-02-01"]
        pd.testing.assert_frame_equal(content(lake, table), before[table])
    assert {(each.runs, each.files) for each in done.merged} == {(5, 5), (2, 2)}
    assert len(done.removed) == 7 * len(TABLES)
    # Also by those who look at the folder alone.
    assert len(pd.read_parquet(f"{lake.url}/results")) == 7 * 23


def test_what_was_put_together_grows_and_is_left_alone_where_nothing_is_new(lake, store):
    store(-3, -2)
    lake.compact(now=LATER)
    store(-4, -1)
    before = content(lake)
    assert [(each.runs, each.files) for each in lake.compact(now=LATER).merged] == [(4, 3)] * len(TABLES)
    once = files(lake)
    assert len(once) == 1
    assert not lake.compact(now=LATER).merged
    assert files(lake) == once
    pd.testing.assert_frame_equal(content(lake), before)


def test_young_runs_stay_as_they_are(lake, store, record):
    store(-2, -1, 0)
    lake.compact(now=record.facts.started_at + timedelta(days=2))
    assert [path.split("/")[2] for path in files(lake)] == ["date=2026-01-01", "date=2026-01-31"]


def test_rows_of_one_metric_lie_in_row_groups_of_their_own(lake, store):
    store(-3, -2)
    lake.compact(now=LATER)
    rows = pq.read_table(Path(lake.url, files(lake)[0]), partitioning=None)
    metrics = rows.column("metric").to_pylist()
    assert metrics == sorted(metrics, key=lambda name: (name is None, name))


def test_a_run_that_is_in_its_months_file_is_not_stored_again(lake, store, make_record, judgement):
    store(-3, -2)
    lake.compact(now=LATER)
    before = files(lake)
    assert not lake.conclude(
        make_record(run_id="run--3", started_at=make_record().facts.started_at - timedelta(days=3)), judgement
    ).is_new
    assert files(lake) == before
    with pytest.raises(InvalidInputError, match="allowed: one that no run has had"):
        lake.require_new("run--3")


def test_a_run_is_found_by_its_id_in_its_months_file(lake, store):
    store(-4, -3, 2)
    lake.compact(now=LATER)
    assert len(lake.results(run_id="run--3")) == 23
    assert lake.runs(run_id="run-2")["date"].tolist() == ["2026-02-02"]
    assert lake.runs(run_id=("run-2", "run--3"))["run_id"].tolist() == ["run--3", "run-2"]


def test_the_day_of_a_run_is_told_as_before(lake, store):
    store(-4, -3, 2)
    before = sorted(lake.runs()["date"])
    lake.compact(now=LATER)
    assert sorted(lake.runs()["date"]) == before == ["2026-01-27", "2026-01-28", "2026-02-02"]


def test_a_span_of_time_finds_its_runs_in_a_months_file(lake, store, record):
    store(-9, -8, 2)
    lake.compact(now=LATER)
    start = record.facts.started_at
    found = lake.runs(since=start - timedelta(days=8), until=start + timedelta(days=2))
    assert found["run_id"].tolist() == ["run--8"]


def test_readers_never_see_half_or_double_while_months_are_put_together(lake, store):
    """Read in a loop while files are put together and new ones come."""
    store(*range(-12, 0))
    seen, over, writers = [], threading.Event(), ThreadPoolExecutor(2)

    def read():
        while not over.is_set():
            least = stored[0]
            rows = Lake(lake.url).results()
            most = stored[0] + 1
            counts = rows.groupby("run_id").size()
            seen.append(least <= len(counts) <= most and set(counts) == {23})

    stored = [12]
    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(-18, -12):
            two = [writers.submit(Lake(lake.url).compact, now=LATER) for _ in range(2)]
            store(number)
            stored[0] += 1
            for each in two:
                each.result()
    finally:
        over.set()
        reader.join()
        writers.shutdown()
    assert len(seen) > 3
    assert all(seen)
    lake.compact(now=LATER)
    assert len(files(lake)) == 1


def test_who_was_killed_before_removing_anything_has_lost_and_doubled_nothing(lake, store, monkeypatch):
    store(-4, -3)
    before = content(lake)
    with monkeypatch.context() as patch:
        patch.setattr(Storage, "delete", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            lake.compact(now=LATER)
    assert len(files(lake, "intervals")) + len(files(lake)) > 4
    pd.testing.assert_frame_equal(content(lake), before)
    lake.compact(now=LATER)
    assert len(files(lake)) == 1
    pd.testing.assert_frame_equal(content(lake), before)


def test_replaced_files_stay_for_a_while_where_that_is_asked_for(lake, store):
    store(-4, -3)
    assert lake.compact(now=LATER, keep_replaced_s=3600).removed == ()
    assert len(files(lake)) == 3
    assert len(lake.results()) == 46
    assert len(lake.compact(now=LATER).removed) == 2 * len(TABLES)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sets(st.integers(0, 5), min_size=1), min_size=1, max_size=4))
def test_whatever_several_have_put_together_each_run_counts_once(tmp_path_factory, held):
    """Files of any overlap, as those leave who put a month together at once and knew of different runs."""
    storage = Storage(tmp_path_factory.mktemp("lake"))
    made = []
    for names in held:
        sub = Storage(tmp_path_factory.mktemp("part"))
        for name in names:
            started_at = datetime(2026, 1, 1 + name, tzinfo=UTC)
            row = {"run_id": f"run-{name}", "scenario": "s", "started_at": started_at}
            row |= {"suite": "sla", "requirement": "r", "verdict": "PASS"}
            place = Place("verdicts", "c", started_at.date(), f"run-{name}")
            sink = pa.BufferOutputStream()
            pq.write_table(pa.Table.from_pylist([row], schema=FILE_SCHEMAS["verdicts"]), sink)
            sub.write(place.path, sink.getvalue())
        compact(sub, until=date(2026, 2, 1))
        made += [(path, sub.read(path)) for path in sub.files("verdicts")]
    for path, data in made:
        storage.write(path, data)
    lake = Lake(storage.url)
    expected = sorted(f"run-{name}" for name in set().union(*held))
    assert sorted(lake.verdicts()["run_id"]) == expected
    compact(storage, until=date(2026, 2, 1))
    assert sorted(lake.verdicts()["run_id"]) == expected
    assert len(take(storage, "verdicts").parts) == len(storage.files("verdicts")) == 1


def damage(path):
    data = bytearray(path.read_bytes())
    data[4:400] = bytes(396)
    path.write_bytes(data)


def test_broken_and_foreign_files_are_put_aside_and_the_rest_goes_on(lake, store):
    store(-4, -3, -2)
    broken, *_ = (Path(lake.url, path) for path in files(lake))
    damage(broken)
    foreign = broken.with_name("foreign.parquet")
    pq.write_table(pa.table({"value": [1.0]}), foreign)
    done = lake.compact(now=LATER)
    assert {Path(each.path).name for each in done.aside} == {broken.name, "foreign.parquet"}
    assert not broken.exists()
    assert Path(lake.url, "_aside", broken.relative_to(lake.url)).exists()
    results = lake.results()
    assert len(results) == 46
    assert results.attrs["left_out"] == []


def test_a_file_of_a_newer_version_is_left_to_those_who_know_it(lake, store):
    store(-4, -3, -2)
    newer = Path(lake.url, files(lake)[0])
    table = pq.ParquetFile(newer).read()
    metadata = {**table.schema.metadata, b"netcadence.schema_version": b"99"}
    pq.write_table(
        table.append_column("novelty", pa.array([1] * len(table))).replace_schema_metadata(metadata), newer
    )
    (left,) = lake.compact(now=LATER).left
    assert "schema version 99" in left.reason
    assert newer.exists()
    assert len(lake.results()) == 69
