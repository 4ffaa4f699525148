"""What pairs got while all of them sent."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from netcadence.common_window import Window, with_common_figures
from netcadence.pair import Pair, WorkerPod
from netcadence.record import PairOutcome
from netcadence_worker.contract import Interval, Protocol, ReportedError, Result
from netcadence_worker.parsing import ToolOutput
from netcadence_worker.parsing.iperf2 import read_udp_server
from netcadence_worker.parsing.iperf3 import read_iperf3

POD = WorkerPod(name="w", uid="u", ip="198.18.0.1", node="n")
RECORDINGS = Path(__file__).parents[2] / "data" / "tool-output"


def outcome(index, *rates, start_s=0.0, round_=0):
    """A pair that got these rates, one for each second."""
    return PairOutcome(
        Pair(index, POD, POD, 5001, round=round_),
        results=(Result.of("throughput", sum(rates) / len(rates)),),
        intervals=tuple(
            Interval(start=second, end=second + 1, values={"throughput": rate})
            for second, rate in enumerate(rates)
        ),
        start_offset_s=start_s,
    )


def common(outcomes):
    return [each.value("throughput_common") for each in with_common_figures(outcomes)]


def test_a_pair_that_starts_late_narrows_the_window_of_all():
    """The first had the network to itself for a second, and the second for its last: neither counts."""
    pairs = [outcome(0, 900.0, 500.0, 500.0), outcome(1, 500.0, 500.0, 900.0, start_s=1.0)]
    assert Window.of(pairs) == Window(1.0, 3.0)
    assert common(pairs) == [500.0, 500.0]
    assert [each.value("common_window") for each in with_common_figures(pairs)] == [2.0, 2.0]


def test_a_part_of_an_interval_counts_by_its_length():
    pairs = [outcome(0, 100.0, 200.0), outcome(1, 300.0, 300.0, start_s=0.5)]
    assert common(pairs)[0] == pytest.approx((0.5 * 100 + 1.0 * 200) / 1.5)


def test_each_round_has_a_window_of_its_own():
    pairs = [outcome(0, 1.0, 1.0), outcome(1, 2.0, 2.0, start_s=1.0, round_=1)]
    assert common(pairs) == [1.0, 2.0]


@pytest.mark.parametrize(
    "unknown",
    [{"start_offset_s": None}, {"intervals": ()}, {"start_offset_s": 9.0}],
    ids=["no start", "no intervals", "no time in common"],
)
def test_a_window_that_cannot_be_told_gives_no_pair_of_the_round_a_figure(unknown):
    pairs = [outcome(0, 1.0, 1.0), replace(outcome(1, 1.0, 1.0), **unknown)]
    assert common(pairs) == [None, None]


def test_a_pair_that_failed_has_no_figure_and_takes_none_from_the_others():
    failed = PairOutcome(outcome(1, 1.0).pair, error=ReportedError(reason="PodLost", message="gone"))
    assert common([outcome(0, 5.0), failed]) == [5.0, None]


def recorded(index, version, *, start_s):
    """A pair whose server printed each second what a real one of that version did."""
    content = json.loads((RECORDINGS / f"iperf-{version}" / "udp-server-i1.server.json").read_text())
    output = ToolOutput(tuple(content["argv"]), content["stdout"], content["stderr"], content["exit_code"])
    measured = read_udp_server(output, duration_s=3, streams=1)
    return PairOutcome(
        Pair(index, POD, POD, 5001),
        results=measured.results,
        intervals=measured.intervals,
        start_offset_s=start_s,
    )


def test_recorded_series_give_the_rates_of_the_seconds_in_common():
    """The third starts a second late: of the first its last two seconds count, of the third its first two."""
    pairs = [
        recorded(0, "2.1.8", start_s=0.0),
        recorded(1, "2.0.9", start_s=0.25),
        recorded(2, "2.2.1", start_s=1.0),
    ]
    rates = [[interval.values["throughput"] for interval in pair.intervals] for pair in pairs]
    found = with_common_figures(pairs)
    assert [each.value("common_window") for each in found] == pytest.approx([2.0] * 3)
    assert common(pairs) == pytest.approx(
        [
            sum(rates[0][1:]) / 2,
            (0.25 * rates[1][0] + rates[1][1] + 0.75 * rates[1][2]) / 2,
            sum(rates[2][:2]) / 2,
        ]
    )


def test_a_pair_of_iperf3_has_the_rates_that_arrived_in_common_with_itself():
    """Its intervals also tell how the sender saw its connection, which is no rate."""
    content = json.loads((RECORDINGS / "iperf3-3.12" / "pair-tcp.client.json").read_text())
    output = ToolOutput(tuple(content["argv"]), content["stdout"], content["stderr"], content["exit_code"])
    measured = read_iperf3(output, protocol=Protocol.TCP, duration_s=3)
    pair = replace(outcome(0, 1.0), results=measured.results, intervals=measured.intervals)
    (alone,) = with_common_figures([pair])
    assert alone.value("throughput_common") == pytest.approx(alone.value("throughput"), rel=0.01)


def test_a_recorded_pair_alone_has_all_its_time_in_common_with_itself():
    (alone,) = with_common_figures([recorded(0, "2.1.8", start_s=0.01)])
    assert alone.value("throughput_common") == pytest.approx(alone.value("throughput"), rel=0.01)
