"""Verdicts on percentiles of all requests: they come from the merged histogram, never from the pairs' own."""

from dataclasses import replace

import pytest

from netcadence import judgement, scenario, sla
from netcadence.record import Verdict
from netcadence_worker.contract import Mark

FAST_NS, SLOW_NS = 150_000, 80_000_000
#: More than a hundredth and less than a tenth of 200.
SLOW_ONES = 5


@pytest.fixture(scope="module", autouse=True)
def library():
    judgement.preload()


@pytest.fixture
def judge(tmp_path):
    def judge(record):
        asked = scenario.Scenario.model_validate_json(record.facts.config)
        return judgement.judge(record, sla.default().requirements_for(asked), home=tmp_path)

    return judge


@pytest.fixture
def slow(make_latencies):
    """Return a change of outcomes: some of a pair's requests are slow."""

    def of(*indices, marks=(), slow_ones=SLOW_ONES):
        def change(outcome):
            many = slow_ones if outcome.pair.index in indices else 0
            latencies = make_latencies([FAST_NS] * (200 - many) + [SLOW_NS] * many)
            return replace(outcome, latencies=latencies, marks=marks if many else ())

        return change

    return of


def verdicts(judged):
    return {each.requirement: each.verdict for each in judged.findings if each.suite == "sla"}


def found(judged, requirement):
    return next(each for each in judged.findings if each.requirement == requirement)


def test_a_pair_that_is_slow_alone_fails_the_percentile_of_all_that_it_reaches(make_record, judge, slow):
    """5 of 400 requests are beyond p99, though no pair but one has seen them, and not beyond p90."""
    judged = judge(make_record("grpc-qps", pairs=2, change=slow(0)))
    assert judged.verdict is Verdict.FAIL
    assert verdicts(judged)["latency_p90_max_ms"] is Verdict.PASS
    p99 = found(judged, "latency_p99_max_ms")
    assert (p99.verdict, p99.statistic, p99.unit) == (Verdict.FAIL, "Merged99", "ms")
    assert 79.9 <= p99.value <= 80.0


def test_a_pair_among_many_does_not_fail_it(make_record, judge, slow):
    """5 of 2000 requests are no hundredth, whatever that pair's own p99 is; they are in p99.9."""
    judged = judge(make_record("http-qps", pairs=10, change=slow(0, slow_ones=5)))
    assert verdicts(judged)["latency_p99_max_ms"] is Verdict.PASS
    assert found(judged, "latency_p999_max_ms").value > 79


def test_a_percentile_that_processors_may_have_caused_is_inconclusive(make_record, judge, slow):
    """The slow pair's requests might all have been fast on another machine."""
    judged = judge(make_record("grpc-qps", pairs=2, change=slow(0, marks=(Mark.CPU_BOUND,))))
    assert verdicts(judged)["latency_p99_max_ms"] is Verdict.INCONCLUSIVE


def test_one_that_the_others_miss_as_well_fails_all_the_same(make_record, judge, slow):
    """Even without the doubtful pair there are too many slow requests."""

    def change(outcome):
        changed = slow(0, 1, slow_ones=50)(outcome)
        return replace(changed, marks=(Mark.CPU_BOUND,) if outcome.pair.index == 0 else ())

    judged = judge(make_record("grpc-qps", pairs=2, change=change))
    assert found(judged, "latency_p99_max_ms").detail.startswith("missed even if 1 of 2 pairs")


def test_repeats_give_it_an_interval(make_record, judge, slow):
    """Slow in every repeat: all of the interval is on the wrong side."""
    judged = judge(make_record("grpc-qps", pairs=2, repeats=5, change=slow(*range(10))))
    p99 = found(judged, "latency_p99_max_ms")
    assert p99.verdict is Verdict.FAIL
    assert 79 < p99.interval.low <= p99.value <= p99.interval.high <= 80
    assert (p99.interval.repeats, p99.interval.pairs) == (5, 2)
    assert verdicts(judged)["latency_p50_max_ms"] is Verdict.PASS


def test_the_rate_is_asked_of_the_slowest_pairs(make_record, judge, with_figure):
    """One pair in ten that does not keep its rate fails the run."""
    judged = judge(make_record("http-qps", pairs=10, change=with_figure(3, "request_rate", 150.0)))
    assert verdicts(judged)["qps_min"] is Verdict.FAIL


def test_errors_are_asked_of_the_pairs(make_record, judge, with_figure):
    """A pair of which a hundredth of the requests fail is told."""
    judged = judge(make_record("http2-qps", change=with_figure(0, "request_errors", 1.0)))
    assert verdicts(judged)["error_max_percent"] is Verdict.FAIL
