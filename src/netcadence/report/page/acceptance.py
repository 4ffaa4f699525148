"""The page of an acceptance: what each check came to, and below it the plots of each run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from netcadence.acceptance.outcome import Acceptance, Measured
from netcadence.record import Verdict
from netcadence.report import acceptance as told
from netcadence.report import content
from netcadence.report.acceptance import Line
from netcadence.report.page.chart import Chart
from netcadence.report.page.rendering import render
from netcadence.report.page.run import charts_of


@dataclass(frozen=True, slots=True)
class _Run:
    """A run as it is shown here.

    Attributes:
        checks: Whose it is, in words.
        page: Where its own page is, beside this one; empty where it has none.
        said: Why there is nothing to show of it, where that is so.
    """

    number: int
    scenario: str
    run_id: str
    verdict: Verdict
    checks: str
    charts: tuple[Chart, ...]
    page: str = ""
    said: str = ""


def acceptance_page(done: Acceptance, *, pages: Mapping[str, str], lake: str = "") -> str:
    """Return the HTML page of an acceptance.

    Args:
        pages: By run id where each run's own page is, as seen from this one.
        lake: Its address.
    """
    return render(
        "acceptance.html.j2",
        done=done,
        profile=done.programme.profile.name,
        verdict=done.verdict,
        summary=f"{told.summary(done)}.".capitalize(),
        rows=[(line, _badge(line)) for line in told.lines(done)],
        notes=[note for note in told.notes(done) if note.text != done.acceptance_id],
        runs=tuple(_runs(done, pages)),
        lake=lake,
    )


def _badge(line: Line) -> str:
    """Return the kind of badge that a line's verdict has; the canary's is a word of its own."""
    if line.verdict in {each.value for each in Verdict}:
        return Verdict(line.verdict).name
    return (Verdict.PASS if line.verdict == told.RANG else Verdict.INVALID).name


def _runs(done: Acceptance, pages: Mapping[str, str]) -> Iterator[_Run]:
    for number, each in enumerate(done.measured, 1):
        judgement = each.judgement
        yield _Run(
            number=number,
            scenario=each.measurement.scenario.name,
            run_id=each.run_id,
            verdict=judgement.verdict if judgement else Verdict.INVALID,
            checks=", ".join(check.title for check in each.measurement.checks)
            if not each.measurement.is_canary
            else "the canary, which has to fail",
            charts=tuple(replace(chart, name=f"run{number}-{chart.name}") for chart in _charts(each)),
            page=pages.get(each.run_id, ""),
            said=content.readable(each.error),
        )


def _charts(measured: Measured) -> Iterator[Chart]:
    judgement = measured.judgement
    if measured.record and judgement and judgement.verdict is not Verdict.NOT_APPLICABLE:
        yield from charts_of(measured.record, judgement)
