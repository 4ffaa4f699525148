"""iperf3's JSON: read where it holds what was asked for and agrees with itself, else refused."""

import contextlib
import functools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcadence.figures import yielded
from netcadence.scenario import Scenario
from netcadence_worker.contract import Protocol, Reason
from netcadence_worker.metrics import METRICS, POSITIONS
from netcadence_worker.parsing import ToolOutput, UnusableOutput, iperf3
from netcadence_worker.parsing.iperf3 import check_iperf3_server, read_iperf3

ROOT = Path(__file__).parents[2] / "data" / "tool-output"
#: Header of IPv4, or IPv6, and of TCP with timestamps.
TCP_HEADERS = {4: 52, 6: 72}

#: Recorded as the worker asks: the server's document stands in the client's.
PAIRS = sorted(path.name.removesuffix(".client.json") for path in ROOT.glob("iperf3-3.12/pair-*.client.json"))
#: Recorded without that; the server's document is put where iperf3 puts it.
JOINED = [
    f"iperf3-{version}/{scenario}"
    for version, scenarios in {
        "3.12": ("tcp-P4", "tcp-tbf100", "udp-loss1", "udp-overrate"),
        "3.16": ("tcp-P4", "tcp-tbf100", "udp-loss1", "udp-overrate"),
        "3.21": ("tcp-P4", "tcp-tbf100", "tcp-v6", "udp-P4", "udp-loss1", "udp-overrate"),
    }.items()
    for scenario in scenarios
]
GOOD = [f"iperf3-3.12/{name}" for name in PAIRS] + JOINED

CLIENT_REFUSED = {
    "iperf3-{}/refused": Reason.CONNECTION_REFUSED,
    "iperf3-{}/udp-blackhole": Reason.CONNECT_TIMEOUT,
    "iperf3-{}/client-int": Reason.TOOL_FAILED,
    "iperf3-{}/server-killed": Reason.TOOL_FAILED,
    "iperf3-{}/server-term": Reason.TOOL_FAILED,
}
SERVER_REFUSED = {
    "iperf3-{}/udp-blackhole": Reason.CONNECT_TIMEOUT,
    "iperf3-{}/idle-timeout": Reason.PARSE_FAILED,
    "iperf3-{}/client-int": Reason.TOOL_FAILED,
    "iperf3-{}/server-killed": Reason.TOOL_FAILED,
    "iperf3-{}/server-term": Reason.TOOL_FAILED,
}
VERSIONS = ("3.12", "3.16", "3.21")


@functools.cache
def recorded(name: str, role: str = "client") -> dict[str, Any]:
    return json.loads((ROOT / f"{name}.{role}.json").read_text())


def output_of(name, role="client"):
    run = recorded(name, role)
    return ToolOutput(tuple(run["argv"]), run["stdout"], run["stderr"], run["exit_code"])


@functools.cache
def content(name: str) -> str:
    """Return the client's document, with the server's within it."""
    document = json.loads(recorded(name)["stdout"])
    if name in JOINED:
        document["server_output_json"] = json.loads(recorded(name, "server")["stdout"])
    return json.dumps(document)


def asked(name):
    argv = recorded(name)["argv"]

    def option(flag, default):
        return argv[argv.index(flag) + 1] if flag in argv else default

    protocol = Protocol.UDP if "-u" in argv else Protocol.TCP
    return {"protocol": protocol, "duration_s": int(option("-t", 10)), "streams": int(option("-P", 1))}


def read(name, change=None, **more):
    document = json.loads(content(name))
    if change is not None:
        change(document)
    return read_iperf3(ToolOutput(("iperf3",), json.dumps(document), "", 0), **asked(name) | more)


def figures(measured):
    return {result.metric: result.value for result in measured.results}


@pytest.mark.parametrize("name", GOOD)
def test_every_good_run_is_read_and_its_figures_are_sane(name):
    """All versions, both protocols, one stream and several."""
    measured = read(name)
    protocol = asked(name)["protocol"]
    assert figures(measured).keys() >= set(POSITIONS[protocol][: len(measured.metrics)])
    assert len(measured.metrics) == {Protocol.TCP: 2, Protocol.UDP: 6}[protocol]
    for interval in measured.intervals:
        assert interval.end - interval.start > 0.1
        assert all(METRICS[metric].is_sane(value) for metric, value in interval.values.items())


@pytest.mark.parametrize("name", [f"iperf3-3.12/{name}" for name in PAIRS])
def test_a_scenario_yields_what_is_read_and_nothing_else(name):
    protocol = asked(name)["protocol"]
    mine = Scenario.model_validate(
        {"name": "mine", "title": "Mine", "protocol": protocol, "tool": "iperf3"}
        | {"options": {"iperf3": {"bandwidth": 1_000_000}}}
    )
    assert figures(read(name)).keys() == set(yielded(mine))


