"""Verdicts, and what they rest on."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from netcadence import judgement, scenario, sla
from netcadence.judgement.court import Court, may_give_way
from netcadence.record import PairOutcome, Verdict
from netcadence.sla import Sla
from netcadence_worker.contract import Mark, ReportedError, Result
from netcadence_worker.metrics import PROBED


@pytest.fixture(scope="module", autouse=True)
def library():
    judgement.preload()


@pytest.fixture
def judge(tmp_path):
    def judge(record, thresholds=None):
        asked = scenario.Scenario.model_validate_json(record.facts.config)
        requirements = (thresholds or sla.default()).requirements_for(asked)
        return judgement.judge(record, requirements, home=tmp_path)

    return judge


@pytest.fixture
def write_sla(tmp_path):
    def write_sla(text) -> Sla:
        path = tmp_path / "sla.yaml"
        path.write_text(text, encoding="utf-8")
        return sla.load(path)

    return write_sla


def found(judged, requirement, metric=None):
    """Return the only finding on a requirement (and metric)."""
    (finding,) = (
        each for each in judged.findings if each.requirement == requirement and metric in (None, each.metric)
    )
    return finding


def offences(judged):
    return {(each.requirement, each.metric) for each in judged.findings if each.verdict is not Verdict.PASS}


def lose(*indices):
    def change(outcome):
        if outcome.pair.index not in indices:
            return outcome
        return PairOutcome(outcome.pair, error=ReportedError(reason="PodLost", message="the pod is gone"))

    return change


def start(index, offset_s):
    def change(outcome):
        return replace(outcome, start_offset_s=offset_s) if outcome.pair.index == index else outcome

    return change


def page_of(judged):
    return Path(urlsplit(judged.docs).path).read_text(encoding="utf-8")


def test_what_the_library_reads_of_an_expectation_is_the_same_and_made_once():
    from great_expectations.expectations import ExpectColumnValuesToBeBetween  # noqa: PLC0415 - takes seconds

    class Counted(ExpectColumnValuesToBeBetween):
        def dict(self, **options):
            made.append(self)
            return super().dict(**options)

    made, expectation = [], Counted(column="jitter", min_value=0, max_value=5, meta={"check": 3})
    once = expectation._get_runtime_kwargs({"result_format": "SUMMARY"})
    assert len(made) == 1
    as_it_was = Counted._get_runtime_kwargs.__wrapped__(expectation, {"result_format": "SUMMARY"})
    assert len(made) > 2
    assert once == as_it_was
    assert (once["column"], once["max_value"]) == ("jitter", 5)


def test_the_digest_of_a_metrics_arguments_is_the_librarys_own():
    from great_expectations.core.id_dict import IDDict  # noqa: PLC0415 - takes seconds

    plain = {"column": "jitter", "table": None, "batch_id": "run-pairs"}
    numbers = {"low": 1, "strict": True}, {"low": True, "strict": 1}, {"low": 1.0, "values": [True]}
    for each in map(IDDict, ({}, {"column": None}, plain, dict(reversed(plain.items())), plain, *numbers)):
        assert each.to_id() == IDDict.to_id.__wrapped__(each)
    assert IDDict(plain).to_id(["column"]) == "column=jitter"


@pytest.mark.parametrize("name", ["tcp-50:50", "udp-50:50", "http-1:1", "grpc-qps"])
def test_a_healthy_run_passes_on_every_expectation(make_record, judge, name):
    judged = judge(make_record(name))
    assert judged.verdict is Verdict.PASS
    assert offences(judged) == set()


def test_a_finding_carries_value_unit_statistic_threshold_and_verdict(make_record, judge, with_figure):
    record = make_record("tcp-1:1", change=with_figure(0, "throughput", 1234.5))
    finding = found(judge(record), "throughput_min_kbytes")
    assert (finding.suite, finding.metric, finding.statistic) == ("sla", "throughput", "Perc50")
    assert (finding.value, finding.unit, finding.comparison, finding.threshold) == (
        1234.5,
        "KBytes/s",
        ">=",
        1000,
    )


@pytest.mark.parametrize(
    ("name", "metric", "value", "requirement"),
    [
        ("tcp-1:1", "throughput", 999.0, "throughput_min_kbytes"),
        ("udp-1:1", "jitter", 5.1, "jitter_max_ms"),
        ("udp-1:1", "packet_loss", 0.2, "packet_loss_max_percent"),
        ("udp-1:1", "latency_avg", 10.5, "latency_max_ms"),
        ("http-1:1", "response_time", 1.01, "response_time_max_sec"),
    ],
)
def test_a_figure_on_the_wrong_side_of_its_threshold_fails(
    make_record, judge, with_figure, *, name, metric, value, requirement
):
    judged = judge(make_record(name, change=with_figure(0, metric, value)))
    assert judged.verdict is Verdict.FAIL
    assert offences(judged) == {(requirement, metric)}
    assert found(judged, requirement).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("name", "metric", "value"),
    [("tcp-1:1", "throughput", 1000.0), ("udp-1:1", "jitter", 5.0), ("http-1:1", "response_time", 1.0)],
)
def test_a_figure_exactly_at_its_threshold_passes(make_record, judge, with_figure, *, name, metric, value):
    assert judge(make_record(name, change=with_figure(0, metric, value))).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("metric", "asked", "value", "verdict"),
    [
        ("throughput", "throughput_min_kbytes: {above: 0}", 0.0, Verdict.FAIL),
        ("throughput", "throughput_min_kbytes: {above: 0}", 0.1, Verdict.PASS),
        ("packet_loss", "packet_loss_max_percent: {below: 0.1}", 0.1, Verdict.FAIL),
        ("packet_loss", "packet_loss_max_percent: {below: 0.1}", 0.09, Verdict.PASS),
    ],
)
def test_a_figure_exactly_at_a_strict_threshold_misses_it(
    make_record, judge, with_figure, write_sla, *, metric, asked, value, verdict
):
    thresholds = write_sla(f"scenarios: {{'udp-1:1': {{{asked}}}}}")
    judged = judge(make_record("udp-1:1", change=with_figure(0, metric, value)), thresholds)
    finding = found(judged, asked.partition(":")[0])
    assert judged.verdict is finding.verdict is verdict
    assert finding.comparison == (">" if "above" in asked else "<")
    assert ("must be more than" if "above" in asked else "must be less than") in page_of(judged)


def test_starving_pairs_fail_the_consistency_and_nothing_else(make_record, judge):
    def starve(outcome):
        if outcome.pair.index >= 3:
            return outcome
        return replace(
            outcome,
            results=tuple(
                result.model_copy(update={"value": 1100.0}) if result.metric == "throughput" else result
                for result in outcome.results
            ),
        )

    judged = judge(make_record("tcp-50:50", change=starve))
    assert judged.verdict is Verdict.FAIL
    assert offences(judged) == {("consistency_min", "throughput")}
    assert found(judged, "consistency_min").value == pytest.approx(1100 / 1950, rel=0.03)


def test_the_statistic_of_the_file_is_the_one_that_is_applied(make_record, judge, with_figure, write_sla):
    record = make_record("tcp-50:50", pairs=10, change=with_figure(4, "throughput", 50.0))
    text = "scenarios: {{'tcp-*': {{throughput_min_kbytes: {{value: 1000, statistic: {}}}}}}}"
    assert judge(record, write_sla(text.format("Perc11"))).verdict is Verdict.PASS
    assert judge(record, write_sla(text.format("Perc10"))).verdict is Verdict.FAIL


def test_a_lost_pair_makes_the_run_invalid_and_names_the_reasons(make_record, judge):
    judged = judge(make_record("tcp-50:50", change=lose(3, 7)))
    assert judged.verdict is Verdict.INVALID
    assert offences(judged) == {("pairs_measured", "")}
    assert found(judged, "pairs_measured").detail == "2 of 50 pairs have no result: PodLost 2"


def test_the_data_suite_outweighs_missed_thresholds(make_record, judge, with_figure):
    missed, lost = with_figure(0, "throughput", 50.0), lose(1)
    judged = judge(make_record("tcp-50:50", pairs=2, change=lambda outcome: lost(missed(outcome))))
    assert found(judged, "throughput_min_kbytes").verdict is Verdict.FAIL
    assert judged.verdict is Verdict.INVALID


def test_a_run_without_any_result_is_invalid_and_judges_no_number(make_record, judge):
    judged = judge(make_record("tcp-50:50", pairs=3, change=lose(0, 1, 2)))
    finding = found(judged, "throughput_min_kbytes")
    assert judged.verdict is Verdict.INVALID
    assert (finding.value, finding.verdict) == (None, Verdict.INVALID)
    assert finding.detail == "no pair has a figure for throughput"


def test_a_missing_figure_makes_the_run_invalid(make_record, judge, with_figure):
    judged = judge(make_record("tcp-50:50", pairs=5, change=with_figure(2, "transferred", None)))
    assert judged.verdict is Verdict.INVALID
    assert offences(judged) == {("figure_present", "transferred")}
    detail = found(judged, "figure_present", "transferred").detail
    assert detail == "1 of 5 pairs have a result without transferred"


def test_a_judged_figure_that_all_pairs_lack_makes_the_run_invalid(make_record, judge, with_figure):
    judged = judge(make_record("tcp-1:1", change=with_figure(0, "throughput", None)))
    assert judged.verdict is Verdict.INVALID
    assert offences(judged) == {("figure_present", "throughput"), ("throughput_min_kbytes", "throughput")}


@pytest.mark.parametrize(
    ("name", "metric", "value"),
    [
        ("tcp-50:50", "throughput", -1.0),
        ("udp-50:50", "packet_loss", 100.5),
        ("http-1:1", "availability", 101.0),
    ],
)
def test_an_impossible_figure_makes_the_run_invalid(make_record, judge, with_figure, *, name, metric, value):
    judged = judge(make_record(name, change=with_figure(0, metric, value)))
    assert judged.verdict is Verdict.INVALID
    assert ("figure_sane", metric) in offences(judged)
    assert found(judged, "figure_sane", metric).value == 1


def test_a_start_that_is_not_known_makes_the_run_invalid(make_record, judge):
    judged = judge(make_record("tcp-50:50", pairs=5, change=start(2, None)))
    assert offences(judged) == {("start_known", "")}
    assert judged.verdict is Verdict.INVALID


def test_a_run_whose_starts_are_all_unknown_is_invalid(make_record, judge):
    judged = judge(make_record("tcp-1:1", change=start(0, None)))
    assert offences(judged) == {("start_known", "")}


@pytest.mark.parametrize("offset_s", [0.2001, -0.2001])
def test_skew_beyond_the_scenarios_bound_makes_the_run_invalid(make_record, judge, offset_s):
    judged = judge(make_record("tcp-50:50", pairs=5, change=start(2, offset_s)))
    finding = found(judged, "skew_max_ms")
    assert offences(judged) == {("skew_max_ms", "")}
    assert (finding.value, finding.unit, finding.threshold) == (pytest.approx(200.1), "ms", 200)


def test_the_skew_that_is_judged_is_the_skew_that_is_reported(make_record, judge):
    record = make_record("tcp-50:50")
    assert found(judge(record), "skew_max_ms").value == record.skew.p99_ms


def test_negative_latency_between_clocks_that_disagree_never_passes(make_record, judge, with_figure):
    negative = with_figure(0, "latency_avg", -3.0)

    def disagree(outcome):
        return replace(negative(outcome), marks=(Mark.CLOCKS_DISAGREE,))

    judged = judge(make_record("udp-1:1", change=disagree))
    assert judged.verdict is Verdict.INVALID
    assert offences(judged) == {("clocks_agree", "latency_avg")}


@pytest.mark.parametrize(("uncertainty_ms", "verdict"), [(1.0, Verdict.PASS), (1.1, Verdict.INVALID)])
def test_a_corrected_latency_counts_where_it_is_sure_to_a_tenth_of_its_threshold(
    make_record, judge, uncertainty_ms, verdict
):
    def corrected(outcome):
        beside = (Result.of("latency_uncertainty", uncertainty_ms),)
        return replace(outcome, marks=(Mark.CLOCKS_CORRECTED,), beside=beside)

    judged = judge(make_record("udp-1:1", change=corrected))
    assert judged.verdict is verdict
    assert offences(judged) == (set() if verdict is Verdict.PASS else {("latency_certain", "latency_avg")})


def test_clocks_do_not_matter_where_latency_is_not_judged(make_record, judge, write_sla):
    def disagree(outcome):
        return replace(outcome, marks=(Mark.CLOCKS_DISAGREE,))

    thresholds = write_sla("scenarios: {'udp-*': {jitter_max_ms: 5}}")
    assert judge(make_record("udp-1:1", change=disagree), thresholds).verdict is Verdict.PASS


def test_a_run_of_which_nothing_is_asked_is_not_green(make_record, judge, write_sla):
    judged = judge(make_record("tcp-1:1"), write_sla("scenarios: {'udp-*': {jitter_max_ms: 5}}"))
    assert judged.verdict is Verdict.INVALID
    assert found(judged, "requirements_asked").detail.startswith("nothing is asked of tcp-1:1")


@pytest.mark.parametrize(
    ("damage", "requirement"),
    [
        (lambda pairs: pairs.drop(index=3), "pairs_planned"),
        (lambda pairs: pairs.assign(pair_index=pairs["pair_index"].replace(3, 2)), "index_unique"),
        (lambda pairs: pairs.assign(server_pod="worker-a-0"), "listener_unique"),
    ],
)
def test_a_damaged_table_is_noticed(make_record, tmp_path, damage, requirement):
    from netcadence.judgement import bench, frame  # noqa: PLC0415 - imports Great Expectations

    record = make_record("tcp-50:50", pairs=5)
    requirements = sla.default().requirements_for(_scenario_of(record))
    judged = bench.judge_frame(record, damage(frame.pairs_frame(record, [])), requirements, home=tmp_path)
    assert judged.verdict is Verdict.INVALID
    assert offences(judged) == {(requirement, "")}


def _scenario_of(record):
    from netcadence.scenario import Scenario  # noqa: PLC0415 - one use

    return Scenario.model_validate_json(record.facts.config)


def test_the_librarys_own_results_are_kept_beside_its_suites(make_record, judge, tmp_path):
    judge(make_record("udp-50:50", run_id="night-7", change=lose(1)))
    (data,) = tmp_path.glob("gx/night-7/uncommitted/validations/data/**/*.json")
    (thresholds,) = tmp_path.glob("gx/night-7/uncommitted/validations/sla/**/*.json")
    assert json.loads(data.read_text())["success"] is False
    assert json.loads(thresholds.read_text())["success"] is True
    suite = json.loads((tmp_path / "gx/night-7/expectations/sla.json").read_text())
    assert suite["expectations"][0]["kwargs"] == {"column": "jitter", "statistic": "Perc95", "max_value": 5.0}


def test_the_docs_page_shows_verdict_thresholds_and_offenders(make_record, judge):
    page = re.sub(r"<[^>]+>", "", page_of(judge(make_record("udp-50:50", change=lose(1)))))
    for words in ("INVALID", "udp-50:50", "run-1", "at most 5.0 ms", "PodLost", "exactly 50 rows"):
        assert words in page


def test_the_docs_page_needs_no_network_and_tells_nobody(make_record, judge):
    page = page_of(judge(make_record("tcp-1:1")))
    assert not re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?(?:https?:)?//""", page)
    assert "<script" not in page


