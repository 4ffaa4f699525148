"""What is shown of an acceptance: a table for a terminal, Markdown for a page, a document for a machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from netcadence.acceptance.outcome import CANARY, Acceptance, CheckResult, Measured, rang
from netcadence.record import Finding, Verdict
from netcadence.report import content
from netcadence.report.document import as_json as run_as_json
from netcadence.report.document import finding_as_json, instant
from netcadence.report.markdown import (
    address_as_markdown,
    escaped,
    table_as_markdown,
    verdict_as_markdown,
)
from netcadence.report.table import VERDICT_STYLES
from netcadence.words import counted

#: What the canary's row says in the place of a verdict, by whether the alarm rang.
RANG: Final = "RANG"
_ALARM: Final = {True: RANG, False: "SILENT"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table, in words; the first of a check names it."""

    level: str
    title: str
    metric: str
    value: str
    threshold: str
    verdict: str
    style: str


def lines(done: Acceptance) -> Iterator[Line]:
    """Yield a line for each thing that was asked, and at last the verdict on the whole."""
    for result in done.rows:
        level, title = result.level, result.check.title
        if result.level == CANARY:
            title = f"Planted cap on {result.measured.measurement.scenario.name.removesuffix('-canary')}"
        for row in _rows(result):
            word, style = row.verdict.value, VERDICT_STYLES[row.verdict]
            if result.level == CANARY:
                word, style = _ALARM[rang(result)], VERDICT_STYLES[_good(rang(result))]
            yield Line(level, title, row.metric, row.value, row.threshold, word, style)
            level = title = ""
    verdict = done.verdict
    yield Line("", "Acceptance", "", "", "", verdict.value, VERDICT_STYLES[verdict])


def _rows(result: CheckResult) -> list[content.Row]:
    """Return a row for each finding, or one for all where the measurement as a whole does not hold.

    That there is nothing of what there may be nothing of goes without saying.
    """
    told = [each for each in result.findings if not _is_nothing(each)] or list(result.findings)
    rows = [content.threshold_row(each, _tool(result)) for each in told]
    if not rows or all(row.verdict is not result.verdict for row in rows):
        return [content.Row(rows[0].metric if rows else "", "", "", result.verdict)]
    return rows


def _is_nothing(finding: Finding) -> bool:
    return finding.verdict is Verdict.PASS and finding.value == finding.threshold == 0


def _tool(result: CheckResult) -> str:
    return result.measured.measurement.scenario.tool.value


def _good(is_good: bool) -> Verdict:  # noqa: FBT001 - a word for it
    return Verdict.PASS if is_good else Verdict.INVALID