@pytest.mark.parametrize("name", [f"iperf3-3.12/{name}" for name in PAIRS if "tcp" in name])
def test_tcp_bytes_agree_with_the_counters(name):
    """What was received is what the server's stack saw, but for the last that was cut off."""
    run = recorded(name)
    counters, headers = run["truth"]["counters"], TCP_HEADERS[run["network"]["family"]]
    payload = counters["server_nft_tcp_data_bytes"] - headers * counters["server_nft_tcp_data_packets"]
    values = figures(read(name))
    assert values["transferred"] * 1024 == pytest.approx(payload, rel=0.03)
    rate = 2_442 if "options" in name else 11_670
    assert 0.94 * rate <= values["throughput"] <= 1.005 * rate


@pytest.mark.parametrize("name", [f"iperf3-3.12/{name}" for name in PAIRS if "udp" in name])
def test_udp_counts_agree_with_the_stacks(name):
    """Each stream has one datagram of control each way, which no figure counts."""
    truth, values = recorded(name)["truth"], figures(read(name))
    streams = asked(name)["streams"]
    assert values["total_packets"] == truth["udp_datagrams_sent_by_client_stack"] - streams
    lost = truth["udp_datagrams_sent_by_client_stack"] - truth["udp_datagrams_reached_server_stack"]
    assert values["lost_packets"] == lost > 0


@pytest.mark.parametrize("name", [name for name in GOOD if "/udp-overrate" in name and "3.12" not in name])
def test_loss_of_a_link_that_is_too_slow_is_told(name):
    """Four fifths of 50 Mbit/s do not fit into 10 Mbit/s."""
    assert figures(read(name))["packet_loss"] == pytest.approx(79.6, abs=0.5)


@pytest.mark.parametrize("name", [name for name in GOOD if "tcp" in name])
def test_a_connection_is_seen_as_its_sender_sees_it(name):
    """Retransmits, the kernel's round trip, and the congestion window, as a whole and in each interval."""
    measured = read(name)
    values = figures(measured)
    assert values["tcp_rtt_min"] <= values["tcp_rtt_avg"] <= values["tcp_rtt_max"]
    seen = [each.values for each in measured.intervals]
    assert sum(each["tcp_retransmits"] for each in seen) == pytest.approx(values["tcp_retransmits"], abs=3)
    mean = sum(each["congestion_window"] for each in seen) / len(seen)
    assert mean == pytest.approx(values["congestion_window"], rel=0.01)


@pytest.mark.parametrize("name", GOOD)
def test_intervals_add_up_to_the_whole(name):
    """Nothing that arrived is left out, and a last short one is part of the one before."""
    run = asked(name)
    measured = read(name)
    assert len(measured.intervals) - run["duration_s"] in (0, 1)
    parts = sum(interval.values["transferred"] for interval in measured.intervals)
    assert parts == pytest.approx(figures(measured)["transferred"], rel=0.01)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", CLIENT_REFUSED)
def test_a_client_that_failed_is_refused_with_its_reason(name, version):
    """Whatever its exit code says, and also where the document is complete beside its error."""
    with pytest.raises(UnusableOutput) as refused:
        read_iperf3(output_of(name.format(version)), protocol=Protocol.TCP, duration_s=3)
    assert refused.value.reason is CLIENT_REFUSED[name]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", SERVER_REFUSED)
def test_a_server_that_failed_is_refused_with_its_reason(name, version):
    """One that was killed has printed nothing."""
    with pytest.raises(UnusableOutput) as refused:
        check_iperf3_server(output_of(name.format(version), "server"))
    assert refused.value.reason is SERVER_REFUSED[name]


@pytest.mark.parametrize("name", GOOD)
def test_a_server_that_did_its_job_passes(name):
    """Its figures are read from the client's document."""
    check_iperf3_server(output_of(name, "server"))


def test_an_option_that_it_does_not_know_is_named():
    """It prints no document then."""
    with pytest.raises(UnusableOutput, match="does not know the option 'no-such-option'") as refused:
        read_iperf3(output_of("iperf3-3.12/unknown-option"), protocol=Protocol.TCP, duration_s=3)
    assert refused.value.reason is Reason.TOOL_FAILED


def at(*path):
    """Return a function that sets a place of a document."""
    *folders, last = path

    def change(value):
        def put(document):
            for folder in folders:
                document = document[folder]
            document[last] = value(document[last]) if callable(value) else value

        return put

    return change


