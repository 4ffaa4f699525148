"""What is shown of an acceptance: on a terminal, on a page, to a machine and to a build server."""

from __future__ import annotations

import json
import re
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from netcadence.acceptance import profile as profiles
from netcadence.acceptance import programme as programmes
from netcadence.forecast import forecast
from netcadence.lake import Lake
from netcadence.record import Verdict
from netcadence.report import (
    acceptance_as_json,
    acceptance_as_junit,
    acceptance_as_markdown,
    acceptance_rows,
    acceptance_table,
    programme_table,
    summary,
)

RECORDED = Path(__file__).resolve().parents[2] / "data" / "acceptance" / "junit.xml"
JITTER = {("udp-1:1", "jitter_max_ms"): Verdict.FAIL}


def printed(done, width=100):
    console = Console(file=StringIO(), width=width, color_system=None)
    console.print(acceptance_table(done))
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 100])
def test_the_table_fits_and_shows_every_verdict(accepted, width):
    shown = printed(accepted(JITTER), width)
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= width
    table = shown.strip().partition("\n\n")[0]
    words = re.findall(r"(PASS|FAIL|RANG) *$", table, re.MULTILINE)
    assert words == ["PASS", "PASS", "FAIL", "PASS", "PASS", "RANG", "PASS"]


def test_a_line_has_level_check_value_with_unit_threshold_and_verdict(accepted):
    (line,) = [each for each in printed(accepted()).splitlines() if "Basic bandwidth" in each]
    assert line.split("  ")[0] == "required"
    assert re.search(r"2,000 KBytes/s ≥ 1,000 KBytes/s PASS", line)


def test_the_last_line_of_the_table_is_the_verdict_on_the_whole(accepted):
    assert acceptance_rows(accepted(canary=Verdict.PASS))[-1] == {
        "level": "",
        "title": "Acceptance",
        "metric": "",
        "value": "",
        "threshold": "",
        "verdict": "INVALID",
    }


def test_a_silent_canary_is_said_in_a_sentence(accepted):
    shown = " ".join(printed(accepted(canary=Verdict.PASS)).split())
    assert "SILENT" in shown
    assert "the alarm did not ring" in shown


def test_a_threshold_that_was_reached_in_data_that_do_not_hold_is_not_shown_as_passed(accepted):
    lines = [each for each in printed(accepted(unsound=("tcp-1:1",))).splitlines() if "bandwidth" in each]
    assert lines[0].rstrip().endswith("INVALID")


def test_the_summary_counts_what_passed(accepted):
    assert summary(accepted()) == "accepted, 4 of 4 checks passed"
    assert summary(accepted(JITTER)) == "accepted, 3 of 4 checks passed, with 1 warning"
    assert (
        summary(accepted(inapplicable={"udp-1:1": "no"}))
        == "accepted, 3 of 4 checks passed, 1 not applicable"
    )
    assert summary(accepted(canary=Verdict.PASS)) == "not accepted: 4 of 4 checks passed"


def test_the_page_links_the_evidence_of_each_measurement(accepted):
    page = acceptance_as_markdown(accepted(JITTER), lake="/lake")
    assert page.startswith("## PASS: lab of lab\n")
    for name in ("tcp-1-1", "udp-1-1", "http-1-1", "tcp-1-1-canary"):
        assert f"Data Docs `file:///home/you/gx/20260131-033000-{name}-abcd/index.html`" in page
    assert "| **FAIL** |" in page
    assert "Lake: `/lake`" in page


def test_a_machine_gets_all_of_it(accepted):
    found = json.loads(json.dumps(acceptance_as_json(accepted(JITTER))))
    assert (found["verdict"], found["accepted"]) == ("PASS", True)
    assert [each["verdict"] for each in found["checks"]] == ["PASS", "PASS", "FAIL", "PASS"]
    assert found["canary"]["rang"] is True
    assert found["checks"][2]["run_id"] in found["runs"]


#: What a build server's schema allows in each element: attributes, and children in this order.
ALLOWED = {
    "testsuites": ({"name", "tests", "failures", "errors", "time"}, ("testsuite",)),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"},
        ("properties", "testcase", "system-out"),
    ),
    "properties": (set(), ("property",)),
    "property": ({"name", "value"}, ()),
    "testcase": ({"name", "classname", "time"}, ("skipped", "error", "failure", "system-out")),
    "skipped": ({"message"}, ()),
    "error": ({"message", "type"}, ()),
    "failure": ({"message", "type"}, ()),
    "system-out": (set(), ()),
}


