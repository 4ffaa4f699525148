"""Runs that measure in repeats: as many as it takes, judged by their interval."""

import pytest

from netcadence.lake import Lake
from netcadence.record import Verdict

MOST = 6
#: As fast as it goes, so that no two repeats are alike.
REPEATED = {"repeats": {"least": 5, "most": MOST, "warm_up": 1}, "skew_max_ms": 5000, "options": {}}


@pytest.fixture(scope="module")
def report(measure, write_scenario):
    """A run whose threshold is far from what it measures."""
    return measure(write_scenario("tcp-repeated", **REPEATED)).result()


def test_a_run_far_from_its_threshold_passes_after_the_least_repeats(report):
    assert report.judgement.verdict is Verdict.PASS
    assert report.record.facts.planned_pairs == 6
    (finding,) = (each for each in report.judgement.findings if each.suite == "sla")
    measured = [outcome.value("throughput") for outcome in report.record.outcomes[1:]]
    assert (finding.interval.low, finding.interval.high) == (min(measured), max(measured))


def test_each_figure_in_the_lake_tells_its_repeat_and_the_verdict_its_interval(report):
    lake, run_id = Lake(report.lake), report.record.facts.run_id
    results = lake.results(run_id=run_id).query("metric == 'throughput'").sort_values("pair_index")
    assert results["repeat"].isna().tolist() == [True] + [False] * 5
    assert results["repeat"].dropna().tolist() == [0, 1, 2, 3, 4]
    (verdict,) = lake.verdicts(run_id=run_id).query("suite == 'sla'").to_dict("records")
    assert verdict["interval_low"] <= verdict["value"] <= verdict["interval_high"]
    assert verdict["interval_repeats"] == 5


def test_a_threshold_amid_what_is_measured_is_decided_by_all_of_the_interval_or_not_at_all(
    measure, write_scenario, write_sla, report
):
    """The threshold is the median of the run before; on which side this one comes down is chance."""
    measured = sorted(outcome.value("throughput") for outcome in report.record.outcomes[1:])
    amid = write_sla(throughput_min_kbytes=measured[2])
    state = measure(write_scenario("tcp-amid", **REPEATED), sla=amid)
    again = state.result(raise_on_failure=False)
    (finding,) = (each for each in again.judgement.findings if each.suite == "sla")
    interval = finding.interval
    if interval.low < finding.threshold <= interval.high:
        assert (again.judgement.verdict, interval.repeats) == (Verdict.INCONCLUSIVE, MOST)
        assert state.name == "Inconclusive"
    elif interval.low >= finding.threshold:
        assert again.judgement.verdict is Verdict.PASS
    else:  # a miss of pairs that processors held up is not the network's
        doubted = "held up by processors" in finding.detail
        assert again.judgement.verdict is (Verdict.INCONCLUSIVE if doubted else Verdict.FAIL)
