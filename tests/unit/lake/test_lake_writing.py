"""What a run leaves in the lake."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from netcadence.errors import InvalidInputError
from netcadence.lake import Lake, LakeRefusedError
from netcadence_worker.contract import Result, Role
from netcadence_worker.histogram import Bucket, Histogram

DAY = "cluster=staging/date=2026-01-31"


def state_of(lake):
    """Every file's bytes and time of change, hidden ones too."""
    return {
        path.relative_to(lake.url).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in Path(lake.url).rglob("*")
        if path.is_file()
    }


def test_a_stored_run_is_five_files_named_for_it(lake, record, judgement):
    lake.write(record)
    lake.conclude(record, judgement)
    tables = ("intervals", "raw", "results", "runs", "verdicts")
    assert sorted(state_of(lake)) == [f"{table}/{DAY}/run-1.parquet" for table in tables]


def test_figures_beside_a_result_are_rows_of_their_own_and_say_what_limited_the_pair(lake, record):
    beside = (Result.of("client_retransmits", 3), Result.of("throughput_common", 900.0))
    outcome = replace(record.outcomes[0], beside=beside, limit="cpu-limited")
    lake.write(replace(record, outcomes=(outcome, *record.outcomes[1:])))
    rows = lake.results().query("pair_index == 0").set_index("metric")
    assert rows.loc["client_retransmits", ["value", "unit", "direction"]].tolist() == [3, "segments", "lower"]
    assert rows.loc["throughput_common", "value"] == 900.0
    assert set(rows["limit"]) == {"cpu-limited"}


def test_writing_says_where_each_table_is(lake, record, judgement):
    measured, concluded = lake.write(record), lake.conclude(record, judgement)
    assert set(measured.paths) == {"results", "intervals", "raw"}
    assert measured.is_new
    assert concluded.is_new
    assert all(Path(path).is_file() for path in concluded.paths.values())


def test_a_second_write_of_a_whole_run_changes_nothing(lake, record, judgement):
    lake.conclude(record, judgement)
    before = state_of(lake)
    assert not lake.write(record).is_new
    assert not lake.conclude(record, judgement).is_new
    assert state_of(lake) == before


def test_a_second_write_before_the_verdict_changes_nothing(lake, record):
    lake.write(record)
    before = state_of(lake)
    assert not lake.write(record).is_new
    assert state_of(lake) == before


def test_another_run_with_the_id_of_a_whole_one_changes_nothing(lake, record, make_record, judgement):
    lake.conclude(record, judgement)
    before = state_of(lake)
    assert not lake.conclude(make_record(pairs=5, mtu=9000), judgement).is_new
    assert state_of(lake) == before


def test_a_further_attempt_replaces_what_an_unfinished_one_left(lake, record, make_record, judgement):
    lake.write(record)
    lake.conclude(make_record(pairs=5, failures=0), judgement)
    assert lake.results()["pair_index"].nunique() == 5
    assert lake.runs()["measured_pairs"].tolist() == [5]


def test_an_attempt_after_midnight_lies_beside_the_first(lake, record, make_record, judgement):
    lake.write(record)
    later = record.facts.started_at + timedelta(hours=1)
    lake.conclude(make_record(started_at=later), judgement)
    assert {path.split("/", 1)[1] for path in state_of(lake)} == {f"{DAY}/run-1.parquet"}
    assert len(lake.runs(since=later)) == 1


def test_a_verdict_brings_the_measurements_that_are_missing(lake, record, judgement):
    lake.conclude(record, judgement)
    assert len(lake.results()) == 2 * 11 + 1


def test_a_run_is_listed_last_of_all(lake, record, judgement):
    lake.conclude(record, judgement)
    changed = {path.split("/")[0]: changed for path, (_, changed) in state_of(lake).items()}
    assert max(changed, key=changed.get) == "runs"


def test_a_run_is_not_listed_when_its_verdicts_could_not_be_written(lake, record, judgement):
    lake.write(record)
    Path(lake.url, "verdicts").touch()
    with pytest.raises(LakeRefusedError, match=r"could not write .*verdicts"):
        lake.conclude(record, judgement)
    assert lake.runs().empty
    assert not lake.results().empty


def test_many_writers_lose_nothing(lake, make_record, judgement):
    records = [make_record(run_id=f"run-{number}") for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda record: Lake(lake.url).conclude(record, judgement), records))
    assert sorted(lake.runs()["run_id"]) == sorted(record.facts.run_id for record in records)
    assert len(lake.results()) == 12 * 23


