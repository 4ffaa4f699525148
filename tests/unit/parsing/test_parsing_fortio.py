"""fortio's results: every recording held against what was counted beside it, and any other text."""

import contextlib
import functools
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcadence_worker.contract import Mark, Reason
from netcadence_worker.histogram import Histogram
from netcadence_worker.metrics import METRICS
from netcadence_worker.parsing import Measurement, ToolOutput, UnusableOutput, fortio
from netcadence_worker.parsing.fortio import read_fortio

FOLDER = Path(__file__).parents[2] / "data" / "tool-output" / "fortio-1.66.3"

REFUSED = {
    Reason.CONNECTION_REFUSED: [
        "grpc-refused",
        "grpc-refused-allowed",
        "h2-refused",
        "h2-refused-allowed",
        "http-refused",
        "http-refused-allowed",
    ],
    Reason.CONNECT_TIMEOUT: ["grpc-no-route", "http-blackhole", "http-no-route"],
    Reason.TOOL_TIMEOUT: ["grpc-silent", "h2-silent", "http-silent", "http-silent-allowed"],
    Reason.TOOL_FAILED: [
        "bad-host",
        "grpc-from-http",
        "http-all-404-allowed",
        "http-all-503",
        "http-all-503-allowed",
        "http-from-grpc",
        "http-interrupted",
        "http-n",  # by count, and over before its time
        "http-terminated",
        "unknown-command",
        "unknown-flag",
    ],
    Reason.PARSE_FAILED: ["http-few-calls"],  # fortio took fewer connections than it was asked for
}
REASONS = {name: reason for reason, group in REFUSED.items() for name in group}
NAMES = sorted(path.name.removesuffix(".client.json") for path in FOLDER.glob("*.json"))
USABLE = [name for name in NAMES if name not in REASONS]


@functools.cache
def document(name):
    return json.loads((FOLDER / f"{name}.client.json").read_text())


def option(argv, flag, default):
    return argv[argv.index(flag) + 1] if flag in argv else default


def asked(argv):
    qps = option(argv, "-qps", "8")
    return {
        "duration_s": float(option(argv, "-t", "2s")[:-1]),
        "qps": None if qps == "0" else float(qps),
        "connections": int(option(argv, "-c", "4")) * int(option(argv, "-s", "1")),
        "resolution_s": float(option(argv, "-r", "0.001")),
    }


def read(name, **changes) -> Measurement:
    recorded = document(name)
    argv = recorded["argv"]
    output = ToolOutput(tuple(argv), recorded["stdout"], recorded["stderr"], recorded["exit_code"])
    return read_fortio(output, **(asked(argv) | changes))


def figures(name, **changes):
    return {result.metric: result.value for result in read(name, **changes).results}


def test_the_table_of_refusals_names_recordings_and_none_twice():
    """A stale entry of the table would test nothing."""
    named = [name for group in REFUSED.values() for name in group]
    assert len(named) == len(set(named))
    assert set(named) <= set(NAMES)


@pytest.mark.parametrize("name", sorted(REASONS))
def test_an_unusable_run_is_refused_with_its_reason(name):
    """A run that measured nothing true yields a reason, and a message that ends with fortio's own words."""
    with pytest.raises(UnusableOutput) as refused:
        read(name)
    assert refused.value.reason is REASONS[name]
    assert len(refused.value.message) <= 4096
    assert refused.value.message.endswith(document(name)["stderr"].strip()[-20:])


@pytest.mark.parametrize("name", USABLE)
def test_requests_agree_with_the_log_of_each_of_them(name):
    """fortio's own log of single requests, which its result does not use, counts the same."""
    truth, values = document(name)["truth"]["requests"], figures(name)
    assert values["requests"] == truth["all"]
    assert values["requests"] - values["failed_requests"] == truth["ok"]
    assert values["request_errors"] == pytest.approx(100 * (1 - truth["ok"] / truth["all"]))


@pytest.mark.parametrize("name", [name for name in USABLE if re.match(r"http-(?!payload|tenth)", name)])
def test_requests_agree_with_the_packets_that_reached_the_server(name):
    """A request is a packet; each connection has one more, which warms it up and counts as nothing."""
    truth, values = document(name)["truth"], figures(name)
    reached = truth["packets_with_push_that_reached_the_server"]
    warm = int(option(document(name)["argv"], "-c", "4"))
    # A request that was under way when its server was killed had reached it.
    broken = warm if "killed" in name else 0
    assert 0 <= reached - warm - (values["requests"] - values["failed_requests"]) <= broken