RECEIVED, SENT = ("end", "sum_received"), ("end", "sum_sent")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (at("start", "test_start", "protocol")("UDP"), "protocol UDP instead of TCP"),
        (at("start", "test_start", "duration")(9), "duration 9 instead of 3"),
        (at("start", "test_start", "reverse")(1), "start.test_start.reverse"),
        (at("end", "streams")(lambda streams: streams * 2), "streams in the end 2 instead of 1"),
        (at(*RECEIVED, "seconds")(1.0), "received for 1 s instead of 3 s"),
        (at(*RECEIVED, "seconds")(33.0), "received for 33 s instead of 3 s"),
        (at(*RECEIVED, "bits_per_second")(lambda rate: 1.1 * rate), "bytes received contradict each other"),
        (at(*SENT, "bytes")(lambda sent: 2 * sent), "bytes sent contradict each other"),
        (at("server_output_json", "end", "sum_received", "bytes")(10), "the server counted 10"),
        (at("server_output_json", "intervals", 0, "sum", "bytes")(0), "the intervals have"),
        (at("end", "streams", 0, "sender", "min_rtt")(10**9), "round trip contradict each other"),
        (lambda document: document.pop("server_output_json"), "server_output_json: Field required"),
        (lambda document: document["end"].clear(), "end.streams: Field required"),
        (at(*RECEIVED, "bytes")(-1), "end.sum_received.bytes"),
    ],
)
def test_a_document_that_contradicts_itself_or_what_was_asked_for_is_refused(change, message):
    """A number is held against every other number that has to agree with it."""
    with pytest.raises(UnusableOutput) as refused:
        read("iperf3-3.12/pair-tcp", change)
    assert refused.value.reason is Reason.PARSE_FAILED
    assert message in refused.value.message


def test_more_than_was_sent_is_not_received():
    """Half as much was sent, at half the rate, as is said to have arrived."""

    def change(document):
        for key in ("bytes", "bits_per_second"):
            document["end"]["sum_sent"][key] //= 2

    with pytest.raises(UnusableOutput, match="bytes were received of"):
        read("iperf3-3.12/pair-tcp", change)


def test_datagrams_after_the_last_that_arrived_are_lost_and_not_forgotten():
    """iperf3 counts a gap when the next datagram comes; a path that goes dark has no next one."""

    def change(document):
        document["end"]["sum_sent"]["packets"] += 3_000

    before, after = figures(read("iperf3-3.12/pair-udp")), figures(read("iperf3-3.12/pair-udp", change))
    assert after["lost_packets"] == before["lost_packets"] + 3_000
    assert after["total_packets"] == before["total_packets"] + 3_000


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        ((*RECEIVED, "lost_packets"), -3, "-3 lost"),
        ((*RECEIVED, "packets"), 10**6, "datagrams sent 1000000 were seen"),
        ((*RECEIVED, "lost_packets"), 500, "bytes are not"),
    ],
)
def test_counts_of_datagrams_that_contradict_each_other_are_refused(place, value, message):
    """Sent, seen, lost and bytes have to agree."""
    with pytest.raises(UnusableOutput, match=message):
        read("iperf3-3.12/pair-udp", at(*place)(value))


def places(node, path=()):
    yield path
    if isinstance(node, dict):
        for key, value in node.items():
            yield from places(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from places(value, (*path, index))


@given(data=st.data())
def test_whatever_is_in_a_document_it_is_read_or_refused(data):
    """No other exception leaves the reader, and no figure that cannot be true."""
    name = data.draw(st.sampled_from(["iperf3-3.12/pair-tcp", "iperf3-3.12/pair-udp-P4"]))
    document = json.loads(content(name))
    path = data.draw(st.sampled_from([path for path in places(document) if path]))
    strange = st.sampled_from([None, -1, 0, 10**30, 1e308, float("nan"), float("inf"), "", "1", [], {}, True])
    at(*path)(data.draw(strange | st.floats() | st.integers()))(document)
    results = ()
    with contextlib.suppress(UnusableOutput):
        results = read_iperf3(ToolOutput(("iperf3",), json.dumps(document), "", 0), **asked(name)).results
    assert all(METRICS[result.metric].is_sane(result.value) for result in results)


@given(stdout=st.text() | st.sampled_from(["[" * 100_000, "9" * 10_000, "{}", "null", '{"error": 5}']))
def test_any_text_is_refused(stdout):
    """What is no document has no figures."""
    with pytest.raises(UnusableOutput):
        read_iperf3(ToolOutput(("iperf3",), stdout, "", 0), protocol=Protocol.TCP, duration_s=3)


def test_it_tells_its_version():
    """Also with what it is built with."""
    assert iperf3.version("iperf 3.12 (cJSON 1.7.15)\nLinux bench 6.18.0\n") == "3.12"
    assert iperf3.version("iperf 3.21\n") == "3.21"
    with pytest.raises(ValueError, match="no version of iperf3"):
        iperf3.version("iperf version 2.1.8 (12 August 2022) pthreads\n")
