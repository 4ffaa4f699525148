"""What iperf 2 says of traffic both ways, and of requests that are answered: read from real runs."""

import functools
import json
from pathlib import Path

import pytest

from netcadence_worker.contract import Mark, Reason, Result
from netcadence_worker.parsing import Measurement, ToolOutput, UnusableOutput, joined
from netcadence_worker.parsing.iperf2 import read_round_trips, read_tcp_server, read_tcp_way_back

ROOT = Path(__file__).parents[2] / "data" / "tool-output"
#: Header of IPv4 and of TCP with timestamps.
TCP_HEADERS = 52
DUPLEX = [("iperf-2.1.8/pair-full-duplex", 1), ("iperf-2.1.8/pair-full-duplex-P4", 4)]
OLDER_DUPLEX = [("iperf-2.1.8/tcp-full-duplex", 1), ("iperf-2.2.1/tcp-full-duplex", 1)]
#: Name, bytes of a request, streams, and how many are answered in 3 s.
BOUNCES = [
    ("iperf-2.1.8/bounceback", 100, 1, 30),
    ("iperf-2.2.1/bounceback", 100, 1, 30),
    ("iperf-2.1.8/pair-bounceback", 100, 1, 300),
    ("iperf-2.1.8/pair-bounceback-length", 1000, 1, 30),
    ("iperf-2.1.8/pair-bounceback-P4", 100, 4, 244),
]
BOUNCE = BOUNCES[2][0]


@functools.cache
def recorded(name, role):
    return json.loads((ROOT / f"{name}.{role}.json").read_text())


def output_of(name, role="client", change=lambda text: text):
    run = recorded(name, role)
    return ToolOutput(tuple(run["argv"]), change(run["stdout"]), run["stderr"], run["exit_code"])


def figures(measured):
    return {result.metric: result.value for result in measured.results}


@pytest.mark.parametrize(("name", "streams"), DUPLEX + OLDER_DUPLEX)
def test_each_way_is_what_its_receiver_read(name, streams):
    """Both ways fill the limited link at the same time, and bytes sent are bytes received."""
    there = figures(read_tcp_server(output_of(name, "server"), duration_s=3, streams=streams))
    back = figures(read_tcp_way_back(output_of(name), duration_s=3, streams=streams))
    sent = figures(read_tcp_way_back(output_of(name, "server"), duration_s=3, streams=streams))
    for rate in (there["throughput"], back["throughput_reverse"]):
        assert 0.93 * 11_670 <= rate <= 1.005 * 11_670
    assert back["transferred_reverse"] == pytest.approx(sent["transferred_reverse"], rel=0.001)
    assert back["throughput_reverse"] <= sent["throughput_reverse"]


@pytest.mark.parametrize(("name", "streams"), DUPLEX)
def test_bytes_of_both_ways_agree_with_the_counters(name, streams):
    """To 1 %: counters saw what was sent again, too."""
    there = figures(read_tcp_server(output_of(name, "server"), duration_s=3, streams=streams))
    back = figures(read_tcp_way_back(output_of(name), duration_s=3, streams=streams))
    counters = recorded(name, "client")["truth"]["counters"]
    for role, kbytes in (("server", there["transferred"]), ("client", back["transferred_reverse"])):
        packets, total = (counters[f"{role}_nft_tcp_data_{what}"] for what in ("packets", "bytes"))
        assert kbytes * 1024 == pytest.approx(total - TCP_HEADERS * packets, rel=0.06)


def test_a_client_that_was_not_sent_anything_is_refused():
    """One-way traffic has no way back."""
    with pytest.raises(UnusableOutput, match="0 streams instead of 1") as refused:
        read_tcp_way_back(output_of("iperf-2.1.8/tcp-tbf100"), duration_s=3)
    assert refused.value.reason is Reason.PARSE_FAILED


def measurement(**values):
    return Measurement(tuple(Result.of(name, value) for name, value in values.items()), (), (Mark.CPU_BOUND,))


