"""What a run comes to: two Great Expectations suites over its pairs, and the verdict they add up to.

`data` asks whether the figures can be believed, `sla` whether they are good enough. What belongs here:
building the suites, running them, keeping their results and Data Docs. What must not: measuring, storing in
the lake, printing.

Great Expectations takes seconds to import, so that it is imported only once `judge` or `preload` is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from netcadence.judgement.library import preload
from netcadence.record import Finding, Judgement, RunRecord, Verdict
from netcadence.sla import Requirement

__all__ = ["judge", "preload", "unjudged"]


def judge(record: RunRecord, requirements: Sequence[Requirement], *, home: Path) -> Judgement:
    """Judge a run, and keep the evidence in `home`/gx/<run id>.

    Args:
        record: The run, with an outcome for each planned pair.
        requirements: What is asked of the run's scenario; `Sla.requirements_for` returns a file's.
        home: Folder under which suites, results and the Data Docs page are kept. Judging a run again
            replaces its page. Runs do not touch each other's files, so that judging never slows down with
            their number.

    Returns:
        N/A where the cluster does not offer what was to be measured; no suite runs then. Otherwise INVALID
        where the data suite fails or nothing is asked; else FAIL where a requirement is missed; else PASS.
        The findings hold every expectation: those of the data suite, then one for each requirement, in
        their order.
    """
    if record.not_applicable:
        return _not_applicable(record, requirements)
    preload()
    from netcadence.judgement import bench  # noqa: PLC0415 - imports Great Expectations

    return bench.judge(record, requirements, home=home)


def unjudged(why: str) -> Judgement:
    """Return what a run comes to that was stopped before it could be judged: INVALID, and why."""
    stopped = Finding(
        suite="data",
        requirement="run_completed",
        metric="",
        statistic="",
        value=None,
        unit="",
        comparison="==",
        threshold=None,
        verdict=Verdict.INVALID,
        detail=why,
    )
    return Judgement(Verdict.INVALID, (stopped,))


def _not_applicable(record: RunRecord, requirements: Sequence[Requirement]) -> Judgement:
    """Return what a run comes to of which there is nothing to judge: why, and what would have been asked."""
    offered = Finding(
        suite="data",
        requirement="applicable",
        metric="",
        statistic="",
        value=None,
        unit="",
        comparison="==",
        threshold=None,
        verdict=Verdict.NOT_APPLICABLE,
        detail=record.not_applicable,
    )
    asked = (
        Finding(
            suite="sla",
            requirement=requirement.name,
            metric=requirement.metric.name,
            statistic=requirement.statistic.name,
            value=None,
            unit=requirement.unit,
            comparison=requirement.comparison,
            threshold=requirement.threshold,
            verdict=Verdict.NOT_APPLICABLE,
        )
        for requirement in requirements
    )
    return Judgement(Verdict.NOT_APPLICABLE, (offered, *asked))