def acceptance_table(done: Acceptance) -> RenderableType:
    """Return an acceptance as a rich renderable within 100 columns: the table, and what it does not say."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("Level", no_wrap=True, min_width=11)
    table.add_column("Check", overflow="fold", min_width=10)
    table.add_column("Metric", overflow="fold", min_width=10)
    table.add_column("Value", justify="right", overflow="fold", min_width=8)
    table.add_column("Threshold", justify="right", overflow="fold", min_width=8)
    table.add_column("Verdict", no_wrap=True, min_width=7)
    for line in lines(done):
        cells = (line.level, line.title, line.metric, line.value, line.threshold)
        table.add_row(*map(Text, cells), Text(line.verdict, style=line.style))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    about = ""
    for note in notes(done):
        grid.add_row("" if note.about == about else note.about, Text(note.text))
        about = note.about
    return Group("", table, "", grid)


def notes(done: Acceptance) -> Iterator[content.Note]:
    """Yield what the table does not say: where and when, what kept the verdict from PASS, and why."""
    took_s = (done.ended_at - done.started_at).total_seconds()
    profile = done.programme.profile
    yield content.Note("acceptance", done.acceptance_id)
    yield content.Note("profile", f"{profile.name}{', strict' if profile.strict else ''} on {done.cluster}")
    yield content.Note("took", f"{took_s:.0f} s, of which {done.traffic_s:.0f} s of traffic")
    for reason in done.reasons():
        yield content.Note("verdict", reason)
    for result in done.results:
        for note in content.effects(result.measured.record) if result.measured.record else ():
            yield content.Note(note.about, f"{result.check.name}: {note.text}")
    details: dict[str, list[str]] = {}
    for result in done.results:
        if result.detail:
            details.setdefault(content.readable(result.detail), []).append(result.check.name)
    for detail, names in details.items():
        yield content.Note("note", f"{', '.join(names)}: {detail}")


def acceptance_as_markdown(done: Acceptance, *, lake: str = "", link: Callable[[str], str] = str) -> str:
    """Return an acceptance as Markdown: a heading, the table, why, and the evidence of each check.

    Args:
        link: Returns where a browser finds a file, by its address.
    """
    head = f"## {done.verdict}: {escaped(done.programme.profile.name)} of {escaped(done.cluster)}"
    headings = ("Level", "Check", "Metric", "Value", "Threshold", "Verdict")
    table = table_as_markdown(headings, map(_cells, lines(done)), numbers=(3, 4))
    about = [f"- **{note.about}**: {escaped(' '.join(note.text.split()))}" for note in notes(done)]
    evidence = [
        f"- {escaped(each.measurement.scenario.name)}: {_evidence(each, link)}" for each in done.measured
    ]
    parts = [head, table, "\n".join(about), "\n".join(("### Evidence", "", *evidence))]
    return "\n\n".join((*parts, *([f"Lake: `{lake}`"] if lake else []))) + "\n"


def _cells(line: Line) -> tuple[str, ...]:
    words = (line.level, line.title, line.metric, line.value, line.threshold)
    verdict = line.verdict if line.verdict == RANG else verdict_as_markdown(line.verdict)
    return (*map(escaped, words), verdict)


def _evidence(measured: Measured, link: Callable[[str], str]) -> str:
    docs = measured.judgement.docs if measured.judgement else ""
    said = [
        f"run `{measured.run_id}`",
        f"[flow run]({measured.page})" if measured.page else "",
        f"Data Docs {address_as_markdown(link(docs))}" if docs else "",
    ]
    return ", ".join(filter(None, said))


def acceptance_rows(done: Acceptance) -> list[dict[str, str]]:
    """Return the table as rows of words, for a page that lays them out itself."""
    names = ("level", "title", "metric", "value", "threshold", "verdict")
    return [{name: getattr(line, name) for name in names} for line in lines(done)]


def acceptance_as_json(done: Acceptance) -> dict[str, Any]:
    """Return an acceptance as a document.

    Keys: `acceptance_id`, `cluster`, `profile`, `profile_hash`, `strict`, `started_at`, `ended_at` (RFC 3339,
    UTC), `verdict`, `accepted`, `reasons`, `checks` (one each, in the profile's order, with its findings and
    the run that it was judged by), `canary` (likewise, and whether it `rang`; null where there is none),
    `runs` (as of `netcadence run --json`, by run id), `traffic_s`, `phases_s`.
    """
    verdict = done.verdict
    return {
        "acceptance_id": done.acceptance_id,
        "cluster": done.cluster,
        "profile": done.programme.profile.name,
        "profile_hash": done.programme.profile_hash,
        "strict": done.is_strict,
        "started_at": instant(done.started_at),
        "ended_at": instant(done.ended_at),
        "verdict": verdict.value,
        "accepted": verdict is Verdict.PASS,
        "reasons": list(done.reasons()),
        "checks": [_check(each) for each in done.results],
        "canary": _check(done.canary) | {"rang": rang(done.canary)} if done.canary else None,
        "runs": {
            each.run_id: run_as_json(each.record, each.judgement)
            for each in done.measured
            if each.record and each.judgement
        },
        "traffic_s": round(done.traffic_s, 3),
        "phases_s": dict(done.phases_s),
    }


def _check(result: CheckResult) -> dict[str, Any]:
    measured = result.measured
    return {
        "check": result.check.name,
        "title": result.check.title,
        "level": result.level,
        "scenario": measured.measurement.scenario.name,
        "verdict": result.verdict.value,
        "detail": result.detail,
        "findings": [finding_as_json(each) for each in result.findings],
        "run_id": measured.run_id,
        "prefect_run": measured.page or None,
        "data_docs": measured.judgement.docs if measured.judgement else None,
    }


def summary(done: Acceptance) -> str:
    """Return the verdict in one sentence, such as `accepted, with 1 warning`."""
    passed = sum(each.verdict is Verdict.PASS for each in done.results)
    said = f"{passed} of {counted(len(done.results), 'check')} passed"
    if inapplicable := sum(each.verdict is Verdict.NOT_APPLICABLE for each in done.results):
        said += f", {inapplicable} not applicable"
    if done.verdict is not Verdict.PASS:
        return f"not accepted: {said}"
    warnings = sum(reason.startswith("warning: ") for reason in done.reasons())
    return f"accepted, {said}" + (f", with {counted(warnings, 'warning')}" if warnings else "")