def test_the_two_sides_are_joined_and_the_receiver_s_rate_counts():
    """What one side alone knows is added; marks and all else stay."""
    own = measurement(throughput=5.0, transferred_reverse=1000.0, throughput_reverse=400.0)
    told = measurement(transferred_reverse=1001.0, throughput_reverse=300.0).results
    whole = joined(own, told)
    assert figures(whole) == {"throughput": 5.0, "transferred_reverse": 1001.0, "throughput_reverse": 300.0}
    assert whole.marks == own.marks


def test_sides_that_counted_different_amounts_are_not_joined():
    """Bytes that one side sent and the other did not get are no figure."""
    with pytest.raises(ValueError, match="transferred_reverse is 1000 on one side and 900 on the other"):
        joined(measurement(transferred_reverse=1000.0), measurement(transferred_reverse=900.0).results)


@pytest.mark.parametrize(("name", "size", "streams", "count"), BOUNCES)
def test_round_trips_are_counted_and_timed(name, size, streams, count):
    """All streams together, and each second; no throughput is made of them."""
    measured = read_round_trips(output_of(name), duration_s=3, size=size, streams=streams)
    values = figures(measured)
    assert values["round_trips"] == count
    assert values["round_trip_min"] <= values["round_trip_avg"] <= values["round_trip_max"] < 5
    assert "throughput" not in values
    assert measured.metrics == ()
    assert [(each.start, each.end) for each in measured.intervals] == [(0, 1), (1, 2), (2, 3)]
    parts = sum(each.values["round_trips"] for each in measured.intervals)
    assert parts == pytest.approx(count, abs=streams)


@pytest.mark.parametrize(("name", "size", "streams", "count"), BOUNCES[2:])
def test_round_trips_agree_with_the_packets_that_crossed(name, size, streams, count):
    """Each is one packet there and one back; a last one may be under way."""
    counters = recorded(name, "client")["truth"]["counters"]
    for role in ("client", "server"):
        packets = counters[f"{role}_nft_tcp_data_packets"]
        assert 0 <= packets - count <= streams
        assert counters[f"{role}_nft_tcp_data_bytes"] == packets * (size + TCP_HEADERS)


def test_streams_are_pooled_as_if_they_were_one():
    """Mean by count, least and most of all."""
    values = figures(read_round_trips(output_of(BOUNCES[4][0]), duration_s=3, size=100, streams=4))
    mean = (61 * 0.112 + 60 * 0.084 + 63 * 0.120 + 60 * 0.119) / 244
    assert values["round_trip_avg"] == pytest.approx(mean)
    assert (values["round_trip_min"], values["round_trip_max"]) == (0.023, 3.115)


@pytest.mark.parametrize(
    ("size", "change", "message"),
    [
        (200, lambda text: text, "300 round trips of 200 bytes are not 58.6 KBytes"),
        (100, lambda text: text.replace("300=0.030/0.023/", "300=0.030/0.033/"), "contradict each other"),
        (100, lambda text: text.replace("300=", "0="), "stream 1 has no round trips"),
        (100, lambda text: text.replace("300=0.030/0.023/0.424/0.031 ms", ""), "stream 1 has no round trips"),
    ],
)
def test_round_trips_that_contradict_themselves_are_refused(size, change, message):
    """Count, size and bytes have to agree, and mean, least and most."""
    with pytest.raises(UnusableOutput, match=message) as refused:
        read_round_trips(output_of(BOUNCE, change=change), duration_s=3, size=size)
    assert refused.value.reason is Reason.PARSE_FAILED


def test_a_client_without_an_answer_is_refused():
    """Nobody listened."""
    with pytest.raises(UnusableOutput) as refused:
        read_round_trips(output_of("iperf-2.1.8/tcp-refused"), duration_s=3, size=100)
    assert refused.value.reason is Reason.CONNECTION_REFUSED
