"""The verdict table as a terminal shows it."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from netcadence.record import Finding, Judgement, Verdict
from netcadence.report import VERDICT_STYLES, verdict_table


def shown(record, judgement, *, width=80, colour=False):
    terminal = Console(
        file=StringIO(), width=width, force_terminal=colour, color_system="standard" if colour else None
    )
    terminal.print(verdict_table(record, judgement))
    return terminal.file.getvalue()


def line_with(text, words):
    return next(" ".join(line.split()) for line in text.splitlines() if words in line)


def test_a_row_says_scenario_pairs_metric_value_threshold_and_verdict(measured, passing):
    row = line_with(shown(measured, passing), "Throughput")
    assert row == "tcp-50:50 1/1 Throughput Perc50 5,242,880 KBytes/s ≥ 1,000 KBytes/s PASS"


def test_pairs_are_those_measured_of_those_planned(troubled, invalid):
    assert "tcp-50:50 5/8 Throughput" in line_with(shown(troubled, invalid), "Throughput")


def test_the_checks_of_the_data_are_one_row(troubled, invalid):
    assert line_with(shown(troubled, invalid), "Data checks") == "Data checks 1 of 2 INVALID"


def test_the_last_row_is_the_runs_own_verdict(troubled, invalid):
    assert line_with(shown(troubled, invalid), "Run ") == "Run INVALID"


def test_a_verdict_is_whole_however_long_names_and_numbers_are(measured, passing):
    (*data, asked) = passing.findings
    asked = replace(asked, value=123_456_789.0, threshold=1e8, verdict=Verdict.INCONCLUSIVE)
    text = shown(measured, Judgement(Verdict.INCONCLUSIVE, (*data, asked)))
    assert line_with(text, "Run ") == "Run INCONCLUSIVE"
    assert "123,456,789" in text
    assert max(map(len, text.splitlines())) <= 80


def test_a_missing_value_is_never_a_number(troubled, invalid):
    assert "mean - ≤ 10 ms INCONCLUSIVE" in line_with(shown(troubled, invalid), "Latency")


def test_a_failed_check_is_explained(troubled, invalid):
    assert "pairs measured: 3 of 8 pairs have no result" in shown(troubled, invalid)


def test_a_failed_check_without_words_is_named_with_its_figures(measured):
    check = Finding("data", "start_known", "", "count", 2, "pairs", "<=", 0, Verdict.INVALID)
    text = shown(measured, Judgement(Verdict.INVALID, (check,)))
    assert "start known: 2 pairs, ≤ 0 pairs is required" in text


def test_errors_are_counted_by_reason_with_an_example(troubled, invalid):
    text = shown(troubled, invalid, width=200)
    assert "error    2 pairs ConnectionRefused, such as pair 5, w-10 (node-a) → w-11 (node-b): …" in text
    assert "1 pair PodLost, such as pair 6, w-12 (node-a) → w-13 (node-b): pod w-9 is gone | evicted" in text


def test_an_example_ends_with_the_tools_last_lines(troubled, invalid):
    lines = [line.strip() for line in shown(troubled, invalid).splitlines()]
    start = lines.index("one")
    assert lines[start : start + 4] == ["one", "two", "three", "connect [failed]: Connection refused"]
    assert "iperf said:" not in lines


def test_a_tools_words_cannot_steer_the_terminal(troubled, invalid):
    text = shown(troubled, invalid)
    assert "\x1b" not in text
    assert "\x07" not in text


def test_marks_are_counted_and_explained(troubled, invalid):
    assert "1 pair ClocksDisagree: the clocks of both sides disagree" in shown(troubled, invalid)


def test_the_skew_stands_beside_what_is_required(measured, passing):
    assert "p50 0.8 ms, p99 3.14 ms, max 4 ms (p99 ≤ 100 ms is required)" in shown(measured, passing)


def test_an_unknown_skew_is_said_to_be_unknown(make_record, invalid, troubled):
    record = make_record(*troubled.outcomes, skew=None)
    assert "skew     unknown: no pair reported its start" in shown(record, invalid)


def test_a_skew_that_the_workers_do_not_tell_is_said_to_be_not_judged(make_record, passing, measured):
    record = make_record(*measured.outcomes, skew=None)
    record = replace(record, facts=replace(record.facts, tells_starts=False))
    said = " ".join(shown(record, passing).split())
    assert "not proved: these workers do not report when they start, so p99 ≤ 100 ms is not judged" in said
    assert "required" not in said


def test_a_run_can_be_found_again(measured, passing):
    text = shown(measured, passing)
    assert line_with(text, "run ") == "run tcp-50-50-20260131t033000-abcd"
    assert line_with(text, "setup") == "setup embedded (namespaces) · iperf 2.1.8 · 10 s"


def test_a_response_time_of_siege_shows_how_coarse_its_clock_is(make_record, measured):
    found = Finding("sla", "x", "response_time", "Perc95", 0.0, "s", "<=", 1.0, Verdict.PASS)
    record = make_record(*measured.outcomes, scenario="http-1:1")
    record = replace(record, facts=replace(record.facts, tool="siege"))
    row = line_with(shown(record, Judgement(Verdict.PASS, (found,))), "Response")
    assert row == "http-1:1 1/1 Response time Perc95 0.00 s ≤ 1 s PASS"


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal(troubled, invalid, width):
    assert max(map(len, shown(troubled, invalid, width=width).splitlines())) <= width


def test_at_80_columns_no_word_is_cut(troubled, invalid):
    text = shown(troubled, invalid)
    for word in ("INCONCLUSIVE", "812,346 KBytes/s", "≥ 1,000 KBytes/s", "tcp-50:50", "Consistency"):
        assert word in text


def test_a_long_scenario_name_is_shown_whole(make_record, measured, passing):
    name = "a-scenario-with-a-very-long-name-indeed:50"
    text = shown(make_record(*measured.outcomes, scenario=name), passing)
    table = text.strip().split("\n\n")[0]
    assert "".join(line.split(" ")[0] for line in table.splitlines()[2:]) == name
    assert "5,242,880 KBytes/s" in text


@pytest.mark.parametrize("verdict", Verdict)
def test_each_verdict_has_a_colour_and_a_word(measured, verdict):
    text = shown(measured, Judgement(verdict, ()), colour=True)
    assert verdict in text
    assert len(set(VERDICT_STYLES.values())) == len(Verdict)


def test_what_the_cluster_does_not_offer_is_said_once_with_its_reason(inapplicable):
    """Neither a skew nor a range is missed there, and the pairs' errors would repeat the reason."""
    asked = Finding("sla", "x", "throughput", "Perc50", None, "KBytes/s", ">=", 1.0, Verdict.NOT_APPLICABLE)
    offered = Finding("data", "applicable", "", "", None, "", "==", None, Verdict.NOT_APPLICABLE, "no")
    text = shown(inapplicable, Judgement(Verdict.NOT_APPLICABLE, (offered, asked)))
    assert line_with(text, "Throughput").endswith("- ≥ 1 KBytes/s N/A")
    assert line_with(text, "why") == "why no controller assigns load balancers here"
    assert text.count("no controller") == 1
    assert not any(word in text for word in ("skew", "range", "error", "Data checks"))
