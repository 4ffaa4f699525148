"""How far apart pairs started."""

from dataclasses import replace

import pytest

from netcadence import skew
from netcadence.record import PairOutcome, Skew
from netcadence_worker.contract import ReportedError


def test_early_and_late_starts_count_alike(make_record):
    record = make_record("tcp-50:50", pairs=2)
    early, late = (
        replace(outcome, start_offset_s=s) for outcome, s in zip(record.outcomes, (-0.03, 0.01), strict=True)
    )
    assert skew.measure([early, late]) == Skew(p50_ms=10, p99_ms=30, max_ms=30)


def test_a_single_pair_that_starts_late_is_late(make_record):
    outcome = replace(make_record("tcp-1:1").outcomes[0], start_offset_s=0.5)
    assert skew.measure([outcome]) == Skew(p50_ms=500, p99_ms=500, max_ms=500)


def test_one_straggler_in_two_hundred_moves_the_maximum_but_not_the_99th_percentile(make_record):
    outcomes = [
        replace(outcome, start_offset_s=0.001) for outcome in make_record("tcp-50:50", pairs=200).outcomes
    ]
    outcomes[17] = replace(outcomes[17], start_offset_s=2)
    assert skew.measure(outcomes) == Skew(p50_ms=1, p99_ms=1, max_ms=2000)


def test_a_pair_that_started_and_failed_later_counts(make_record):
    pair = make_record("tcp-1:1").outcomes[0].pair
    error = ReportedError(reason="PodLost", message="gone")
    assert skew.measure([PairOutcome(pair, error=error, start_offset_s=0.004)]).max_ms == pytest.approx(4)


def test_without_any_known_start_there_is_no_skew(make_record):
    outcome = replace(make_record("tcp-1:1").outcomes[0], start_offset_s=None)
    assert skew.measure([outcome]) is None
