"""Every recording of a real run is read, and held against what was counted beside it."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from netcadence_worker.contract import Mark, Reason
from netcadence_worker.metrics import METRICS, POSITIONS
from netcadence_worker.parsing import Measurement, ToolOutput, UnusableOutput
from netcadence_worker.parsing.iperf2 import check_client, read_tcp_server, read_udp_server
from netcadence_worker.parsing.siege import read_siege

ROOT = Path(__file__).parents[2] / "data" / "tool-output"
#: Header of IPv4 and of TCP with timestamps, in every segment that the firewall's counters saw.
TCP_HEADERS = 52


def names(pattern: str) -> list[str]:
    return sorted(str(path.relative_to(ROOT))[: -len(".json")] for path in ROOT.glob(f"{pattern}.json"))


SERVERS = names("iperf-*/*.server*")
CLIENTS = names("iperf-*/*.client*")
SIEGES = names("siege-*/*")
#: Read in tests of their own.
FORTIOS = names("fortio-*/*")
IPERF3S = names("iperf3-*/*")

REFUSED = {
    Reason.CONNECTION_REFUSED: [
        "iperf-2.0.9/tcp-P4-serverP1.client",
        "iperf-2.0.9/tcp-refused.client",
        "iperf-2.0.9/udp-csv-P4.client",  # its server crashed
        "iperf-2.0.9/udp-refused.client",
        "iperf-2.1.8/tcp-refused.client",
        "iperf-2.1.8/udp-refused.client",
        "iperf-2.2.1/tcp-refused.client",
        "iperf-2.2.1/udp-refused.client",
        "siege-3.1.4/refused-bench-text.client",
        "siege-3.1.4/refused-text.client",
        "siege-3.1.4/refused.client",
        "siege-4.0.7/refused-bench-text.client",
        "siege-4.0.7/refused-text.client",
        "siege-4.0.7/refused.client",
        "siege-4.0.7/server-killed-text.client",
        "siege-4.1.7/refused-bench-text.client",
        "siege-4.1.7/refused-text.client",
        "siege-4.1.7/refused.client",
        "siege-4.1.7/server-killed-text.client",
    ],
    Reason.CONNECT_TIMEOUT: [
        "iperf-2.0.9/udp-blackhole.server",
        "iperf-2.1.8/udp-blackhole.server",
        "iperf-2.2.1/udp-blackhole.server",
    ],
    Reason.TOOL_TIMEOUT: [
        "siege-3.1.4/hang-text.client",
        "siege-4.0.7/hang-text.client",
        "siege-4.1.7/hang-text.client",
    ],
    Reason.TOOL_FAILED: [
        "iperf-2.0.9/bad-host.client",
        "iperf-2.0.9/tcp-server-killed.client",
        "iperf-2.0.9/tcp-server-killed.server",
        "iperf-2.0.9/udp-client-killed.client",
        "iperf-2.0.9/udp-client-killed.server",  # only SIGKILL ended it
        "iperf-2.0.9/udp-csv-P4.server",  # aborted
        "iperf-2.0.9/unknown-option-served.client",
        "iperf-2.1.8/bad-host.client",
        "iperf-2.1.8/tcp-server-killed.client",
        "iperf-2.1.8/tcp-server-killed.server",
        "iperf-2.1.8/udp-client-killed.client",
        "iperf-2.2.1/bad-host.client",
        "iperf-2.2.1/tcp-server-killed.client",
        "iperf-2.2.1/tcp-server-killed.server",
        "iperf-2.2.1/udp-client-killed.client",
        "siege-3.1.4/all-404-text.client",
        "siege-3.1.4/no-url.client",
        "siege-3.1.4/third-500-text.client",  # siege gave up after 1024 answers of 500
        "siege-3.1.4/v6.client",
        "siege-3.1.4/verbose.client",  # a run by count, with failures: to a timed run it was broken off
        "siege-4.0.7/all-404-text.client",
        "siege-4.0.7/no-url.client",
        "siege-4.0.7/verbose.client",
        "siege-4.1.7/all-404-text.client",
        "siege-4.1.7/no-url.client",
        "siege-4.1.7/verbose.client",
    ],
    Reason.PARSE_FAILED: [
        "iperf-2.0.9/tcp-P4-serverP1.server",  # 27 s without a byte
        "iperf-2.0.9/udp-csv.client",  # CSV is never asked for
        "iperf-2.0.9/udp-csv.server",
        "iperf-2.1.8/udp-P4-sum-only.client",  # sums alone cannot be checked
        "iperf-2.1.8/udp-P4-sum-only.server",
        "iperf-2.1.8/udp-client-killed.server",  # rate over 12 s, 10 of them idle
        "iperf-2.1.8/udp-clock-client-ahead-trip-times.server",  # the offset shortened the span
        "iperf-2.1.8/udp-csv.client",
        "iperf-2.1.8/udp-csv.server",
        "iperf-2.2.1/udp-P4-sum-only.client",
        "iperf-2.2.1/udp-P4-sum-only.server",
        "iperf-2.2.1/udp-client-killed.server",
        "iperf-2.2.1/udp-clock-client-ahead-trip-times.server",
        "iperf-2.2.1/udp-csv.client",
        "iperf-2.2.1/udp-csv.server",
        "iperf-2.2.1/udp-two-clients.server",  # a third of one stream was never read
        "siege-3.1.4/reps.client",  # a run by count is short
        "siege-4.0.7/reps.client",
        "siege-4.1.7/reps.client",
    ],
}
REASONS = {name: reason for reason, group in REFUSED.items() for name in group}

#: Datagrams that reached the server's stack and were not read: its socket's buffer was full.
LOST_IN_BUFFER = {
    "iperf-2.1.8/udp-v6.server": 2693,
    "iperf-2.2.1/udp-no-e.server": 66,
    "iperf-2.2.1/udp-v6.server": 2043,
}
#: From 2.1 on a client sends shorter datagrams over IPv6.
PAYLOADS = {"iperf-2.1.8/udp-v6.server": 1450, "iperf-2.2.1/udp-v6.server": 1450}
#: With datagrams above the MTU the counters count fragments.
FRAGMENTED = "udp-fast-64k"


@dataclass(frozen=True)
class Recording:
    output: ToolOutput
    truth: dict[str, Any]
    shaped: bool
    duration_s: float
    streams: int


@functools.cache
def document(name: str) -> dict[str, Any]:
    return json.loads((ROOT / f"{name}.json").read_text())


def option(argv: list[str], flag: str, default: str) -> str:
    return argv[argv.index(flag) + 1] if flag in argv else default


@functools.cache
def recording(name: str) -> Recording:
    """Durations are those that the client was asked for, here or in the peer's file."""
    recorded = document(name)
    argv = recorded["argv"]
    asking = argv if ".client" in name else document(recorded["peer_file"][: -len(".json")])["argv"]
    timed = [argument[2:-1] for argument in argv if argument.startswith("-t") and argument.endswith("S")]
    return Recording(
        output=ToolOutput(tuple(argv), recorded["stdout"], recorded["stderr"], recorded["exit_code"]),
        truth=recorded["truth"],
        shaped=recorded["network"]["rate"] is not None,
        duration_s=float(timed[0] if timed else option(asking, "-t", "3")),
        streams=int(option(argv, "-P", "1")),
    )


