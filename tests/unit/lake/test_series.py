"""One series over time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from netcadence.errors import InvalidInputError
from netcadence.lake.series import SeriesKey
from netcadence.record import Judgement, Verdict
from netcadence.statistics import CONSISTENCY, PERC05, PERC50, PERC95, Statistic
from netcadence_worker.contract import Result, Role

KEY = SeriesKey("staging", "udp-1:1", "throughput", "node-port")
PASSED = Judgement(Verdict.PASS, ())


@pytest.fixture
def nights(lake, make_record):
    """Three nights of twenty pairs each, whose throughputs are 1001 to 1020; the second one has lost two."""
    start = make_record().facts.started_at
    for night in range(3):
        facts = {"run_id": f"run-{night}", "started_at": start + timedelta(days=night)}
        lake.conclude(make_record(pairs=20 - 2 * (night == 1), failures=2 * (night == 1), **facts), PASSED)
    return lake


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("statistic", [PERC05, PERC50, PERC95, CONSISTENCY])
def test_a_point_is_the_statistic_over_the_pairs_of_a_run(nights, statistic, together):
    if together:
        nights.compact(now=nights.runs()["started_at"].max() + timedelta(days=9))
    points = nights.series(KEY, statistic).points
    assert points["run_id"].tolist() == ["run-0", "run-1", "run-2"]
    assert points["pairs"].tolist() == [20, 18, 20]
    assert points["value"].tolist() == [
        statistic.of([1001.0 + pair for pair in range(pairs)]) for pairs in (20, 18, 20)
    ]
    assert points["started_at"].tolist() == nights.runs()["started_at"].tolist()


def test_a_span_and_a_node_narrow_a_series(nights):
    second = nights.runs()["started_at"][1]
    assert nights.series(KEY, PERC50, since=second).points["run_id"].tolist() == ["run-1", "run-2"]
    assert len(nights.series(KEY, PERC50, node="node-a").points) == 3
    assert len(nights.series(KEY, PERC50, node="node-a", part=Role.CLIENT).points) == 3
    assert nights.series(KEY, PERC50, node="node-a", part=Role.SERVER).points.empty


def test_warm_ups_and_baselines_are_not_in_it(lake, make_record):
    record = make_record(pairs=4, failures=0, rounds_of_repeat=1, warm_up_repeats=1)
    rounds = tuple(
        replace(
            outcome,
            pair=replace(outcome.pair, round=number),
            results=(Result.of("throughput", 100.0 * number),),
        )
        for number, outcome in enumerate(record.outcomes)
    )
    beside = replace(rounds[0], pair=replace(rounds[0].pair, round=1, is_baseline=True))
    lake.conclude(replace(record, outcomes=rounds, baseline=(beside,)), PASSED)
    (point,) = lake.series(KEY, PERC50).points.to_dict("records")
    assert (point["value"], point["pairs"]) == (200.0, 3)


def test_which_series_there_are_is_told_by_way(nights):
    keys = nights.series_keys()
    assert KEY in keys
    assert len(keys) == 11
    assert {key.path for key in keys} == {"node-port"}


def test_runs_that_do_not_hold_are_counted_and_not_in_it(nights, make_record, judgement):
    start = make_record().facts.started_at
    nights.conclude(make_record(run_id="run-3", started_at=start + timedelta(days=3)), judgement)
    nights.write(make_record(run_id="run-4", started_at=start + timedelta(days=4)))
    series = nights.series(KEY, PERC50)
    assert len(series.points) == 3
    assert series.excluded == {"INVALID": 1, "not listed": 1}
    assert series.why_empty == ""


def test_an_empty_series_says_why(lake, record, judgement):
    assert "no run in the lake has measured throughput of udp-1:1" in lake.series(KEY, PERC50).why_empty
    lake.conclude(record, judgement)
    assert "no run counts" in lake.series(KEY, PERC50).why_empty
    assert "1 INVALID" in lake.series(KEY, PERC50).why_empty


def test_one_run_is_one_point_and_a_gap_is_no_point(lake, make_record):
    lake.conclude(make_record(), PASSED)
    assert len(lake.series(KEY, PERC50).points) == 1
    later = make_record().facts.started_at + timedelta(days=40)
    lake.conclude(make_record(run_id="later", started_at=later), PASSED)
    assert lake.series(KEY, PERC50).points["started_at"].diff().dt.days.tolist()[1:] == [40]


def test_percentiles_of_requests_are_no_series_over_pairs(lake):
    with pytest.raises(InvalidInputError, match="allowed of a series: one over pairs"):
        lake.series(KEY, Statistic.parse("Merged99"))
