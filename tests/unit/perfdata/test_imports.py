"""Files of others become figures in the catalogue's units, or are refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows import perfdata_commands
from netcadence import imports
from netcadence.errors import InvalidInputError
from netcadence.lake import Lake

DATA = Path(__file__).parents[2] / "data"
RECORDED = DATA / "tool-output"
AT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.fixture
def printed(tmp_path):
    """Put what a tool printed in a recording into a file of its own."""

    def printed(recording, **changes):
        content = json.loads(json.loads((RECORDED / recording).read_text())["stdout"])
        path = tmp_path / "printed.json"
        path.write_text(json.dumps(content | changes))
        return path

    return printed


def figures(run):
    return {figure.metric: figure.value for figure in run.figures}


@pytest.mark.parametrize("version", ["3.12", "3.21"])
def test_what_iperf3_printed_is_read_in_kbytes(printed, version):
    (run,) = imports.read(printed(f"iperf3-{version}/tcp-P4.client.json"), cluster="lab")
    truth = json.loads(printed(f"iperf3-{version}/tcp-P4.client.json").read_text())["end"]["sum_received"]
    assert (run.scenario, run.protocol, run.origin) == ("iperf3 TCP 4 streams", "TCP", "iperf3")
    assert figures(run)["throughput"] == pytest.approx(truth["bits_per_second"] / 8 / 1024, rel=1e-3)
    assert {"transferred", "tcp_retransmits"} < figures(run).keys()
    (udp,) = imports.read(printed(f"iperf3-{version}/udp-loss1.client.json"), cluster="lab")
    assert 0 < figures(udp)["packet_loss"] < 3
    assert figures(udp)["jitter"] >= 0


def test_what_fortio_printed_is_read_in_ms(printed):
    path = printed("fortio-1.66.3/http-qps.client.json")
    (run,) = imports.read(path, cluster="lab")
    content = json.loads(path.read_text())
    assert run.scenario == "fortio HTTP 400 qps 4 connections"
    assert f"{run.started_at:%Y-%m-%dT%H:%M:%S}" == content["StartTime"][:19]
    assert figures(run)["request_rate"] == content["ActualQPS"]
    assert figures(run)["request_latency_avg"] == pytest.approx(content["DurationHistogram"]["Avg"] * 1000)
    assert figures(run)["requests"] == 800
    (grpc,) = imports.read(printed("fortio-1.66.3/grpc-qps.client.json"), cluster="lab")
    assert grpc.protocol == "GRPC"


def test_latencies_are_left_out_where_requests_failed(printed):
    (run,) = imports.read(printed("fortio-1.66.3/http-tenth-503.client.json"), cluster="lab")
    assert figures(run)["request_errors"] == pytest.approx(10, abs=5)
    assert not any(metric.startswith("request_latency") for metric in figures(run))


def test_k8s_netperf_is_a_run_a_test_and_its_zeros_are_no_figures():
    stream, datagrams, trips = imports.read(DATA / "imports" / "k8s-netperf.json", cluster="lab")
    assert figures(stream) == {"throughput": 2702.23e6 / 8 / 1024, "tcp_retransmits": 54.666667}
    assert figures(datagrams) == {"throughput": 1202.5e6 / 8 / 1024, "packet_loss": 0.25}
    assert figures(trips) == {"request_rate": 17101.8, "request_latency_p99": 0.12}
    assert [run.path for run in (stream, datagrams, trips)] == ["pod-ip", "host-network", "cluster-ip"]
    assert datagrams.scenario == "netperf UDP_STREAM 8192 B 2 streams same node over layer3"
    assert trips.scenario == "netperf TCP_RR 1024 B burst 2"
    assert (trips.client_node, trips.server_node) == ("worker-1", "worker-2")
    assert stream.started_at == AT.replace(microsecond=123456)
    assert len({run.run_id for run in (stream, datagrams, trips)}) == 3


def test_k8s_netperfs_table_has_its_time_in_its_name():
    stream, connects = imports.read(DATA / "imports" / "result-1770091506.csv", cluster="lab")
    assert figures(stream)["throughput"] == pytest.approx(329_862, rel=1e-4)
    assert figures(connects) == pytest.approx({"request_rate": 2223.696667, "request_latency_p99": 4.6826})
    assert stream.started_at == datetime.fromtimestamp(1770091506, UTC)


def test_later_tables_tell_more_of_a_test():
    trips, stream = imports.read(DATA / "imports" / "result-1790091506.csv", cluster="lab")
    assert trips.scenario == "netperf TCP_RR 1024 B burst 2 virtual machines over localnet/blue"
    assert (trips.path, stream.path) == ("external", "pod-ip")
    assert figures(stream) == {"throughput": pytest.approx(50_079, rel=1e-4)}


def test_knb_is_read_in_spite_of_its_commas(tmp_path):
    written = (DATA / "imports" / "knb.json").read_text()
    file = tmp_path / "knb.json"
    file.write_text(written.replace("\n    }\n  }\n}", "\n    },\n  }\n}"))
    assert file.read_text() != written
    runs = imports.read(file, cluster="lab")
    assert [(run.scenario, run.path, figures(run)["throughput"]) for run in runs] == [
        ("knb pod2pod tcp", "pod-ip", 1_000_000.0),
        ("knb pod2pod udp", "pod-ip", 500_000.0),
        ("knb pod2svc tcp", "cluster-ip", 250_000.0),
    ]
    assert (runs[0].client_node, runs[0].server_node, runs[0].started_at) == ("worker-1", "worker-2", AT)


@pytest.mark.parametrize(
    ("recording", "said"),
    [
        ("iperf3-3.21/tcp-P4.server.json", "is of a server"),
        ("iperf3-3.12/refused.client.json", r"error: .*allowed: a test that succeeded"),
        ("iperf3-3.21/tcp-bidir.client.json", "allowed: 0, a test of one way"),
    ],
)
def test_a_test_that_measured_nothing_of_use_is_refused(printed, recording, said):
    with pytest.raises(InvalidInputError, match=said):
        imports.read(printed(recording), cluster="lab")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "{}", "holds no result that is known; allowed: ClusterLoader2's PerfData"),
        ("a.json", "[1, 2]", "holds no result that is known"),
        ("a.json", "{", "is not JSON"),
        ("a.json", '{"start": 3, "intervals": [], "end": {}}', "start"),
        ("result.csv", "Driver,Profile,Avg Throughput\n", "allowed: result-<seconds since 1970>.csv"),
        ("result-1770091506.csv", "Driver,Profile,Avg Throughput\n", "is missing"),
        (
            "knb.json",
            '{"metadata": {"generator": "knb", "date": "soon"}, "data": {}}',
            "metadata.date: 'soon'",
        ),
    ],
)
def test_what_is_none_of_these_is_refused_with_file_and_what_is_allowed(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(InvalidInputError, match=said) as caught:
        imports.read(tmp_path / name, cluster="lab")
    assert name in str(caught.value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["start", "end", "intervals", "metadata", "generator", "data", "RunType", "test_start"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(content=_JSON)
def test_whatever_a_file_holds_it_is_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "anything.json"
    path.write_text(json.dumps(content))
    with pytest.raises(InvalidInputError):
        imports.read(path, cluster="lab")


def test_imported_figures_say_where_they_are_from_and_are_kept_once(tmp_path, capsys):
    files = [DATA / "imports" / "k8s-netperf.json", DATA / "imports" / "knb.json"]
    for said in ("imported 6 figures of 3 tests", "there already"):
        perfdata_commands.import_files(files, cluster="lab", lake=str(tmp_path))
        assert f"k8s-netperf.json (k8s-netperf): {said}" in capsys.readouterr().out
        Lake(tmp_path).compact()
    lake = Lake(tmp_path)
    assert len(lake.results()) == 9
    assert set(lake.results()["origin"]) == {"k8s-netperf", "knb"}
    assert lake.runs().empty