def parsed(done):
    root = ET.fromstring(acceptance_as_junit(done))  # noqa: S314 - our own text
    for element in root.iter():
        attributes, children = ALLOWED[element.tag]
        assert set(element.attrib) <= attributes
        order = [children.index(child.tag) for child in element]
        assert order == sorted(order)
    return root


def outcomes(root):
    return {
        case.get("name"): next((c.tag for c in case if c.tag != "system-out"), "")
        for case in root.iter("testcase")
    }


def test_junit_is_what_was_recorded(accepted):
    """All but the evidence, which says what runs say, and what changes with a release or a scenario."""
    root = parsed(accepted(JITTER, errors={"http-1:1": "siege is missing"}))
    for case in root.iter("testcase"):
        case.find("system-out").text = "…"
    for each in root.iter("property"):
        if each.get("name") in ("profile_hash", "netcadence_version"):
            each.set("value", "…")
    assert ET.tostring(root, encoding="unicode") + "\n" == RECORDED.read_text()


def test_junit_has_a_case_for_each_check_and_the_canary(accepted):
    root = parsed(accepted())
    assert outcomes(root) == dict.fromkeys(
        ("connected", "bandwidth", "quality", "response", "bandwidth-canary"), ""
    )
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("5", "0", "0")


def test_junit_says_failure_of_what_was_missed_and_error_of_what_was_not_shown(accepted):
    root = parsed(
        accepted({("http-1:1", "response_time_max_sec"): Verdict.FAIL, **JITTER}, unsound=("tcp-1:1",))
    )
    assert outcomes(root) == {
        "connected": "error",
        "bandwidth": "error",
        "quality": "skipped",
        "response": "skipped",
        "bandwidth-canary": "",
    }
    messages = [each.get("message") for each in root.iter("skipped")]
    assert messages[0] == "FAIL: Jitter Perc95 10 ms, ≤ 5 ms is required"


def test_junit_skips_what_is_not_applicable_and_says_why(accepted):
    (skipped,) = parsed(accepted(inapplicable={"udp-1:1": "no UDP here"})).iter("skipped")
    assert skipped.get("message") == "N/A: no UDP here"


def test_junit_fails_what_is_recommended_where_it_is_strict(write_profile, accepted):
    from netcadence.acceptance import programme  # noqa: PLC0415 - only here

    strict = programme.load(write_profile(), strict=True)
    assert outcomes(parsed(accepted(JITTER, of=strict)))["quality"] == "failure"


def test_junit_holds_properties_and_evidence_and_nothing_that_xml_cannot(accepted):
    root = parsed(accepted(errors={"udp-1:1": "said \x1b[31mno\x1b[0m \x00\ud800 & <more>"}))
    properties = {each.get("name"): each.get("value") for each in root.iter("property")}
    assert properties["acceptance_id"] == "20260131-033000-lab-abcd"
    assert properties["verdict"] == "PASS"
    evidence = {case.get("name"): case.find("system-out").text for case in root.iter("testcase")}
    assert "Data Docs: file:///home/you/gx/" in evidence["bandwidth"]
    assert "said no    & <more>" in evidence["quality"]


def test_a_silent_canary_is_an_error_for_a_build_server(accepted):
    assert outcomes(parsed(accepted(canary=Verdict.PASS)))["bandwidth-canary"] == "error"


def test_the_lake_keeps_a_row_for_each_check(accepted, tmp_path):
    lake, done = Lake(tmp_path / "lake"), accepted(JITTER)
    assert lake.keep_acceptance(done).is_new
    assert not lake.keep_acceptance(done).is_new
    rows = lake.acceptances(cluster="lab").sort_values("position").to_dict("records")
    assert [(row["check"], row["level"], row["verdict"]) for row in rows] == [
        ("connected", "required", "PASS"),
        ("bandwidth", "required", "PASS"),
        ("quality", "recommended", "FAIL"),
        ("response", "optional", "PASS"),
        ("bandwidth", "canary", "FAIL"),
    ]
    assert rows[2]["requirement"] == "jitter_max_ms"
    assert (rows[2]["value"], rows[2]["unit"], rows[2]["threshold"]) == (10, "ms", 5)
    assert {row["acceptance_verdict"] for row in rows} == {"PASS"}
    assert rows[4]["scenario"] == "tcp-1:1-canary"


def test_what_would_be_measured_is_whole_in_80_columns():
    programme = programmes.load(profiles.DEFAULT)
    plans = [forecast(each.scenario, namespace="netcadence") for each in programme.measurements]
    console = Console(file=StringIO(), width=80, color_system=None)
    console.print(programme_table(programme, plans))
    text = console.file.getvalue()
    assert "…" not in text
    assert all(check.name in text for check in programme.profile.checks)
    assert "≤ 120 s" in text