@pytest.mark.parametrize("name", USABLE)
def test_latencies_are_those_of_the_requests_that_succeeded(name):
    """Percentiles are within the bucket of the logged request at that rank; ends and mean are its own."""
    truth, values = document(name)["truth"]["latency_of_ok_s"], figures(name)
    histogram = read(name).histogram
    assert histogram is not None
    assert histogram.count == document(name)["truth"]["requests"]["ok"]
    for rank, metric in (("p50", "p50"), ("p90", "p90"), ("p99", "p99"), ("p99.9", "p999")):
        logged_ns = truth[rank] * 1e9
        bucket = next(each for each in histogram.buckets if logged_ns <= each.up_to_ns + 1_000)
        found_ns = values[f"request_latency_{metric}"] * 1e6
        # The log has whole microseconds.
        assert bucket.over_ns - 1_000 <= found_ns <= bucket.up_to_ns + 1_000
    mean_ms = truth["sum"] * 1000 / histogram.count
    assert values["request_latency_avg"] == pytest.approx(mean_ms, rel=0.001, abs=0.001)
    if not values["failed_requests"]:
        assert values["request_latency_min"] == pytest.approx(truth["min"] * 1000, abs=0.001)
        assert values["request_latency_max"] == pytest.approx(truth["max"] * 1000, abs=0.001)
    assert values["request_latency_min"] <= truth["min"] * 1000 + 0.001
    assert values["request_latency_max"] >= truth["max"] * 1000 - 0.001


@pytest.mark.parametrize("name", [name for name in USABLE if not figures(name)["failed_requests"]])
def test_percentiles_are_what_fortio_makes_of_the_same_buckets(name):
    """Both are as far into a bucket, but for the first, where fortio gives the least a place of its own."""
    printed = json.loads(document(name)["stdout"])["DurationHistogram"]["Percentiles"]
    said = {each["Percentile"]: each["Value"] * 1000 for each in printed}
    values, histogram = figures(name), read(name).histogram
    first_ms = histogram.buckets[0].up_to_ns / 1e6
    for percent, metric in ((50, "p50"), (90, "p90"), (99, "p99"), (99.9, "p999")):
        if said[percent] > first_ms:
            assert values[f"request_latency_{metric}"] == pytest.approx(said[percent], rel=1e-6)


@pytest.mark.parametrize("name", USABLE)
def test_every_figure_is_sane_and_named_once(name):
    """What is passed on can be true; siege's positions stay empty, for they mean something else."""
    measured = read(name)
    assert len({result.metric for result in measured.results}) == len(measured.results)
    for result in measured.results:
        assert METRICS[result.metric].is_sane(result.value)
        assert METRICS[result.metric].unit == result.unit
    assert measured.metrics == ()


@pytest.mark.parametrize("name", USABLE)
def test_a_rate_that_was_not_kept_is_marked(name):
    """Two connections to a server that takes 20 ms make no 1000 requests a second."""
    assert read(name).marks == ((Mark.RATE_MISSED,) if "too-slow" in name else ())


@pytest.mark.parametrize("name", [name for name in USABLE if "payload" in name and "grpc" not in name])
def test_the_size_of_a_response_is_that_of_its_body(name):
    """The server sends back what it got; headers are left out."""
    assert figures(name)["response_size"] == document(name)["stdin_bytes"]


def test_fortio_serves_the_rate_that_was_asked_for():
    """100 requests a second on one connection, for two seconds."""
    values = figures("http-one-connection")
    assert values["request_rate"] == pytest.approx(100, rel=0.01)
    assert values["request_rate_asked"] == 100
    assert "request_rate_asked" not in figures("http-max")


