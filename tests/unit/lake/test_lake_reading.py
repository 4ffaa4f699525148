"""What comes back out of the lake."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from netcadence.errors import InvalidInputError
from netcadence.lake import Lake

TABLES = ("runs", "results", "intervals", "verdicts", "raw", "summaries")
DAY = "cluster=staging/date=2026-01-31"


@pytest.fixture
def stored(lake, record, judgement):
    lake.conclude(record, judgement)
    return lake


@pytest.fixture
def many(lake, make_record, judgement):
    """Three nights of two clusters and two scenarios."""
    start = make_record().facts.started_at
    for night in range(3):
        for cluster in ("a", "b"):
            for scenario in ("udp-1:1", "udp-50:50"):
                run_id = f"{cluster}-{scenario.replace(':', '-')}-{night}"
                facts = {"run_id": run_id, "cluster": cluster, "scenario": scenario}
                lake.conclude(make_record(started_at=start + timedelta(days=night), **facts), judgement)
    return lake


@pytest.mark.parametrize("table", TABLES)
def test_an_empty_lake_answers_with_all_columns(stored, tmp_path, table):
    empty = getattr(Lake(tmp_path / "nothing"), table)()
    full = getattr(stored, table)()
    assert empty.empty
    assert list(empty.columns) == list(full.columns)
    assert not (tmp_path / "nothing").exists()


def test_a_measured_pair_is_a_row_a_metric(stored):
    row = stored.results().query("pair_index == 1 and metric == 'jitter'").iloc[0]
    assert (row["value"], row["unit"], row["direction"]) == (1003.0, "ms", "lower")
    assert (row["client_node"], row["client_zone"], row["server_node"]) == ("node-a", "zone-1", "node-b")
    assert (row["start_offset_s"], row["clock_offset_s"], row["clock_reference"]) == (0.001, -0.002, "w-0")
    assert pd.isna(row["error_reason"])


def test_a_failed_pair_is_one_row_with_a_reason_and_no_number(stored):
    failed = stored.results().query("pair_index == 2")
    assert failed["error_reason"].tolist() == ["ConnectionRefused"]
    assert failed["error_message"].tolist() == ["connect failed: Connection refused"]
    assert failed[["metric", "unit", "value", "direction"]].isna().all(axis=None)


def test_marks_stay_with_their_pair(stored):
    marks = stored.results().groupby("pair_index")["marks"].first()
    assert [list(mark) for mark in marks] == [["ClocksDisagree"], [], []]


def test_intervals_are_a_row_a_second_and_metric(stored):
    second = stored.intervals().query("pair_index == 1 and start_s == 3")
    assert sorted(zip(second["metric"], second["unit"], second["value"], second["end_s"], strict=True)) == [
        ("jitter", "ms", 0.25, 4.0),
        ("throughput", "KBytes/s", 121.5, 4.0),
    ]


def test_raw_output_comes_back_word_for_word(stored):
    server = stored.raw().query("pair_index == 1 and role == 'server'").iloc[0]
    assert list(server["argv"]) == ["iperf", "-c", "198.18.1.1"]
    assert (server["stdout"], server["stderr"], server["exit_code"]) == ("pair 1\n", "", 0)
    assert (server["tool"], server["version"]) == ("iperf", "2.1.8")


def test_findings_come_back_with_what_they_rest_on(stored):
    late, missing = stored.verdicts().to_dict("records")
    assert (late["requirement"], late["value"], late["threshold"]) == ("jitter_max_ms", 6.5, 5.0)
    assert (late["verdict"], late["detail"]) == ("FAIL", "too late")
    assert pd.isna(missing["value"])


def test_intervals_come_back_with_what_they_rest_on(stored):
    late, missing = stored.verdicts().to_dict("records")
    assert (late["interval_low"], late["interval_high"], late["interval_level"]) == (6.25, 7.0, 0.95)
    assert (late["interval_repeats"], late["interval_pairs"], late["interval_seed"]) == (5, 2, 2**32 - 1)
    assert pd.isna(missing["interval_low"])


def test_a_run_tells_its_circumstances(stored):
    run = stored.runs().iloc[0]
    assert (run["verdict"], run["planned_pairs"], run["measured_pairs"], run["error_count"]) == (
        "INVALID",
        3,
        2,
        1,
    )
    assert (run["skew_p99_ms"], run["skew_max_ms"], run["skew_bound_ms"]) == (1.5, 2.0, 100.0)
    assert [node["kernel"] for node in run["nodes"]] == ["6.1", "6.2"]
    assert (run["phases_s"], run["labels"]) == ({"deploy": 0.5, "measure": 5.1}, {"purpose": "nightly"})


def test_instants_are_utc_to_the_microsecond(stored, record):
    frame = stored.results()
    assert str(frame["started_at"].dtype) == "datetime64[us, UTC]"
    assert frame["started_at"].iloc[0].to_pydatetime() == record.facts.started_at


def test_pandas_reads_a_table_without_a_catalogue(many):
    results = pd.read_parquet(f"{many.url}/results")
    described = results.groupby(["scenario", "metric"])["value"].describe()
    assert described.loc[("udp-50:50", "throughput"), "count"] == 12
    assert set(results["cluster"]) == {"a", "b"}
    assert str(results["started_at"].dtype) == "datetime64[us, UTC]"


@pytest.mark.parametrize(
    ("wanted", "runs"),
    [
        ({}, 12),
        ({"cluster": "a"}, 6),
        ({"scenario": "udp-1:1"}, 6),
        ({"cluster": "b", "scenario": "udp-50:50"}, 3),
        ({"run_id": "a-udp-1-1-2"}, 1),
        ({"run_id": ("a-udp-1-1-2", "b-udp-50-50-0", "unheard-of")}, 2),
        ({"run_id": ()}, 0),
        ({"run_id": "unheard-of"}, 0),
        ({"cluster": "unheard-of"}, 0),
        ({"run_id": "a-udp-1-1-2", "cluster": "b"}, 0),
    ],
)
def test_only_the_rows_asked_for_come_back(many, wanted, runs):
    assert len(many.runs(**wanted)) == runs
    assert len(many.results(**wanted)) == runs * 23


def test_only_the_columns_asked_for_come_back_in_the_order_of_time(many):
    found = many.runs(("verdict", "date"), cluster="a", scenario="udp-1:1")
    assert found.columns.tolist() == ["verdict", "date"]
    assert found["date"].tolist() == ["2026-01-31", "2026-02-01", "2026-02-02"]


def test_a_span_of_time_includes_its_beginning_and_not_its_end(many, record):
    start = record.facts.started_at
    found = many.runs(since=start + timedelta(days=1), until=start + timedelta(days=2))
    assert found["started_at"].dt.to_pydatetime().tolist() == [start + timedelta(days=1)] * 4


def test_a_span_may_be_given_in_any_time_zone(many, record):
    tokyo = datetime.fromisoformat("2026-02-01T08:30:00.123456+09:00")
    assert tokyo == record.facts.started_at
    assert len(many.runs(since=tokyo, until=tokyo + timedelta(seconds=1))) == 4


def test_a_span_without_a_time_zone_is_refused(many):
    with pytest.raises(InvalidInputError, match=r"since .* needs a time zone"):
        many.runs(since=datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused


def test_rows_come_oldest_first(many):
    assert many.results()["started_at"].is_monotonic_increasing


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("text.parquet", lambda _: b"not parquet at all"),
        ("empty.parquet", lambda _: b""),
        ("cut.parquet", lambda whole: whole[:-100]),
        ("notes.txt", lambda _: b"a note"),
    ],
)
def test_a_broken_file_is_named_and_the_rest_is_read(stored, caplog, name, damage):
    folder = Path(stored.url, "results", DAY)
    (folder / name).write_bytes(damage((folder / "run-1.parquet").read_bytes()))
    with caplog.at_level(logging.WARNING):
        results = stored.results()
    assert len(results) == 23
    assert len(results.attrs["left_out"]) == 1
    assert name in results.attrs["left_out"][0]
    assert name in caplog.text


def test_a_file_with_broken_pages_is_left_out_as_a_whole(stored):
    path = Path(stored.url, "results", DAY, "run-1.parquet")
    data = bytearray(path.read_bytes())
    data[4:400] = bytes(396)
    path.write_bytes(data)
    results = stored.results()
    assert results.empty
    assert "not readable as Parquet" in results.attrs["left_out"][0]


def test_another_programs_parquet_is_left_out(stored):
    pq.write_table(pa.table({"value": [1.0]}), Path(stored.url, "results", DAY, "foreign.parquet"))
    results = stored.results()
    assert len(results) == 23
    assert "foreign.parquet: not a file of the table results" in results.attrs["left_out"][0]


def test_a_file_in_the_wrong_table_is_left_out(stored):
    runs, results = (Path(stored.url, table, DAY) for table in ("runs", "results"))
    (results / "stray.parquet").write_bytes((runs / "run-1.parquet").read_bytes())
    assert "stray.parquet" in stored.results().attrs["left_out"][0]


def test_unfinished_files_are_neither_read_nor_named(stored):
    Path(stored.url, "results", DAY, ".run-2.parquet.0123").write_bytes(b"half")
    results = stored.results()
    assert len(results) == 23
    assert results.attrs["left_out"] == []
    assert len(pd.read_parquet(f"{stored.url}/results")) == 23


def rewritten(lake, change):
    """Put a changed copy of the stored run's results beside it, as another version would have written it."""
    folder = Path(lake.url, "results", DAY)
    table = pq.ParquetFile(folder / "run-1.parquet").read()
    other = change(table).replace_schema_metadata(table.schema.metadata)
    pq.write_table(other, folder / "run-1.parquet")


