"""An acceptance as JUnit XML, which build servers show: one test case a check.

What keeps the network from being accepted is a failure where a threshold was missed, and an error where
nothing was shown. JUnit knows no warnings, and a build server calls a build with a failure broken: what only
warns or informs, and what is not applicable, is skipped, with its verdict in the message.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Final
from xml.etree import ElementTree as ET

from netcadence import __version__
from netcadence.acceptance.outcome import CANARY, Acceptance, CheckResult, counting, rang
from netcadence.record import Verdict
from netcadence.report import content
from netcadence.report.acceptance import summary

_SUITES: Final = "netcadence acceptance"


def acceptance_as_junit(done: Acceptance) -> str:
    """Return an acceptance as a JUnit document, with its circumstances as properties."""
    cases = [_case(done, result) for result in done.rows]
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.find("failure") is not None for case in cases)),
        "errors": str(sum(case.find("error") is not None for case in cases)),
    }
    seconds = f"{(done.ended_at - done.started_at).total_seconds():.3f}"
    suites = ET.Element("testsuites", {"name": _SUITES, **counts, "time": seconds})
    suite = ET.SubElement(
        suites,
        "testsuite",
        {
            "name": _plain(f"{done.programme.profile.name}.{done.cluster}"),
            **counts,
            "skipped": str(sum(case.find("skipped") is not None for case in cases)),
            "time": seconds,
            # The schema wants an instant without a zone.
            "timestamp": f"{done.started_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}",
            "hostname": _plain(done.cluster),
        },
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(done):
        ET.SubElement(properties, "property", {"name": name, "value": _plain(value)})
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = _plain("\n".join((summary(done), *done.reasons())))
    ET.indent(suites)
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _properties(done: Acceptance) -> Iterator[tuple[str, str]]:
    yield "acceptance_id", done.acceptance_id
    yield "cluster", done.cluster
    yield "verdict", done.verdict.value
    yield "profile", done.programme.profile.name
    yield "profile_hash", done.programme.profile_hash
    yield "strict", str(done.is_strict).lower()
    yield "netcadence_version", __version__


def _case(done: Acceptance, result: CheckResult) -> ET.Element:
    record = result.measured.record
    took_s = (record.facts.ended_at - record.facts.started_at).total_seconds() if record else 0.0
    name = f"{result.check.name}-canary" if result.level == CANARY else result.check.name
    case = ET.Element(
        "testcase",
        {"name": name, "classname": f"{done.programme.profile.name}.{result.level}", "time": f"{took_s:.3f}"},
    )
    kind = _kind(result, strict=done.is_strict)
    message = _plain(": ".join(filter(None, (result.verdict.value, _first_line(result)))))
    if kind == "skipped":
        ET.SubElement(case, kind, {"message": message})
    elif kind:
        trouble = ET.SubElement(case, kind, {"message": message, "type": result.verdict.value})
        trouble.text = content.readable(result.detail) or None
    ET.SubElement(case, "system-out").text = _evidence(result)
    return case


def _kind(result: CheckResult, *, strict: bool) -> str:
    """Return the element that says why a case did not pass; empty where it did."""
    if result.level == CANARY:
        return "" if rang(result) else "error"
    if result.verdict is Verdict.PASS:
        return ""
    counted = counting(result.check.level, result.verdict, strict=strict)
    if counted is None:
        return "skipped"
    return "failure" if counted is Verdict.FAIL else "error"


def _first_line(result: CheckResult) -> str:
    decisive = result.decisive
    if decisive is None or decisive.verdict in (Verdict.PASS, Verdict.NOT_APPLICABLE):
        return content.readable(result.detail)
    row = content.threshold_row(decisive, result.measured.measurement.scenario.tool.value)
    return f"{row.metric} {row.value}, {row.threshold} is required"


def _evidence(result: CheckResult) -> str:
    """Return all that is known of a check: each figure, what was said, and where to look further."""
    measured = result.measured
    figures = (
        content.threshold_row(each, measured.measurement.scenario.tool.value) for each in result.findings
    )
    docs = measured.judgement.docs if measured.judgement else ""
    said = [
        result.check.title,
        f"scenario {measured.measurement.scenario.name}, run {measured.run_id}: {result.verdict}",
        *(f"{row.metric}: {row.value} ({row.threshold}): {row.verdict}" for row in figures),
        content.readable(result.detail),
        *([f"{note.about}: {note.text}" for note in _notes(result)]),
        f"Data Docs: {docs}" if docs else "",
        f"flow run: {measured.page}" if measured.page else "",
    ]
    return _plain("\n".join(filter(None, said)))


def _notes(result: CheckResult) -> tuple[content.Note, ...]:
    record, judgement = result.measured.record, result.measured.judgement
    return content.notes(record, judgement) if record and judgement else ()


def _plain(text: str) -> str:
    """Return text that XML can hold, which is not true of most control characters."""
    return content.readable(text)