def read(name: str) -> Measurement | None:
    run = recording(name)
    if name in SIEGES:
        return read_siege(run.output, duration_s=run.duration_s)
    if name in CLIENTS:
        check_client(run.output, duration_s=run.duration_s)
        return None
    reader = read_udp_server if "-u" in run.output.argv else read_tcp_server
    return reader(run.output, duration_s=run.duration_s, streams=run.streams)


def figures(name: str) -> dict[str, float]:
    measured = read(name)
    assert measured is not None
    return {result.metric: result.value for result in measured.results}


def usable(group: list[str], word: str = "") -> list[str]:
    return [name for name in group if name not in REASONS and word in name]


def test_every_recording_is_read():
    """No recording is skipped silently."""
    listed = [line.split("\t")[0] for line in (ROOT / "INDEX.tsv").read_text().splitlines()[1:]]
    groups = SERVERS + CLIENTS + SIEGES + FORTIOS + IPERF3S
    assert len(groups) == len(set(groups)) == 437
    assert sorted(f"{name}.json" for name in groups) == sorted(listed)


def test_the_table_of_refusals_names_each_recording_once_and_no_other():
    """A stale entry of the table would test nothing."""
    named = [name for group in REFUSED.values() for name in group]
    assert len(named) == len(set(named))
    assert set(named) <= {*SERVERS, *CLIENTS, *SIEGES}


