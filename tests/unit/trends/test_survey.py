"""A lake that the real writer has written, read as trends."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from netcadence.errors import InvalidInputError
from netcadence.foreign import ForeignFigure, ForeignRun
from netcadence.lake import Lake
from netcadence.record import Judgement, Verdict
from netcadence.report.trends import change_sentence, trends_as_json
from netcadence.statistics import Statistic
from netcadence.trends.history import History, Query
from netcadence.trends.survey import accept, survey
from netcadence.trends.trend import Status
from netcadence_worker.histogram import Bucket, Histogram

FIRST = datetime(2026, 1, 1, 2, 0, tzinfo=UTC)
NOW = datetime(2026, 6, 1, tzinfo=UTC)
NODES = tuple(f"node-{index}" for index in range(4))
PAIRS = tuple((NODES[index], NODES[(index + 1) % 4]) for index in range(4))
BETTER = "6.1.0-31"
WORSE = "6.1.0-32"


def look(lake, **query):
    return survey(lake, Query(**query), made_at=NOW)


def by_name(found):
    return {(each.key.statistic, each.key.node, each.key.part): each for each in found.trends}


@pytest.fixture(scope="module")
def dropped(tmp_path_factory, fill, noise):
    """Forty nights of four pairs; from the 25th on three of four nodes have a new kernel and a fifth less."""
    nights = 1000 * noise(40 * 4, 3).reshape(40, 4)
    nights[25:, :] *= 0.8

    def each(place):
        kernels = dict.fromkeys(NODES[:3], WORSE if place >= 25 else BETTER)
        return {"nodes": PAIRS, "kernels": kernels, "scenario": "tcp-4:4"}

    verdicts = {4: Verdict.INVALID, 5: Verdict.INVALID, 30: Verdict.FAIL, 31: Verdict.INCONCLUSIVE}
    return fill(Lake(tmp_path_factory.mktemp("dropped")), nights, verdicts=verdicts, each=each)


@pytest.fixture(scope="module")
def found(dropped):
    return look(dropped)


def test_a_regression_names_what_changed_with_it(found):
    trend = by_name(found)["Perc50", "", ""]
    assert trend.is_regressed
    assert abs(trend.regression.since - (FIRST + timedelta(days=25))) <= timedelta(days=1)
    said = change_sentence(trend.key, trend.changes[-1])
    assert said.startswith("Throughput Perc50 −2")  # noqa: RUF001 - a minus, as people print it
    assert f"kernel {BETTER} → {WORSE} on 3 of 4 nodes" in said


def test_runs_that_do_not_hold_have_no_point_and_are_counted(found):
    trend = by_name(found)["Perc50", "", ""]
    assert len(trend.series) == 38
    assert trend.left_out == {"INVALID": 2}
    assert {"run-4", "run-5"}.isdisjoint(trend.series.run_ids)
    assert {"run-30", "run-31"} < set(trend.series.run_ids)


def test_each_node_has_series_of_what_it_sends_and_receives(found):
    trends = by_name(found)
    assert {name for name in trends if name[1]} == {
        ("Perc50", node, part) for node in NODES for part in ("sends", "receives")
    }
    untouched = trends["Perc50", "node-3", "sends"]
    assert untouched.is_regressed
    assert not any(cause.what == "kernel" for cause in untouched.changes[-1].causes)


def test_a_figure_is_the_statistic_over_the_pairs_as_judging_takes_it(dropped, found):
    rows = dropped.results(run_id="run-7").query("metric == 'throughput'")
    for name in ("Perc50", "Perc05", "Perc05/Perc50"):
        series = by_name(found)[name, "", ""].series
        expected = Statistic.parse(name).of(rows["value"].tolist())
        assert series.figures[series.run_ids.index("run-7")] == expected


def test_a_lake_that_was_put_together_has_the_same_series(dropped, found, tmp_path):
    together = Lake(shutil.copytree(dropped.url, tmp_path / "together"))
    together.compact(now=NOW)
    assert [each.series.figures.tolist() for each in look(together).trends] == [
        each.series.figures.tolist() for each in found.trends
    ]


def test_a_window_leaves_out_what_is_before_and_after_it(dropped):
    found = look(dropped, since=FIRST + timedelta(days=10), until=FIRST + timedelta(days=20), nodes=False)
    assert {len(each.series) for each in found.trends} == {10}
    assert not found.regressed


def test_an_accepted_level_is_kept_in_the_lake_with_who_and_why(found, lake):
    accept(lake, found.regressed, by="eve", reason="mitigations are on", at=NOW)
    (kept,) = [each for each in lake.accepted_levels() if each.key == found.regressed[0].key]
    assert (kept.accepted_by, kept.reason, kept.accepted_at) == ("eve", "mitigations are on", NOW)
    assert kept.level == found.regressed[0].regression.present.value


def test_what_has_not_regressed_cannot_be_accepted(dropped, found):
    steady = by_name(found)["Perc05/Perc50", "", ""]
    with pytest.raises(InvalidInputError, match=r"Perc05/Perc50 of tcp-4:4 is steady; allowed: .* regressed"):
        accept(dropped, [steady], by="eve", reason="so be it", at=NOW)
    assert dropped.accepted_levels() == ()


def test_a_survey_as_json_tells_all_of_it(found):
    told = trends_as_json(found)
    assert told["regressed"] == len(found.regressed) >= 2
    first = next(each for each in told["series"] if each["statistic"] == "Perc50")
    assert first["status"] == "regressed"
    assert first["changes"][0]["causes"][0]["after"] == WORSE
    assert first["changes"][0]["size"]["relative"] == pytest.approx(-0.2, abs=0.05)


def test_paths_and_families_are_series_of_their_own(lake, fill):
    fill(lake, [[1000.0, 1000.0]] * 3)
    fill(lake, [[500.0]] * 2, name="host", each=lambda _: {"path": "host-network"})
    fill(lake, [[700.0]], name="six", each=lambda _: {"ip_family": "ipv6"})
    found = {(each.key.path, each.key.ip_family): len(each.series) for each in look(lake, nodes=False).trends}
    assert found == {("pod-ip", "ipv4"): 3, ("host-network", "ipv4"): 2, ("pod-ip", "ipv6"): 1}


def test_a_baselines_rows_are_not_those_of_the_scenarios_way(lake, make_night):
    record = make_night([500.0, 500.0], run_id="run-0")
    others = make_night([900.0, 900.0], run_id="run-0").outcomes
    beside = tuple(replace(each, pair=replace(each.pair, is_baseline=True)) for each in others)
    lake.conclude(replace(record, baseline=beside), Judgement(Verdict.PASS, ()))
    found = {
        (each.key.path, each.key.statistic): each.figures.tolist()
        for each in History(lake, Query(nodes=False)).series()
    }
    assert found["pod-ip", "Perc50"] == [500.0]
    assert found["host-network", "Perc50"] == [900.0]


def test_imported_figures_are_series_of_their_own(lake, fill):
    fill(lake, [[1000.0]] * 2)
    figures = (ForeignFigure("throughput", 900.0), ForeignFigure("jitter", 0.5, "Perc95"))
    lake.keep_foreign(
        ForeignRun("perfdata-1", "prod", "tcp-1:1", FIRST, "TCP", "1:1", "perfdata", "a", figures)
    )
    found = {(each.key.metric, each.key.statistic, each.key.origin) for each in look(lake).trends}
    assert found == {
        ("throughput", "Perc50", ""),
        ("throughput", "Perc50", "perfdata"),
        ("jitter", "Perc95", "perfdata"),
    }


def test_a_repeated_run_is_the_median_over_its_repeats_without_the_warm_up(lake, make_night):
    record = make_night([10.0, 900.0, 1000.0, 1100.0], run_id="run-0")
    outcomes = tuple(
        replace(each, pair=replace(each.pair, index=0, round=number))
        for number, each in enumerate(record.outcomes)
    )
    facts = replace(record.facts, rounds_of_repeat=1, warm_up_repeats=1)
    lake.conclude(replace(record, facts=facts, outcomes=outcomes), Judgement(Verdict.PASS, ()))
    (trend,) = look(lake, nodes=False).trends
    assert trend.series.figures.tolist() == [1000.0]


def test_an_empty_lake_says_so(tmp_path):
    found = look(Lake(tmp_path), cluster="prod")
    assert found.why_empty.endswith("holds no run for cluster prod")
    assert not (tmp_path / "results").exists()


def test_a_lake_of_invalid_runs_says_so(lake, fill):
    fill(lake, [[1000.0]] * 3, verdicts=dict.fromkeys(range(3), Verdict.INVALID))
    assert "no run in the lake" in look(lake).why_empty
    assert look(lake).why_empty.endswith("has figures that hold: 3 INVALID")


def test_a_run_that_was_stopped_before_its_verdict_is_not_counted(lake, fill, make_night):
    fill(lake, [[1000.0]] * 2)
    lake.write(make_night([1.0], run_id="stopped"))
    (trend,) = look(lake).trends
    assert (len(trend.series), trend.left_out) == (2, {"stopped before a verdict": 1})


def test_a_lake_with_one_run_has_its_level_and_says_what_is_missing(lake, fill):
    fill(lake, [[1000.0]])
    (trend,) = look(lake).trends
    assert (trend.status, trend.present.value) == (Status.TOO_FEW, 1000.0)
    assert trend.why.startswith("only 1 run;")


def test_a_broken_file_is_named_and_the_rest_is_read(lake, fill):
    fill(lake, [[1000.0]] * 2)
    next(Path(lake.url, "results").rglob("run-1.parquet")).write_bytes(b"not parquet")
    found = look(lake)
    assert [len(each.series) for each in found.trends] == [1]
    assert "run-1.parquet: not readable as Parquet" in found.left_out[0]


def test_percentiles_of_all_requests_come_from_the_buckets(lake, make_night):
    record = make_night([5.0, 9.0], run_id="run-0", metric="request_latency_p99")
    counted = Histogram(
        (Bucket(0, 1_000_000, 90), Bucket(1_000_000, 9_000_000, 10)), 500_000, 9_000_000, 10**8
    )
    outcomes = tuple(replace(each, latencies=counted) for each in record.outcomes)
    lake.conclude(replace(record, outcomes=outcomes), Judgement(Verdict.PASS, ()))
    found = {each.key.statistic: each.figures.tolist() for each in History(lake, Query(nodes=False)).series()}
    assert found["Merged99"] == [pytest.approx(Statistic.parse("Merged99").of_histograms([counted, counted]))]
    assert found["Perc50"] == [5.0]