def test_the_docs_page_opens_with_what_the_terminal_shows(make_record, judge):
    page = page_of(judge(make_record("udp-50:50", change=lose(1))))
    summary = " ".join(
        re.sub(r"<[^>]+>", " ", page[page.index("<header>") : page.index("</header>")]).split()
    )
    assert "49/50 pairs of UDP measured" in summary
    assert re.search(r"Jitter Perc95 [\d.]+ ms ≤ 5 ms PASS", summary)
    assert "1 pair PodLost, such as pair 1" in summary


def test_the_docs_page_links_to_no_page_that_is_not_there(make_record, judge):
    links = re.findall(r'href="([^"]*)"', page_of(judge(make_record("udp-1:1"))))
    assert all(link.startswith(("#", "data:")) for link in links)


def test_a_disturbed_run_is_invalid_however_good_its_figures_are(make_record, judge):
    record = make_record("tcp-1:1")
    record = replace(record, facts=replace(record.facts, disturbance="another run measured beside this one"))
    judged = judge(record)
    assert judged.verdict is Verdict.INVALID
    assert offences(judged) == {("undisturbed", "")}
    assert "another run measured beside this one" in found(judged, "undisturbed").detail


def test_where_nothing_was_measured_nothing_is_said_of_figures(make_record, judge):
    judged = judge(make_record("tcp-1:1", change=lose(0)))
    assert {each.requirement for each in judged.findings if each.suite == "data"} == {
        "pairs_planned",
        "pairs_measured",
        "undisturbed",
        "index_unique",
        "listener_unique",
    }
    assert "NaN" not in page_of(judged)