def test_pairs_of_one_resolution_can_be_merged():
    """The buckets of different runs are the same ones, also the first and the last of each."""
    parts = [read(name).histogram for name in USABLE if asked(document(name)["argv"])["resolution_s"] == 1e-4]
    merged = Histogram.merged(part for part in parts if part)
    assert len(parts) > 20
    assert merged.count == sum(part.count for part in parts if part)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"qps": 401.0}, "400 requests/s were asked for instead of 401"),
        ({"qps": None}, "400 requests/s were asked for instead of max"),
        ({"connections": 5}, "4 connections instead of 5"),
        ({"resolution_s": 0.00017}, "none of fortio's"),
        ({"duration_s": 3.0}, r"ran for 2\.\d+ s instead of 3 s"),
    ],
)
def test_a_result_of_another_load_is_refused(changes, said):
    """What was asked for is what has to have been done."""
    with pytest.raises(UnusableOutput, match=said):
        read("http-qps", **changes)


def changed(name, change):
    recorded = document(name)
    result = json.loads(recorded["stdout"])
    change(result)
    output = ToolOutput(tuple(recorded["argv"]), json.dumps(result), recorded["stderr"], 0)
    return read_fortio(output, **asked(recorded["argv"]))


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it["DurationHistogram"].update(Count=801),
        lambda it: it["DurationHistogram"]["Data"][2].update(Count=999),
        lambda it: it["DurationHistogram"].update(Sum=99.0),
        lambda it: it["DurationHistogram"].update(Max=0.0001),
        lambda it: it["DurationHistogram"]["Data"].reverse(),
        lambda it: it["DurationHistogram"].update(Data=None),
        lambda it: it["RetCodes"].update({"200": 799}),
        lambda it: it["RetCodes"].update({"200": 790, "503": 10}),
        lambda it: it.update(ActualQPS=500.0),
        lambda it: it.update(ActualDuration=1_000_000_000),
        lambda it: it.update(NumThreads=3),
        lambda it: it.update(RequestedQPS="399"),
        lambda it: it.pop("DurationHistogram"),
        lambda it: it.update(RetCodes={"200": "800"}),
        lambda it: it.update(ActualQPS=float("nan")),
    ],
)
def test_a_result_that_contradicts_itself_is_refused(change):
    """Counts, codes, rate, time and buckets have to agree."""
    with pytest.raises(UnusableOutput) as refused:
        changed("http-qps", change)
    assert refused.value.reason is Reason.PARSE_FAILED


@pytest.mark.parametrize(
    ("text", "found"), [("1.66.3\n", "1.66.3"), ("1.69.5", "1.69.5"), ("1.70.0-pre1\n", "1.70.0-pre1")]
)
def test_the_version_is_the_line_that_it_prints(text, found):
    """`fortio version` prints nothing else."""
    assert fortio.version(text) == found


def test_what_is_no_version_is_refused():
    """Another program of that name."""
    with pytest.raises(ValueError, match="no version of fortio"):
        fortio.version("usage: fortio")


@given(st.text(), st.text(), st.sampled_from([0, 1, 2, -9, None]))
def test_any_text_is_read_or_refused(stdout, stderr, exit_code):
    """No other exception leaves the reader."""
    with pytest.raises(UnusableOutput) as refused:
        read_fortio(
            ToolOutput(("fortio",), stdout, stderr, exit_code),
            duration_s=2,
            qps=400,
            connections=4,
            resolution_s=1e-4,
        )
    assert 0 < len(refused.value.message) <= 4096


@st.composite
def damaged(draw):
    """A real result in which one value is another one."""
    result = json.loads(document("http-tenth-503")["stdout"])
    part = result
    while isinstance(part, dict | list) and part:
        keys = sorted(part) if isinstance(part, dict) else range(len(part))
        key = draw(st.sampled_from(keys))
        if not isinstance(part[key], dict | list) or draw(st.booleans()):
            part[key] = draw(
                st.none()
                | st.booleans()
                | st.integers(-(10**18), 10**18)
                | st.floats()
                | st.text(max_size=5)
                | st.lists(st.integers(), max_size=3)
            )
            break
        part = part[key]
    return json.dumps(result)


@given(damaged())
def test_a_damaged_result_yields_sane_figures_or_a_reason(text):
    """Whatever single value is wrong, nothing impossible is passed on."""
    argv, results = document("http-tenth-503")["argv"], ()
    with contextlib.suppress(UnusableOutput):
        results = read_fortio(ToolOutput(tuple(argv), text, "", 0), **asked(argv)).results
    assert all(METRICS[result.metric].is_sane(result.value) for result in results)
