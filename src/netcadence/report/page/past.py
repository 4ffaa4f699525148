"""What the same scenario came to before, drawn: one point a run, beside the threshold that it had."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from netcadence.kube.run import may_be_of
from netcadence.lake import Lake
from netcadence.lake.lake import Wanted
from netcadence.record import UNSOUND, RunFacts, Verdict
from netcadence.report.content import figure_name
from netcadence.report.figures import figure, limit
from netcadence.report.page.chart import Chart, Rule, Shape, Table, dot, level, line
from netcadence.report.page.scale import LENGTH, Scale
from netcadence.traffic_path import TrafficPath
from netcadence.words import counted
from netcadence_worker.metrics import METRICS

if TYPE_CHECKING:
    import pandas as pd

#: One after the other, until there are enough runs.
_LOOKED_BACK: Final = (timedelta(days=7), timedelta(days=90))
_MOST_RUNS: Final = 120
_FAR: Final = 3.0
_LEAST_RUNS: Final = 2
_MOST_CHARTS: Final = 6
#: What is read of the tables `runs` and `verdicts`: they hold far more, and a run waits for its page.
_RUN: Final = ("run_id", "started_at", "verdict", "path", "ip_family")
_FINDING: Final = (
    "run_id",
    "started_at",
    "suite",
    "requirement",
    "metric",
    "statistic",
    "value",
    "unit",
    "comparison",
    "threshold",
    "verdict",
)
#: What is drawn round; all else is square, so that it is told apart without colours.
_ROUND: Final = (Verdict.PASS, Verdict.INCONCLUSIVE)


@dataclass(frozen=True, slots=True)
class PastFinding:
    """What a run once came to by one requirement.

    Attributes:
        verdict: The finding's own, or INVALID where nothing of the run holds.
    """

    run_id: str
    started_at: datetime
    requirement: str
    metric: str
    statistic: str
    value: float
    unit: str
    comparison: str
    threshold: float | None
    verdict: Verdict


def read(lake: Lake, facts: RunFacts) -> tuple[PastFinding, ...]:
    """Return what the same scenario came to in the 90 days until a run, by the same way, oldest first.

    Raises:
        LakeError: The storage did not answer.
    """
    runs = _alike(lake, facts)
    if not len(runs):
        return ()
    verdicts = dict(zip(runs["run_id"], runs["verdict"], strict=True))
    rows = lake.verdicts(
        _FINDING, **_span(facts, runs["started_at"].iloc[0].to_pydatetime()) | Wanted(run_id=verdicts.keys())
    )
    rows = rows[(rows["suite"] == "sla") & rows["value"].notna()]
    # Null, and not NaN, is what a row without a threshold has.
    told = rows.astype(object).where(rows.notna(), None).to_dict("records")
    return tuple(_finding(row, Verdict(verdicts[row["run_id"]])) for row in told)


def _alike(lake: Lake, facts: RunFacts) -> pd.DataFrame:
    """Return the runs that are drawn; those of a week are enough where there is one each hour.

    Of hundreds of runs a few are of this scenario: the files of those that are not need not be opened.
    """
    for looked_back in _LOOKED_BACK:
        span = _span(facts, facts.started_at - looked_back)
        ids = {each for each in lake.run_ids(**span) if may_be_of(each, facts.scenario)}
        if len(ids) < _MOST_RUNS and looked_back is not _LOOKED_BACK[-1]:
            continue
        runs = lake.runs(_RUN, **span | Wanted(run_id=ids))
        alike = runs[
            (runs["path"].fillna(TrafficPath.POD_IP.value) == facts.path)
            & (runs["ip_family"].fillna("") == facts.ip_family)
        ]
        if len(alike) >= _MOST_RUNS:
            break
    return alike.tail(_MOST_RUNS)


def _span(facts: RunFacts, since: datetime) -> Wanted:
    until = facts.started_at + timedelta(microseconds=1)
    return Wanted(cluster=facts.cluster, scenario=facts.scenario, since=since, until=until)


def _finding(row: Mapping[Hashable, Any], of_run: Verdict) -> PastFinding:
    holds = of_run not in UNSOUND
    return PastFinding(
        run_id=row["run_id"],
        started_at=row["started_at"].to_pydatetime(),
        requirement=row["requirement"],
        metric=row["metric"] or "",
        statistic=row["statistic"] or "",
        value=row["value"],
        unit=row["unit"] or "",
        comparison=row["comparison"] or "",
        threshold=row["threshold"],
        verdict=Verdict(row["verdict"]) if holds else Verdict.INVALID,
    )


def charts(past: Sequence[PastFinding], run_id: str) -> Iterator[Chart]:
    """Yield a plot for each requirement of which there are several runs."""
    by_requirement = defaultdict[tuple[str, str], list[PastFinding]](list)
    for each in past:
        by_requirement[each.requirement, each.unit].append(each)
    drawn = [found for found in by_requirement.values() if len(found) >= _LEAST_RUNS]
    yield from (_chart(found, run_id) for found in drawn[:_MOST_CHARTS])


def _chart(found: Sequence[PastFinding], run_id: str) -> Chart:
    last = found[-1]
    metric = METRICS.get(last.metric)
    title = figure_name(metric, last.statistic) if metric else last.requirement
    values = [each.value for each in found]
    thresholds = [each.threshold for each in found if each.threshold is not None]
    near = [each for each in thresholds if each <= max(values) * _FAR]
    y = Scale.around([*values, *near])
    x = Scale.of_time(each.started_at for each in found)
    points = [(x.at(each.started_at.timestamp()), y.at(each.value)) for each in found]
    shapes = [Shape(line(points), "line past")]
    shapes += [
        Shape(
            dot(*point),
            f"dot {each.verdict.name}{'' if each.verdict in _ROUND else ' square'}"
            f"{' this' if each.run_id == run_id else ''}",
            f"{each.started_at:%Y-%m-%d %H:%M} UTC: {figure(each.value, each.unit)}, {each.verdict}",
        )
        for point, each in zip(points, found, strict=True)
    ]
    verdicts = dict.fromkeys(each.verdict for each in found)
    return Chart(
        name=f"history-{last.requirement.replace('_', '-')}",
        title=f"{title}, run by run",
        said=_said(found, values),
        x="Start of the run, UTC",
        y=last.unit,
        x_ticks=x.days(),
        y_ticks=y.ticks(),
        shapes=tuple(shapes) + tuple(_steps(found, x, y)),
        table=Table.of(
            f"{title} of each run, newest first{f', in {last.unit}' if last.unit else ''}",
            ("Started (UTC)", "Value", "Threshold", "Verdict", "Run"),
            [
                (
                    f"{each.started_at:%Y-%m-%d %H:%M}",
                    figure(each.value, beside=each.threshold),
                    limit(each.comparison, each.threshold),
                    each.verdict.value,
                    each.run_id,
                )
                for each in reversed(found)
            ],
            numbers=(1, 2),
        ),
        rules=_rules(found, y),
        legend=tuple(
            (f"dot {each.name}{'' if each in _ROUND else ' square'}", each.value) for each in verdicts
        ),
    )


def _said(found: Sequence[PastFinding], values: Sequence[float]) -> str:
    last = found[-1]
    unmet = sum(each.verdict is not Verdict.PASS for each in found)
    passed = f"{unmet} of them did not pass" if unmet else "All of them passed"
    low, high, now = (figure(each, last.unit) for each in (min(values), max(values), last.value))
    since = f"{counted(len(found), 'run')} since {found[0].started_at:%Y-%m-%d}"
    return f"{since}: from {low} to {high}, at last {now}. {passed}."


def _rules(found: Sequence[PastFinding], y: Scale) -> tuple[Rule, ...]:
    """Return the threshold as a line where it was always the same; otherwise its words, for it has steps."""
    last = found[-1]
    if last.threshold is None:
        return ()
    # It stands with the oldest runs, so that it hides none of the newest.
    rule = level(y, last.threshold, limit(last.comparison, last.threshold), "threshold old")
    alike = {each.threshold for each in found} == {last.threshold}
    return (rule if alike else Rule(rule.place, rule.text, "threshold bare", rule.beyond),)


def _steps(found: Sequence[PastFinding], x: Scale, y: Scale) -> Iterator[Shape]:
    known = [each for each in found if each.threshold is not None]
    if len({each.threshold for each in known}) < 2:  # noqa: PLR2004 - a change takes two
        return
    path, before = "", 0
    for each in known:
        at, height = x.at(each.started_at.timestamp()), LENGTH - y.at(each.threshold or 0.0)
        path += f"M{before} {height}H{at}" if not path else f"H{at}V{height}"
        before = at
    yield Shape(f"{path}H{LENGTH}", "threshold")