def test_a_column_that_an_older_file_lacks_is_null(stored):
    rewritten(stored, lambda table: table.drop_columns(["clock_reference"]))
    results = stored.results()
    assert len(results) == 23
    assert results["clock_reference"].isna().all()


def test_a_column_that_a_newer_file_adds_is_passed_over(stored):
    columns = list(stored.results().columns)
    rewritten(stored, lambda table: table.append_column("novelty", pa.array([1] * len(table))))
    assert list(stored.results().columns) == columns
    assert len(stored.results()) == 23


def test_nodes_of_an_older_lake_are_read_without_what_it_did_not_know(stored):
    """Version 1 knew seven fields of a node."""
    path = Path(stored.url, "runs", DAY, "run-1.parquet")
    table = pq.ParquetFile(path).read()
    place = table.column_names.index("nodes")
    seven = pa.list_(pa.struct(list(table.schema.field("nodes").type.value_type)[:7]))
    older = table.set_column(place, "nodes", table.column("nodes").cast(seven))
    pq.write_table(older.replace_schema_metadata(table.schema.metadata), path)
    nodes = stored.runs().iloc[0]["nodes"]
    assert [(node["kernel"], node["mtu"], node["allocatable_cpu"]) for node in nodes] == [
        ("6.1", None, None),
        ("6.2", None, None),
    ]


def test_results_of_an_older_lake_have_no_origin(stored):
    """Version 2 knew of nothing that others had measured."""
    path = Path(stored.url, "results", DAY, "run-1.parquet")
    table = pq.ParquetFile(path).read()
    pq.write_table(table.drop_columns("origin").replace_schema_metadata(table.schema.metadata), path)
    results = stored.results()
    assert len(results) == 23
    assert results["origin"].isna().all()
    assert stored.summaries().empty
