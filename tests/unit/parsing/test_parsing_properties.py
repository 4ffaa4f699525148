"""Text is never trusted: whatever a tool prints, a reader returns figures that can be true or a reason."""

import functools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcadence_worker.contract import Reason
from netcadence_worker.metrics import METRICS
from netcadence_worker.parsing import ToolOutput, UnusableOutput
from netcadence_worker.parsing.iperf2 import (
    check_client,
    read_round_trips,
    read_tcp_server,
    read_tcp_way_back,
    read_udp_server,
)
from netcadence_worker.parsing.siege import read_siege

ROOT = Path(__file__).parents[2] / "data" / "tool-output"
READERS = (
    read_tcp_server,
    read_udp_server,
    read_tcp_way_back,
    functools.partial(read_round_trips, size=100),
    read_siege,
    check_client,
)
UDP_HEADER = "[ ID] Interval Transfer Bandwidth Jitter Lost/Total Latency avg/min/max/stdev PPS\n"


@functools.cache
def recorded_lines() -> list[str]:
    """Every kind of line that a tool has printed."""
    lines = set()
    for path in sorted([*ROOT.glob("iperf-2*/*.json"), *ROOT.glob("siege-*/*.json")]):
        recorded = json.loads(path.read_text())
        lines.update((recorded["stdout"] + recorded["stderr"]).splitlines()[:60])
    return sorted(lines)


def assert_figures_or_reason(reader, output):
    refused, found = None, []
    try:
        measured = reader(output, duration_s=3)
    except UnusableOutput as reason:
        refused = reason
    else:
        results = [] if measured is None else measured.results
        found = [(result.metric, result.value) for result in results]
        for interval in [] if measured is None else measured.intervals:
            found += interval.values.items()
    assert refused is None or (refused.reason in Reason and 0 < len(refused.message) <= 4096)
    assert all(METRICS[metric].is_sane(value) for metric, value in found)


@given(st.text(), st.text(), st.sampled_from([0, 1, -9, None]))
def test_any_text_is_read_or_refused(stdout, stderr, exit_code):
    """No other exception leaves a reader."""
    for reader in READERS:
        assert_figures_or_reason(reader, ToolOutput(("tool",), stdout, stderr, exit_code))


@given(st.data())
def test_any_mixture_of_real_lines_is_read_or_refused(data):
    """Lines of all versions in any order, some of them damaged in one place."""
    lines = data.draw(st.lists(st.sampled_from(recorded_lines()), max_size=12))
    if lines:
        which = data.draw(st.integers(0, len(lines) - 1))
        where = data.draw(st.integers(0, len(lines[which])))
        damage = data.draw(st.sampled_from(["", "-", ".", "9" * 30, "nan", "inf", "/", " ", "\x00", "("]))
        lines[which] = lines[which][:where] + damage + lines[which][where + 1 :]
    text = "\n".join(lines)
    for reader in READERS:
        assert_figures_or_reason(reader, ToolOutput(("tool",), text, "", 0))
        assert_figures_or_reason(reader, ToolOutput(("tool",), "", text, 0))


@st.composite
def datagram_rows(draw):
    """A row as some version prints it, and the figures in it before they were rounded."""
    decimals = draw(st.sampled_from([1, 2, 4]))
    blank = draw(st.sampled_from(["", " "])) if decimals == 1 else ""
    seconds, jitter = draw(st.floats(2.9, 3.3)), draw(st.floats(0, 1000))
    received, lost = draw(st.integers(1, 10**9)), draw(st.integers(0, 10**9))
    least, mean, most = sorted(draw(st.lists(st.floats(-1000, 1000), min_size=3, max_size=3)))
    rate, share, width = received / seconds, lost / (lost + received), draw(st.sampled_from([0, 5]))
    row = (
        f"[  3] {0:.{decimals}f}-{blank}{seconds:.{decimals}f} sec  {received} KBytes  {rate:.3f} KBytes/sec"
        f"   {jitter:.3f} ms {lost:{width}d}/{lost + received:{width}d} ({100 * share:.2g}%)"
        f" {mean:.3f}/{least:{width}.3f}/{most:.3f}/{0:{width}.3f} ms  9 pps\n"
    )
    expected = {
        "transferred": received,
        "lost_packets": lost,
        "total_packets": lost + received,
        "jitter": jitter,
    }
    expected |= {"latency_avg": mean, "latency_min": least, "latency_max": most, "packet_loss": 100 * share}
    return row, expected, rate, decimals


@given(datagram_rows())
def test_a_row_comes_back_as_it_was_written(written):
    """Within what was rounded when it was printed."""
    row, expected, rate, decimals = written
    measured = read_udp_server(ToolOutput(("iperf",), UDP_HEADER + row, "", 0), duration_s=3)
    found = {result.metric: result.value for result in measured.results}
    assert {metric: found[metric] for metric in expected} == pytest.approx(expected, abs=0.001)
    assert found["throughput"] == pytest.approx(rate, rel=10.0**-decimals, abs=0.001)


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "text",
    [
        "[  1] 0.0-" + "9" * 65_536,
        "[" + " " * 65_536 + "1] 0.0-3.0 sec",
        "[  1] 0.0- 3.0 sec" + " " * 65_536 + "9",
        UDP_HEADER + "[  1] 0.0- 3.0 sec  9 KBytes  3 KBytes/sec " + "9" * 65_536,
        UDP_HEADER * 800,
        "Transactions:" + "\t" * 65_536,
        "Transactions: 1" + " " * 65_536 + "\n",
        '{"transactions"' * 4_400,
        '{"transactions":' + "[" * 65_536,
        '{"transactions":' + "9" * 3_900 + "}",
        "unrecognized option " * 3_300,
        "\x1b[" * 32_768,
    ],
)
def test_hostile_text_takes_no_longer_than_any_other(text):
    """64 KiB made to send an expression astray are done within the limit above."""
    for reader in READERS:
        for stdout, stderr in ((text, ""), ("", text)):
            assert_figures_or_reason(reader, ToolOutput(("tool",), stdout, stderr, 0))