def test_pairs_that_were_never_placed_share_no_listener(make_record, judge):
    def displace(outcome):
        nobody = replace(outcome.pair.server, name="", uid="", ip="", node="")
        return replace(lose(outcome.pair.index)(outcome), pair=replace(outcome.pair, server=nobody))

    judged = judge(make_record("tcp-50:50", change=displace))
    assert found(judged, "listener_unique").verdict is Verdict.PASS
    assert found(judged, "pairs_measured").verdict is Verdict.INVALID


def test_the_docs_page_escapes_what_it_did_not_write(make_record, judge):
    record = make_record("tcp-1:1")
    hostile = replace(record, facts=replace(record.facts, cluster="<img src=x>"))
    assert "<img" not in page_of(judge(hostile))


@pytest.mark.parametrize("run_id", ["99999999999999999999", "2026-11-23-xyz", "a"])
def test_any_run_id_can_be_judged(make_record, judge, run_id):
    assert judge(make_record("tcp-1:1", run_id=run_id)).docs.endswith(f"/gx/{run_id}/index.html")


def test_judging_again_replaces_the_page_and_comes_to_the_same_findings(make_record, judge):
    record = make_record("tcp-1:1")
    first, second = judge(record), judge(record)
    assert (first.findings, first.docs) == (second.findings, second.docs)