def test_writers_of_the_same_run_leave_one_whole_copy(lake, record, judgement):
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: Lake(lake.url).conclude(record, judgement), range(6)))
    assert len(state_of(lake)) == 5
    assert len(lake.results()) == 23


def test_the_same_run_gives_the_same_bytes(tmp_path, record, judgement):
    lakes = [Lake(tmp_path / name) for name in ("one", "two")]
    for each in lakes:
        each.conclude(record, judgement)
    one, two = ({path: data for path, (data, _) in state_of(each).items()} for each in lakes)
    assert one == two


@pytest.mark.parametrize("run_id", ["", "../escape", ".hidden", "_hidden", "a/b", "Upper", "x" * 54])
def test_a_run_id_that_cannot_name_a_file_is_refused(lake, make_record, run_id):
    with pytest.raises(InvalidInputError, match="allowed: 1 to 53 lower-case letters"):
        lake.write(make_record(run_id=run_id))
    assert state_of(lake) == {}


def test_an_id_is_new_until_a_run_of_that_id_is_listed(lake, record, judgement):
    """A run that was stored and never concluded may be made again; one that is listed may not."""
    lake.require_new(record.facts.run_id)
    lake.write(record)
    lake.require_new(record.facts.run_id)
    lake.conclude(record, judgement)
    with pytest.raises(InvalidInputError, match="allowed: one that no run has had"):
        lake.require_new(record.facts.run_id)


def test_a_run_without_a_cluster_is_refused(lake, make_record):
    with pytest.raises(InvalidInputError, match="name of its cluster"):
        lake.write(make_record(cluster=""))


def test_a_start_without_a_time_zone_is_refused(lake, make_record, record):
    with pytest.raises(InvalidInputError, match="needs a time zone"):
        lake.write(make_record(started_at=record.facts.started_at.replace(tzinfo=None)))


@pytest.mark.parametrize(
    "cluster", ["arn:aws:eks:eu:1:cluster/a b", "..", "a=b/date=c", "Ünïcode ☃", "100%", "7"]
)
def test_any_cluster_name_comes_back_as_it_was(lake, make_record, judgement, cluster):
    lake.conclude(make_record(cluster=cluster), judgement)
    assert lake.runs(cluster=cluster)["cluster"].tolist() == [cluster]
    assert pd.read_parquet(f"{lake.url}/runs")["cluster"].astype(str).tolist() == [cluster]


def test_output_that_cannot_be_unpacked_is_kept_as_it_came(lake, record):
    broken = record.outcomes[0].outputs[Role.CLIENT].model_copy(update={"data": "bm90IGd6aXA="})
    first = replace(record.outcomes[0], outputs={Role.CLIENT: broken})
    lake.write(replace(record, outcomes=(first, *record.outcomes[1:])))
    raw = lake.raw().query("pair_index == 0 and role == 'client'")
    assert raw["undecoded"].tolist() == ["bm90IGd6aXA="]
    assert raw["stdout"].isna().all()


def test_files_are_compressed_with_zstd(lake, record):
    path = lake.write(record).paths["raw"]
    assert pq.read_metadata(path).row_group(0).column(0).compression == "ZSTD"


def test_importing_the_lake_leaves_pandas_alone():
    code = "import sys, netcadence.lake; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_column_is_filled_from_somewhere(lake, record, judgement):
    lake.conclude(record, judgement)
    frames = {table: getattr(lake, table)() for table in ("runs", "results", "intervals", "verdicts", "raw")}
    unfilled = [
        f"{table}.{name}" for table, frame in frames.items() for name in frame if frame[name].isna().all()
    ]
    # What a run of ours measured has no origin.
    assert unfilled == ["results.origin", "raw.undecoded"]


def test_latencies_are_kept_by_bucket_where_a_tool_counted_requests(lake, record):
    """One row a pair, its buckets a list, in ms; other runs have no such file."""
    histogram = Histogram((Bucket(0, 100_000, 3), Bucket(100_000, 200_000, 1)), 40_000, 150_000, 300_000)
    counted = replace(record.outcomes[0], latencies=histogram)
    lake.write(replace(record, outcomes=(counted, *record.outcomes[1:])))
    (row,) = lake.latencies().to_dict("records")
    assert (row["pair_index"], row["metric"], row["unit"], row["count"]) == (0, "request_latency", "ms", 4)
    assert (row["least"], row["most"], row["sum"]) == (0.04, 0.15, 0.3)
    assert list(row["buckets"]) == [
        {"over": 0.0, "up_to": 0.1, "count": 3},
        {"over": 0.1, "up_to": 0.2, "count": 1},
    ]
