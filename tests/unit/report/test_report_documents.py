"""The verdict as JSON and as Markdown."""

from __future__ import annotations

import json
import math
from dataclasses import replace

from netcadence.record import Finding, Judgement, Verdict
from netcadence.report import as_json, as_markdown
from netcadence.report.content import notes
from netcadence_worker.contract import Mark


def test_the_document_survives_json(troubled, invalid):
    document = as_json(troubled, invalid)
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_the_document_says_verdict_pairs_and_when(troubled, invalid):
    document = as_json(troubled, invalid)
    assert document["verdict"] == "INVALID"
    assert document["pairs"] == {"planned": 8, "measured": 5}
    assert document["started_at"] == "2026-01-31T03:30:00.123456Z"
    assert document["skew_ms"] == {"p50": 0.8, "p99": 3.14159, "max": 4.0, "bound": 100.0}
    assert document["marks"] == {"ClocksDisagree": 1}


def test_the_document_keeps_every_finding_unrounded(troubled, invalid):
    found = as_json(troubled, invalid)["findings"]
    assert len(found) == len(invalid.findings)
    assert found[2]["value"] == 812_345.678
    assert found[4]["value"] is None


def test_the_document_has_each_failed_pair(troubled, invalid):
    errors = as_json(troubled, invalid)["errors"]
    assert [(error["pair"], error["reason"]) for error in errors] == [
        (5, "ConnectionRefused"),
        (6, "PodLost"),
        (7, "ConnectionRefused"),
    ]
    assert errors[1]["client"] == {"pod": "w-12", "node": "node-a"}


def test_what_is_no_number_is_null(measured):
    finding = Finding("sla", "x", "jitter", "Perc95", math.nan, "ms", "<=", math.inf, Verdict.INVALID)
    document = as_json(measured, Judgement(Verdict.INVALID, (finding,)))
    assert document["findings"][0]["value"] is None
    assert document["findings"][0]["threshold"] is None


def test_an_unmeasured_skew_is_null(make_record, troubled, invalid):
    skew = as_json(make_record(*troubled.outcomes, skew=None), invalid)["skew_ms"]
    assert skew == {"p50": None, "p99": None, "max": None, "bound": 100.0}


def test_markdown_has_heading_table_and_addresses(troubled, invalid):
    page = as_markdown(troubled, invalid, lake="s3://bucket/lake")
    assert page.startswith("## INVALID: tcp-50:50 on embedded\n")
    assert "| Throughput Perc50 | 812,346 KBytes/s | ≥ 1,000 KBytes/s | PASS |" in page
    assert "| Consistency | 0.69999 | ≥ 0.7 | **FAIL** |" in page
    assert "Data Docs: `file:///docs/run.html`" in page
    assert "Lake: `s3://bucket/lake`" in page
    assert f"`netcadence report {troubled.facts.run_id} --lake 's3://bucket/lake'`" in page


def test_markdown_names_no_address_that_there_is_not(measured, passing):
    page = as_markdown(measured, passing)
    assert "Data Docs" not in page
    assert "Lake" not in page


def test_a_tools_words_are_no_markdown(troubled, invalid):
    page = as_markdown(troubled, invalid)
    assert "pod w-9 is gone \\| evicted" in page
    assert "      connect [failed]: Connection refused" in page


def test_no_name_breaks_a_heading_or_a_row(measured, passing):
    facts = replace(measured.facts, scenario="a\nb | c", cluster="d\r\ne")
    page = as_markdown(replace(measured, facts=facts), passing)
    assert page.splitlines()[0] == r"## PASS: a b \| c on d e"


def test_every_mark_is_explained(make_record, troubled, passing):
    first = replace(troubled.outcomes[0], marks=tuple(Mark))
    record = make_record(first)
    explained = [note.text for note in notes(record, passing) if note.about == "mark"]
    assert len(explained) == len(Mark)