def test_runs_that_are_judged_at_the_same_time_do_not_disturb_each_other(make_record, judge):
    verdicts = {}

    def work(name, change):
        verdicts[name] = judge(make_record("tcp-1:1", run_id=name, change=change)).verdict

    threads = [
        threading.Thread(target=work, args=("good", lambda outcome: outcome)),
        threading.Thread(target=work, args=("bad", lose(0))),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert verdicts == {"good": Verdict.PASS, "bad": Verdict.INVALID}


def test_great_expectations_is_not_imported_before_it_is_needed():
    code = (
        "import sys, netcadence.judgement, netcadence.sla; "
        "print([name for name in ('great_expectations', 'pandas') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def with_throughputs(*values):
    """Give the pairs of a repeated tcp-1:1 these figures, in the order of its repeats."""

    def change(outcome):
        value = values[outcome.pair.round]
        results = tuple(
            result.model_copy(update={"value": value}) if result.metric == "throughput" else result
            for result in outcome.results
        )
        return replace(outcome, results=results)

    return change


@pytest.mark.parametrize(
    ("figures", "verdict"),
    [
        ((1001.0, 1020.0, 1100.0, 1050.0, 1003.0), Verdict.PASS),
        ((999.0, 900.0, 950.0, 990.0, 800.0), Verdict.FAIL),
        ((900.0, 1020.0, 1100.0, 1050.0, 1003.0), Verdict.INCONCLUSIVE),
        ((1100.0, 900.0, 950.0, 990.0, 800.0), Verdict.INCONCLUSIVE),
    ],
)
def test_a_repeated_run_is_judged_by_its_whole_interval(make_record, judge, figures, verdict):
    judged = judge(make_record("tcp-1:1", repeats=5, change=with_throughputs(*figures)))
    finding = found(judged, "throughput_min_kbytes")
    assert judged.verdict is finding.verdict is verdict
    assert finding.value == sorted(figures)[2]
    assert (finding.interval.low, finding.interval.high) == (min(figures), max(figures))
    assert (finding.interval.repeats, finding.interval.pairs) == (5, 1)


def test_an_interval_that_touches_a_strict_threshold_has_not_passed_it(make_record, judge, write_sla):
    strict = write_sla("scenarios: {'tcp-1:1': {throughput_min_kbytes: {above: 1000}}}")
    record = make_record("tcp-1:1", repeats=5, change=with_throughputs(*[1000.0] * 5))
    assert judge(record, strict).verdict is Verdict.FAIL
    assert judge(record).verdict is Verdict.PASS


def test_an_upper_threshold_is_judged_by_the_whole_interval_too(make_record, judge, with_figure):
    judged = judge(make_record("udp-1:1", repeats=5, change=with_figure(3, "jitter", 9.0)))
    assert found(judged, "jitter_max_ms").verdict is Verdict.INCONCLUSIVE
    assert found(judged, "packet_loss_max_percent").verdict is Verdict.PASS
    assert judged.verdict is Verdict.INCONCLUSIVE


def test_what_warmed_up_is_not_judged(make_record, judge):
    cold = with_throughputs(1.0, 2000.0, 2001.0, 2002.0, 2003.0, 2004.0)
    judged = judge(make_record("tcp-1:1", repeats=5, warm_up=1, change=cold))
    assert judged.verdict is Verdict.PASS
    assert found(judged, "throughput_min_kbytes").interval.low == 2000.0


def test_a_run_that_measured_once_is_judged_by_its_figure_and_has_no_interval(make_record, judge):
    judged = judge(make_record("tcp-1:1"))
    assert judged.verdict is Verdict.PASS
    assert all(finding.interval is None for finding in judged.findings)


def test_a_repeat_that_lacks_a_figure_leaves_nothing_to_judge(make_record, judge):
    judged = judge(make_record("tcp-1:1", repeats=5, change=lose(3)))
    assert judged.verdict is Verdict.INVALID
    finding = found(judged, "throughput_min_kbytes")
    assert (finding.verdict, finding.value, finding.interval) == (Verdict.INVALID, None, None)


def test_the_page_shows_the_interval_and_what_it_rests_on(make_record, judge):
    figures = with_throughputs(1001.0, 1020.0, 1100.0, 1050.0, 1003.0)
    page = page_of(judge(make_record("tcp-1:1", repeats=5, change=figures)))
    assert "1,001 to 1,100" in page
    assert "95% interval 1,001 to 1,100 (5 repeats of 1 pairs, seed" in page


def test_only_a_sound_run_with_an_interval_around_its_threshold_is_open(make_record):
    asked = sla.default().requirements_for(scenario.find("tcp-1:1"))
    straddling = with_throughputs(900.0, 1020.0, 1100.0, 1050.0, 1003.0)
    assert sla.is_open(make_record("tcp-1:1", repeats=5, change=straddling), asked)
    assert not sla.is_open(make_record("tcp-1:1", repeats=5), asked)
    assert not sla.is_open(make_record("tcp-1:1"), asked)
    lost = make_record("tcp-1:1", repeats=5, change=lambda outcome: lose(2)(straddling(outcome)))
    assert not sla.is_open(lost, asked)


def held_up(*indices):
    """Mark pairs as limited by the processors; without indices, all."""

    def change(outcome):
        marked = not indices or outcome.pair.index in indices
        return replace(outcome, marks=(Mark.CPU_BOUND,)) if marked else outcome

    return change


def test_a_threshold_missed_by_pairs_that_the_processors_held_up_is_inconclusive(
    make_record, judge, with_figure
):
    slow = with_figure(0, "throughput", 900.0)
    judged = judge(make_record("tcp-1:1", change=lambda outcome: held_up()(slow(outcome))))
    finding = found(judged, "throughput_min_kbytes")
    assert judged.verdict is finding.verdict is Verdict.INCONCLUSIVE
    assert "1 of 1 pair held up by processors, not the network" in finding.detail


def test_a_threshold_met_by_pairs_that_the_processors_held_up_is_met_and_says_so(make_record, judge):
    judged = judge(make_record("tcp-1:1", change=held_up()))
    assert judged.verdict is Verdict.PASS
    assert "1 of 1 pair held up by processors" in found(judged, "throughput_min_kbytes").detail
    assert "held up by processors" in page_of(judged)


def test_a_threshold_missed_by_the_other_pairs_alone_stays_missed(make_record, judge, write_sla):
    """Two of ten were held up; the median of ten is below the threshold whatever they would have had."""
    asked = write_sla("scenarios: {'tcp-50:50': {throughput_min_kbytes: 5000}}")
    judged = judge(make_record("tcp-50:50", pairs=10, change=held_up(0, 1)), asked)
    assert found(judged, "throughput_min_kbytes").verdict is Verdict.FAIL
    most = judge(make_record("tcp-50:50", pairs=10, change=held_up(*range(8))), asked)
    assert found(most, "throughput_min_kbytes").verdict is Verdict.INCONCLUSIVE


def test_a_rate_that_was_never_asked_for_is_missed_whatever_the_processors_did(make_record, judge, write_sla):
    asked = write_sla("scenarios: {'udp-1:1': {throughput_min_kbytes: 1000000}}")
    judged = judge(make_record("udp-1:1", change=held_up()), asked)
    assert found(judged, "throughput_min_kbytes").verdict is Verdict.FAIL


def test_repeats_that_the_processors_held_up_cannot_fail_either(make_record, judge):
    slow = with_throughputs(999.0, 900.0, 950.0, 990.0, 800.0)
    judged = judge(make_record("tcp-1:1", repeats=5, change=lambda outcome: held_up()(slow(outcome))))
    assert found(judged, "throughput_min_kbytes").verdict is Verdict.INCONCLUSIVE


def without(reason, message, *indices):
    def change(outcome):
        if indices and outcome.pair.index not in indices:
            return outcome
        return PairOutcome(outcome.pair, error=ReportedError(reason=reason, message=message))

    return change


def test_what_the_cluster_does_not_offer_is_not_judged(make_record, judge):
    """No suite runs where all pairs say so; what would have been asked is listed, without a value."""
    judged = judge(make_record("tcp-1:1", change=without("NotApplicable", "there is no load balancer")))
    assert judged.verdict is Verdict.NOT_APPLICABLE
    assert {each.verdict for each in judged.findings} == {Verdict.NOT_APPLICABLE}
    assert found(judged, "applicable").detail == "there is no load balancer"
    assert found(judged, "throughput_min_kbytes").value is None


def test_one_pair_to_which_it_does_not_apply_is_a_missing_pair(make_record, judge):
    judged = judge(make_record("tcp-50:50", pairs=3, change=without("NotApplicable", "not here", 1)))
    assert judged.verdict is found(judged, "pairs_measured").verdict is Verdict.INVALID


def test_a_disturbed_run_is_invalid_even_where_nothing_applies(make_record, judge):
    record = make_record("tcp-1:1", change=without("NotApplicable", "not here"))
    record = replace(record, facts=replace(record.facts, disturbance="the lease was lost"))
    assert judge(record).verdict is Verdict.INVALID


def test_a_change_without_effect_fails_whatever_the_threshold_and_the_statistic(
    make_record, judge, write_sla
):
    """One pair in four that saw none is beyond no median."""

    def change(outcome):
        results = tuple(Result.of(name, 5.0 if name == "effect_after" else 0.0) for name in PROBED)
        marks = (Mark.NO_EFFECT,) if outcome.pair.index == 3 else ()
        return replace(outcome, results=results, marks=marks)

    record = make_record("policy-deny", pairs=4, change=change)
    easy = write_sla("scenarios: {'*': {effect_after_max_ms: {value: 1000, statistic: Perc50}}}")
    judged = judge(record, easy)
    assert judged.verdict is found(judged, "effect_after_max_ms").verdict is Verdict.FAIL
    assert "1 of 4 pairs saw no effect at all" in found(judged, "effect_after_max_ms").detail


@pytest.mark.skipif(
    not may_give_way(), reason="processes cannot be put behind all others here; root may do so"
)
def test_a_court_judges_as_anybody_does_gives_way_meanwhile_and_hands_back_what_it_could_not_judge(
    make_record, judge, tmp_path
):
    record = make_record("tcp-1:1")
    with Court() as court:
        requirements = sla.default().requirements_for(scenario.find("tcp-1:1"))
        case = court.hand(record, requirements, home=tmp_path)
        assert os.sched_getscheduler(court.pid) == os.SCHED_IDLE
        assert os.getpriority(os.PRIO_PROCESS, court.pid) == 19
        with court.awaited():
            assert os.sched_getscheduler(court.pid) == os.SCHED_OTHER
            assert case.verdict() == judge(record)
        assert os.sched_getscheduler(court.pid) == os.SCHED_IDLE
        assert court.hand(record, (None,), home=tmp_path).verdict() is None
        os.kill(court.pid, signal.SIGKILL)
        assert court.hand(record, requirements, home=tmp_path).verdict() is None
    with pytest.raises(ChildProcessError):
        os.waitpid(court.pid, 0)
