"""ClusterLoader2's PerfData files: what a run becomes, and what is read of them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.perfdata_commands import export_runs
from netcadence import perfdata
from netcadence.errors import InvalidInputError
from netcadence.lake import Lake
from netcadence.lake.schemas import FILE_SCHEMAS
from netcadence.pair import Pair, WorkerPod
from netcadence.perfdata import Measured, NotExportableError, PairFigures
from netcadence.perfdata.model import COUNTERPARTS
from netcadence.record import Judgement, PairOutcome, RunFacts, RunRecord, Verdict
from netcadence.statistics import Statistic
from netcadence_worker.contract import Protocol, Reason, ReportedError, Result
from netcadence_worker.metrics import METRICS

DATA = Path(__file__).resolve().parents[2] / "data" / "perfdata"
AT = datetime(2026, 1, 31, 23, 59, 58, 999999, tzinfo=UTC)
UPSTREAM = {
    "tcp": "NetworkPerformanceMetrics_1:1_TCP_P2P_network_performance_2026-03-09T02:14:51Z.json",
    "http": "NetworkPerformanceMetrics_1:1_HTTP_P2P_network_performance_2026-03-09T02:16:07Z.json",
    "udp": "NetworkPerformanceMetrics_N:M_UDP_P2P_network_performance_nightly_2026-03-09T11:21:33+09:00.json",
}


def sane(metric):
    known = METRICS[metric]
    return st.floats(known.lowest, known.highest, allow_nan=False)


@st.composite
def runs(draw):
    protocol = draw(st.sampled_from(list(COUNTERPARTS)))
    figures = st.fixed_dictionaries({each.metric: sane(each.metric) for each in COUNTERPARTS[protocol]})
    rounds, pairs = draw(st.integers(1, 3)), draw(st.integers(1, 6))
    measured = [PairFigures(round_, draw(figures)) for round_ in range(rounds) for _ in range(pairs)]
    return Measured("run-1", "some-1:1", protocol, AT, len(measured), measured)


@pytest.fixture(scope="module")
def read_back(tmp_path_factory):
    """Return what writes a document to a file and reads it."""
    folder = tmp_path_factory.mktemp("perfdata")

    def read_back(document):
        file = folder / document.name
        file.write_text(document.text)
        return perfdata.read(file, cluster="lab")

    return read_back


@given(run=runs())
def test_what_is_exported_is_read_back_unchanged(read_back, run):
    """No unit is converted, and JSON holds each number to its last digit, so that nothing is rounded."""
    documents = perfdata.export(run)
    for round_, document in enumerate(documents):
        pairs = [each.figures for each in run.pairs if each.round == round_]
        back = read_back(document)
        assert (back.protocol, back.started_at) == (run.protocol, AT.replace(microsecond=0))
        assert {each.metric for each in back.figures} == set(pairs[0])
        for figure in back.figures:
            values = [pair[figure.metric] for pair in pairs]
            expected = Statistic.parse(figure.statistic).of(values) if figure.statistic else values[0]
            assert figure.value == expected
            assert (figure.statistic is None) == (len(pairs) == 1)
    assert len(documents) == 1 + max(each.round for each in run.pairs)


def tcp(*values, planned=None):
    pairs = [PairFigures(0, {"throughput": value, "transferred": 1.0}) for value in values]
    return Measured("run-1", "tcp-1:1", "TCP", AT, planned or len(pairs), pairs)


def test_a_run_of_one_pair_is_one_value_under_upstreams_name():
    (document,) = perfdata.export(tcp(1234.5))
    assert document.name == "NetworkPerformanceMetrics_1:1_TCP_P2P_tcp-1:1_run-1_2026-01-31T23:59:58Z.json"
    assert json.loads(document.text) == {
        "version": "v1",
        "dataItems": [{"data": {"Value": 1234.5}, "unit": "kbytes/sec", "labels": {"Metric": "Throughput"}}],
    }


def test_a_run_of_many_pairs_is_percentiles_by_nearest_rank():
    (document,) = perfdata.export(tcp(*map(float, range(1, 51))))
    assert document.name.startswith("NetworkPerformanceMetrics_N:M_TCP_P2P_")
    (item,) = json.loads(document.text)["dataItems"]
    assert item["data"] == {"Perc05": 3.0, "Perc50": 25.0, "Perc95": 48.0}


def test_each_round_is_a_file_of_its_own():
    run = replace(
        tcp(1.0, 2.0), pairs=[PairFigures(0, {"throughput": 1.0}), PairFigures(1, {"throughput": 2.0})]
    )
    names = [document.name for document in perfdata.export(run)]
    assert [name.split("_")[5] for name in names] == ["run-1-r0", "run-1-r1"]


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (tcp(1.0, planned=3), "2 of 3 pairs without a result"),
        (tcp(planned=1), "1 of 1 pair without a result"),
        (replace(tcp(1.0), pairs=[PairFigures(0, {"transferred": 1.0})]), "throughput is missing of 1 pair"),
        (replace(tcp(1.0), protocol=Protocol.GRPC.value), "PerfData has no GRPC; it has TCP, UDP, HTTP"),
    ],
)
def test_a_run_that_lacks_something_exports_nothing_and_says_what(run, why):
    with pytest.raises(NotExportableError, match=f"run run-1 is not exported as PerfData: {why}"):
        perfdata.export(run)


def test_upstreams_file_of_one_pair_becomes_a_result_that_tells_its_origin(tmp_path):
    lake = Lake(tmp_path)
    lake.keep_foreign(perfdata.read(DATA / UPSTREAM["tcp"], cluster="theirs"))
    (row,) = lake.results().to_dict("records")
    assert (row["metric"], row["value"], row["unit"]) == ("throughput", 1154049.0, "KBytes/s")
    assert (row["origin"], row["scenario"], row["cluster"]) == ("perfdata", "network_performance", "theirs")
    assert row["started_at"] == pd.Timestamp("2026-03-09T02:14:51Z")
    unsaid = (
        "client_pod",
        "client_node",
        "server_ip",
        "port",
        "error_reason",
        "start_offset_s",
        "clock_offset_s",
    )
    assert all(pd.isna(row[column]) for column in unsaid)
    assert lake.summaries().empty
    assert lake.runs().empty


def test_upstreams_percentiles_become_summaries_and_no_results(tmp_path):
    lake = Lake(tmp_path)
    lake.keep_foreign(perfdata.read(DATA / UPSTREAM["udp"], cluster="theirs"))
    rows = lake.summaries()
    assert lake.results().empty
    assert set(rows["origin"]) == {"perfdata"}
    assert set(rows["source"]) == {UPSTREAM["udp"]}
    assert set(rows["started_at"]) == {pd.Timestamp("2026-03-09T02:21:33Z")}
    figures = {(row["metric"], row["statistic"]): (row["value"], row["unit"]) for _, row in rows.iterrows()}
    assert len(figures) == 12
    assert figures["latency_avg", "Perc05"] == (-0.112, "ms")
    assert figures["packet_rate", "Perc50"] == (53494.0, "packets/s")
    assert figures["packet_loss", "Perc95"] == (0.42, "%")


def test_a_file_of_summaries_carries_its_table_and_schema_version(tmp_path):
    kept = Lake(tmp_path).keep_foreign(perfdata.read(DATA / UPSTREAM["udp"], cluster="theirs"))
    schema = pq.read_schema(kept.paths["summaries"])
    assert schema.equals(FILE_SCHEMAS["summaries"])
    assert schema.metadata == FILE_SCHEMAS["summaries"].metadata


def test_a_file_imported_twice_changes_nothing(tmp_path):
    lake = Lake(tmp_path)
    runs = [perfdata.read(DATA / name, cluster="theirs") for name in UPSTREAM.values()]
    assert all(lake.keep_foreign(run).is_new for run in runs)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    assert not any(lake.keep_foreign(run).is_new for run in runs)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == before
    assert len(before) == 3


def test_equal_figures_of_two_nights_are_two_runs(tmp_path):
    text = (DATA / UPSTREAM["http"]).read_text()
    ids = set()
    for day in ("09", "10"):
        file = tmp_path / UPSTREAM["http"].replace("03-09", f"03-{day}")
        file.write_text(text)
        ids.add(perfdata.read(file, cluster="lab").run_id)
    assert len(ids) == 2


ITEM = '{"data": {"Value": 1}, "unit": "kbytes/sec", "labels": {"Metric": "Throughput"}}'
WHOLE = f'{{"version": "v1", "dataItems": [{ITEM}]}}'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("\xff", "is not JSON"),
        ("[]", "holds no object; allowed: one of version and dataItems"),
        (WHOLE.replace("v1", "v2"), "version: 'v2': allowed: 'v1'"),
        (WHOLE.replace('"version"', '"dataItems": [], "version"'), "the key 'dataItems' is given twice"),
        ('{"version": "v1", "dataItems": null}', "dataItems: "),
        ('{"version": "v1", "dataItems": []}', "dataItems: "),
        (WHOLE.replace("dataItems", "data_items"), "dataItems: is missing"),
        (
            WHOLE.replace('"Value": 1', '"Value": "1"'),
            "dataItems.0.data.Value: '1': should be a valid number",
        ),
        (
            WHOLE.replace('"Value": 1', '"Value": NaN'),
            "dataItems.0.data.Value: nan: should be a finite number",
        ),
        (WHOLE.replace('"Value": 1', '"Value": null'), "dataItems.0.data.Value: should be a valid number"),
        (WHOLE.replace('"Value": 1', '"Value": -1'), "dataItems.0.data.Value: -1: allowed: 0 to "),
        (WHOLE.replace("Value", "Perc50"), "dataItems.0.data: Perc50: allowed for 1:1: Value"),
        (WHOLE.replace("kbytes/sec", "Mbits/s"), "dataItems.0.unit: 'Mbits/s': allowed: 'kbytes/sec'"),
        (
            WHOLE.replace("Throughput", "Jitter"),
            "dataItems.0.labels.Metric: 'Jitter': allowed for TCP, each once: Throughput",
        ),
        (WHOLE.replace(ITEM, f"{ITEM}, {ITEM}"), "dataItems.1.labels.Metric: 'Throughput': allowed for TCP"),
    ],
)
def test_a_bad_file_is_refused_by_field_value_and_what_is_allowed(tmp_path, text, said):
    file = tmp_path / UPSTREAM["tcp"]
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(InvalidInputError) as refused:
        perfdata.read(file, cluster="lab")
    assert str(refused.value).startswith(f"{file}: {said}") or f"{file}: is not JSON: {said}" in str(
        refused.value
    )


@given(
    text=st.text(max_size=200) | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps)
)
def test_nothing_but_a_refusal_comes_of_what_is_no_perfdata(tmp_path_factory, text):
    file = tmp_path_factory.getbasetemp() / UPSTREAM["tcp"]
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InvalidInputError, match=r"is not JSON|holds no object|is missing"):
        perfdata.read(file, cluster="lab")


def test_percentiles_that_fall_are_refused(tmp_path):
    file = tmp_path / UPSTREAM["udp"]
    file.write_text((DATA / file.name).read_text().replace("31208", "60000"))
    with pytest.raises(
        InvalidInputError, match=r"dataItems\.0\.data: 60000, 53494, 53499: allowed: none smaller"
    ):
        perfdata.read(file, cluster="lab")


@pytest.mark.parametrize(
    "name",
    [
        "results.json",
        UPSTREAM["tcp"].replace("1:1", "N:1"),
        UPSTREAM["tcp"].replace("TCP", "SCTP"),
        UPSTREAM["tcp"].replace("51Z", "51"),
        UPSTREAM["tcp"].replace("03-09", "02-30"),
        UPSTREAM["tcp"].replace("2026-03-09T02:14:51Z", "0001-01-01T00:00:00+09:00"),
    ],
)
def test_a_file_of_another_name_is_refused_with_the_form_that_it_needs(tmp_path, name):
    with pytest.raises(InvalidInputError, match=r"allowed: NetworkPerformanceMetrics_<1:1 or N:M>_"):
        perfdata.read(tmp_path / name, cluster="lab")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match="could not be read: No such file or directory"):
        perfdata.read(tmp_path / UPSTREAM["tcp"], cluster="lab")


def record_of(*values, run_id="run-1"):
    def outcome(index, value):
        pods = [WorkerPod(f"w-{2 * index + side}", "uid", "198.18.0.2", f"node-{side}") for side in (0, 1)]
        if value is None:
            return PairOutcome(
                Pair(index, *pods, 5001), error=ReportedError(reason=Reason.POD_LOST, message="it is gone")
            )
        return PairOutcome(Pair(index, *pods, 5001), results=(Result.of("throughput", value),))

    outcomes = tuple(outcome(index, value) for index, value in enumerate(values))
    facts = RunFacts(
        run_id, "lab", "tcp-50:50", "TCP", "iperf", AT, AT, 1, len(outcomes), "{}", "0" * 64, 100.0
    )
    return RunRecord(facts, outcomes, None)


def test_a_run_of_the_lake_exports_what_it_did_when_it_ended(tmp_path, capsys):
    lake, folder = Lake(tmp_path / "lake"), tmp_path / "new" / "folder"
    whole, broken = record_of(3.25, 1.5, 2.0), record_of(3.25, None, run_id="run-2")
    for record in (whole, broken):
        lake.conclude(record, Judgement(Verdict.INVALID, ()))
    export_runs(["run-1", "run-2"], lake.url, folder)
    (expected,) = perfdata.export(Measured.of_record(whole))
    (file,) = folder.iterdir()
    assert (file.name, file.read_text()) == (expected.name, expected.text)
    said = capsys.readouterr().err
    assert "run run-2 is not exported as PerfData: 1 of 2 pairs without a result" in said
