"""What a run tells of its own worth: what limited it, and what its pairs got while all of them sent."""

import pytest

from netcadence.lake import Lake
from netcadence.limit import Limit
from netcadence.record import Verdict
from netcadence_worker.contract import Mark

PAIRS = 4


@pytest.fixture(scope="module")
def state(measure, write_scenario, write_sla):
    """Four pairs at once on a machine that they share, as all of an embedded cluster does."""
    flat_out = {"clients": PAIRS, "servers": PAIRS, "duration_s": 3, "skew_max_ms": 2000, "options": {}}
    scenario = write_scenario("tcp-4:4", **flat_out)
    return measure(scenario, sla=write_sla(throughput_min_kbytes=1_000_000_000))


@pytest.fixture(scope="module")
def report(state):
    return state.result(raise_on_failure=False)


@pytest.fixture(scope="module")
def results(report):
    return Lake(report.lake).results(run_id=report.record.facts.run_id)


def test_pairs_that_share_the_processors_are_limited_by_them_and_marked(report):
    assert {outcome.limit for outcome in report.record.outcomes} == {Limit.CPU}
    assert all(Mark.CPU_BOUND in outcome.marks for outcome in report.record.outcomes)


def test_a_threshold_that_they_miss_is_inconclusive_and_says_why(state, report):
    (finding,) = (each for each in report.judgement.findings if each.suite == "sla")
    assert report.judgement.verdict is finding.verdict is Verdict.INCONCLUSIVE
    assert finding.detail.startswith("missed, but with 4 of 4 pairs held up by processors")
    assert state.name == "Inconclusive"


@pytest.mark.parametrize("side", ["client", "server"])
def test_what_each_side_s_tool_and_machine_did_is_in_the_lake(results, side):
    assert set(results["limit"]) == {"cpu-limited"}
    busy = results.query(f"metric == '{side}_node_busy'")["value"]
    assert len(busy) == PAIRS
    assert busy.between(1, 100).all()
    tool = results.query(f"metric == '{side}_tool_cpu'")["value"]
    assert tool.between(0.001, 2 * PAIRS).all()
    assert len(results.query(f"metric == '{side}_retransmits'")) == PAIRS


def test_what_all_pairs_got_while_all_sent_lies_within_what_their_seconds_say(report, results):
    windows = results.query("metric == 'common_window'")["value"]
    assert len(windows) == PAIRS
    assert windows.nunique() == 1
    assert 0 < windows.iloc[0] < 5
    for outcome in report.record.outcomes:
        rates = [interval.values["throughput"] for interval in outcome.intervals]
        assert min(rates) <= outcome.value("throughput_common") <= max(rates)


def test_the_clocks_were_compared_before_the_traffic_and_after(results):
    assert results["clock_offset_s"].notna().all()
    assert results["clock_offset_after_s"].notna().all()
    apart_s = (results["clock_offset_after_s"] - results["clock_offset_s"]).abs()
    assert (apart_s <= results["clock_uncertainty_s"] + results["clock_uncertainty_after_s"] + 1e-3).all()