@pytest.mark.parametrize("name", sorted(REASONS))
def test_an_unusable_run_is_refused_with_its_reason(name):
    """A run that measured nothing true yields a reason, and a message that ends with the tool's own words."""
    with pytest.raises(UnusableOutput) as refused:
        read(name)
    assert refused.value.reason is REASONS[name]
    assert len(refused.value.message) <= 4096
    printed = recording(name).output.stderr.strip() or recording(name).output.stdout.strip()
    assert refused.value.message.endswith(printed[-20:])


@pytest.mark.parametrize("name", usable(CLIENTS))
def test_a_client_that_did_its_job_passes(name):
    """Warnings, relayed garbage and lost acknowledgements do not make a client a failed one."""
    assert read(name) is None


@pytest.mark.parametrize("name", usable(SERVERS) + usable(SIEGES))
def test_every_figure_is_sane_and_named_once(name):
    """What is passed on can be true, in whole and in part."""
    measured = read(name)
    assert measured is not None
    assert len({result.metric for result in measured.results}) == len(measured.results)
    for result in measured.results:
        assert METRICS[result.metric].is_sane(result.value)
        assert METRICS[result.metric].unit == result.unit
    for interval in measured.intervals:
        assert interval.start < interval.end
        assert all(METRICS[metric].is_sane(value) for metric, value in interval.values.items())


@pytest.mark.parametrize("name", usable(SERVERS, "/tcp-"))
def test_tcp_bytes_agree_with_the_counters(name):
    """To 0.01 % where speed was limited; elsewhere counters saw up to 1 % more, sent again or headers."""
    counters = recording(name).truth["counters"]
    payload = counters["server_nft_tcp_data_bytes"] - TCP_HEADERS * counters["server_nft_tcp_data_packets"]
    deviation = figures(name)["transferred"] * 1024 / payload - 1
    assert (-1e-4 if recording(name).shaped else -0.01) <= deviation <= 1e-4


@pytest.mark.parametrize("name", usable(SERVERS, "/bounceback"))
def test_a_bounceback_counts_both_directions(name):
    """30 requests of 100 bytes and as many answers are 5.86 KBytes, in units of 1024 and bits of 1000."""
    assert figures(name) == pytest.approx({"transferred": 5.86, "throughput": 5.86 / 3}, rel=0.01)


@pytest.mark.parametrize("name", [name for name in usable(SERVERS, "/tcp-") if recording(name).shaped])
def test_tcp_throughput_is_what_the_link_carries(name):
    """The limited link carries 11 670 KBytes/s; streams that end apart make up to 0.5 %."""
    share = 0.955 if "full-duplex" in name else 0.99  # acknowledgements of the way back need their part
    assert share * 11_670 <= figures(name)["throughput"] <= 1.005 * 11_670


@pytest.mark.parametrize("name", [name for name in usable(SERVERS, "/udp-") if FRAGMENTED not in name])
def test_udp_counts_agree_with_the_stacks(name):
    """Up to 10 datagrams are control, up to 3 of several streams are lost at their start; none is added."""
    truth, values = recording(name).truth, figures(name)
    sent, reached = truth["udp_datagrams_sent_by_client_stack"], truth["udp_datagrams_reached_server_stack"]
    assert 0 <= sent - values["total_packets"] <= 8
    not_read = values["lost_packets"] - (sent - reached) - LOST_IN_BUFFER.get(name, 0)
    assert 0 <= not_read <= (4 if recording(name).streams > 1 or "interop" in name else 0)
    assert values["packet_loss"] == pytest.approx(100 * values["lost_packets"] / values["total_packets"])


@pytest.mark.parametrize("name", usable(SERVERS, "/udp-"))
def test_udp_bytes_and_rate_follow_from_datagrams_and_time(name):
    """A server reads up to 1470 bytes of a datagram; the span is the time asked for, at most 9 % more."""
    run, values = recording(name), figures(name)
    received = values["total_packets"] - values["lost_packets"]
    size = 100 if "udp-slow" in name else PAYLOADS.get(name, 1470)
    assert values["transferred"] * 1024 == pytest.approx(received * size, rel=0.003)
    for metric, amount in (("throughput", values["transferred"]), ("packet_rate", received)):
        assert 0.99 * run.duration_s <= amount / values[metric] <= 1.09 * run.duration_s


@pytest.mark.parametrize("name", usable(SERVERS, "/udp-"))
def test_udp_figures_fill_the_positions_as_far_as_they_were_printed(name):
    """All eleven with enhanced reports, the first six without."""
    measured = read(name)
    assert measured is not None
    enhanced = "Latency avg/min/max/stdev" in recording(name).output.stdout
    assert len(measured.metrics) == (11 if enhanced else 6)
    values = figures(name)
    assert measured.metrics == tuple(values[metric] for metric in POSITIONS["UDP"][: len(measured.metrics)])


@pytest.mark.parametrize("name", usable(SERVERS))
def test_marks_say_what_a_reader_has_to_know(name):
    """Clocks were shifted in the runs named so; the other marks stand in the tool's own words."""
    measured = read(name)
    assert measured is not None
    expected = set()
    if "-clock-" in name:
        expected.add(Mark.CLOCKS_DISAGREE)
    if "received out-of-order" in recording(name).output.stdout:
        expected.add(Mark.OUT_OF_ORDER)
    if name == "iperf-2.2.1/udp-fast-64k.server":  # older versions do not tell
        expected.add(Mark.TRUNCATED_READS)
    assert set(measured.marks) == expected


@pytest.mark.parametrize("name", usable(SERVERS, "udp-server-i1"))
def test_intervals_add_up_to_the_whole(name):
    """A report each second splits the run into its parts."""
    measured = read(name)
    assert measured is not None
    assert [(interval.start, interval.end) for interval in measured.intervals] == [(0, 1), (1, 2), (2, 3)]
    parts = sum(interval.values["total_packets"] for interval in measured.intervals)
    assert figures(name)["total_packets"] - parts in (0, 1, 2)
    assert all(interval.values["latency_avg"] < 0.01 for interval in measured.intervals)


@pytest.mark.parametrize("name", usable(SIEGES))
def test_siege_counts_agree_with_the_server(name):
    """Up to 10 requests are under way at the end; what the server answered with 500 has failed."""
    truth, values = recording(name).truth["http_server"], figures(name)
    broken = truth["by_status"].get("500", 0)
    assert 0 <= truth["requests"] - broken - values["transactions"] <= 10
    assert values["failed_transactions"] == (333 if "server-killed" in name else broken)
    body_mb = truth["body_bytes_sent"] / 2**20
    assert abs(values["data_transferred"] - body_mb) <= 0.01 + 10 * body_mb / truth["requests"]


@pytest.mark.parametrize("name", usable(SIEGES))
def test_siege_fills_all_positions(name):
    """Eleven figures by position, and the shortest transaction by name."""
    measured = read(name)
    assert measured is not None
    assert len(measured.metrics) == 11
    assert measured.metrics[4] == figures(name)["response_time"]
    assert len(measured.results) == 12
    assert (Mark.COARSE_CLOCK in measured.marks) is (measured.metrics[4] < 0.01)


@pytest.mark.parametrize("name", usable(SIEGES, "slow-200ms"))
def test_siege_times_are_seconds_whatever_the_unit_printed(name):
    """The server took 200 ms for each answer; one version prints ms, the others seconds."""
    values = figures(name)
    for metric in ("response_time", "longest_transaction", "shortest_transaction"):
        assert 0.2 <= values[metric] <= 0.22
