"""The page of a window: what each series did, with its levels, change points and what changed with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from netcadence.lake import Lake
from netcadence.lake.series_key import SeriesKey
from netcadence.report.figures import NOTHING, figure, limit
from netcadence.report.page.chart import Chart, Rule, Shape, Table, level, line
from netcadence.report.page.keeping import keep
from netcadence.report.page.rendering import render
from netcadence.report.page.scale import Scale
from netcadence.report.trends import percent, series_name, trend_sentences, untold_by_others
from netcadence.trends import trend as trends
from netcadence.trends.survey import Survey
from netcadence.trends.trend import RUNS_NEEDED, Change, Status, Trend, steps_of

#: What is drawn, the most pressing first; what is steady stands in a table.
_DRAWN: Final = (Status.REGRESSED, Status.ACCEPTED, Status.CHANGED)
_MOST_CHARTS: Final = 24
#: More runs than that are drawn by the least and the greatest of neighbours.
_MOST_POINTS: Final = 400
_FAR: Final = 3.0

#: What was last asked of a figure: comparison and threshold, by cluster, scenario, metric and statistic.
Asked = Mapping[tuple[str, str, str, str], tuple[str, float]]


def keep_trends_page(survey: Survey, path: Path, *, asked: Asked) -> str:
    """Write the page of a window, with the thresholds that its runs were last judged by; return its address.

    Raises:
        InvalidInputError: The path is that of a folder.
        LakeError: The file could not be written.
    """
    return keep(trends_page(survey, asked=asked), path)


def last_asked(lake: Lake, survey: Survey) -> Asked:
    """Return the thresholds that runs of a window were last judged by.

    Raises:
        LakeError: The storage did not answer.
    """
    span = survey.query
    names = ["cluster", "scenario", "metric", "statistic"]
    rows = lake.verdicts(
        (*names, "suite", "comparison", "threshold"),
        cluster=span.cluster,
        scenario=span.scenario,
        since=span.since,
        until=span.until,
    )
    rows = rows[(rows["suite"] == "sla") & rows["threshold"].notna()]
    last = rows.drop_duplicates(names, keep="last")
    return {
        (row["cluster"], row["scenario"], row["metric"], row["statistic"]): (
            row["comparison"],
            row["threshold"],
        )
        for row in last.to_dict("records")
    }


def trends_page(survey: Survey, *, asked: Asked | None = None) -> str:
    """Return the HTML page of a survey."""
    pressing = _pressing(survey)
    quiet = [each for each in survey.trends if each.status not in _DRAWN]
    told = untold_by_others(pressing)
    clusters = sorted({each.key.cluster for each in survey.trends})
    drawn = told[:_MOST_CHARTS]
    return render(
        "trends.html.j2",
        survey=survey,
        clusters=", ".join(clusters),
        kind="REGRESSED" if survey.regressed else "STEADY" if survey.judged else "TOO_FEW",
        summary=_summary(survey),
        span=_span(survey),
        pressing=[
            (
                each,
                f"{series_name(each.key)}{f' on {each.key.cluster}' if len(clusters) > 1 else ''}",
                trend_sentences(each) if each in told else (),
            )
            for each in pressing
        ],
        level_of=_level,
        size_of=_size,
        charts=[_chart(each, asked or {}) for each in drawn],
        not_drawn=len(pressing) - len(drawn),
        is_alike=len(told) < len(pressing),
        others=_others(quiet),
    )


def trend_charts(survey: Survey, *, asked: Asked, most: int) -> tuple[Chart, ...]:
    """Return plots of the most pressing series, or of the first ones where none has changed."""
    drawn = _pressing(survey) or [each for each in survey.judged if not each.key.node]
    return tuple(_chart(each, asked) for each in drawn[:most])


def _pressing(survey: Survey) -> list[Trend]:
    """Return what has changed: what has regressed first, and series of all pairs before nodes'."""
    changed = [each for each in survey.trends if each.status in _DRAWN]
    return sorted(changed, key=lambda each: (_DRAWN.index(each.status), bool(each.key.node)))


def _summary(survey: Survey) -> str:
    if survey.why_empty:
        return f"Nothing to see: {survey.why_empty}."
    worse, all_ = len(survey.regressed), len(survey.trends)
    said = f"{worse} of {all_} series {'is' if worse == 1 else 'are'} worse than before, and not accepted."
    if not worse:
        said = f"None of {all_} series is worse than before."
    few = all_ - len(survey.judged)
    return f"{said} {few} of them have too few runs yet: it takes {RUNS_NEEDED}." if few else said


def _span(survey: Survey) -> str:
    ends = (survey.query.since, survey.query.until or survey.made_at)
    return " to ".join(f"{each:%Y-%m-%d}" if each else "the beginning" for each in ends)


def _level(trend: Trend) -> str:
    return figure(trend.present.value, trend.key.unit) if trend.present else NOTHING


def _size(trend: Trend) -> str:
    """Return by how much a series is off what holds as normal, or what its last change was."""
    size = trend.regression.size if trend.regression else trend.changes[-1].size if trend.changes else None
    if size is None:
        return ""
    return percent(size.relative) or figure(size.absolute, trend.key.unit)


def _others(trends: Sequence[Trend]) -> Table:
    rows = [
        (series_name(each.key), each.key.cluster, each.status.value, _level(each), str(len(each.series)))
        for each in trends
    ]
    headings = ("Series", "Cluster", "Status", "Level", "Runs")
    return Table.of("Series that are steady, or have too few runs", headings, rows, numbers=(3, 4))


def _chart(trend: Trend, asked: Asked) -> Chart:
    series, key = trend.series, trend.key
    instants = [series.at(index) for index in range(len(series))]
    values = series.figures.tolist()
    comparison, threshold = asked.get((key.cluster, key.scenario, key.metric, key.statistic), ("", None))
    near = [threshold] if threshold is not None and threshold <= max(values) * _FAR else []
    x, y = Scale.of_time(instants), Scale.around([*values, *near])
    shapes = [Shape(line(_thinned(instants, values, x, y)), "line")]
    shapes += [Shape(path, "line strong", said) for path, said in _levels(trend, instants, x, y)]
    rules = [
        Rule(x.percent(each.at.timestamp()), _mark(each), f"change {each.effect.name}", is_upright=True)
        for each in trend.changes
    ]
    if threshold is not None:
        rules.append(level(y, threshold, limit(comparison, threshold), "threshold old"))
    return Chart(
        name=f"series-{key.id}",
        title=f"{series_name(key)} on {key.cluster}",
        said=f"{'. '.join(f'{each[0].upper()}{each[1:]}' for each in trend_sentences(trend))}.",
        x="Start of the run, UTC",
        y=key.unit,
        x_ticks=x.days(),
        y_ticks=y.ticks(),
        shapes=tuple(shapes),
        table=_changes(key, trend.changes),
        rules=tuple(rules),
        legend=(("line", "a run"), ("line strong", "the level")),
    )


def _mark(change: Change) -> str:
    """Return what stands at a change point."""
    return percent(change.size.relative) or f"{change.at.day} {change.at:%b}"


def _thinned(
    instants: Sequence[datetime], values: Sequence[float], x: Scale, y: Scale
) -> Iterator[tuple[int, int]]:
    step = max(2 * len(values) // _MOST_POINTS, 1)
    for first in range(0, len(values), step):
        places = range(first, min(first + step, len(values)))
        ends = {min(places, key=values.__getitem__), max(places, key=values.__getitem__)}
        yield from ((x.at(instants[place].timestamp()), y.at(values[place])) for place in sorted(ends))


def _levels(trend: Trend, instants: Sequence[datetime], x: Scale, y: Scale) -> Iterator[tuple[str, str]]:
    """Yield a line for each level: where it was between two changes, or the slope of a drift."""
    changes, unit = trend.changes, trend.key.unit
    if not changes:
        return
    for place, (begin, end) in enumerate(steps_of(trend)):
        if end <= begin:
            continue
        change = changes[place - 1] if place else None
        held = change.after if change else changes[0].before
        ends = (held.value, held.value)
        if change and change.shape is trends.Shape.DRIFT:
            ends = (change.before.value, change.after.value)
        left, right = (x.at(instants[index].timestamp()) for index in (begin, end - 1))
        said = f"{instants[begin]:%Y-%m-%d} to {instants[end - 1]:%Y-%m-%d}: {figure(ends[1], unit)}"
        yield line([(left, y.at(ends[0])), (right, y.at(ends[1]))]), said


def _changes(key: SeriesKey, changes: Sequence[Change]) -> Table:
    rows = [
        (
            f"{each.at:%Y-%m-%d %H:%M}",
            " to ".join(dict.fromkeys(f"{at:%Y-%m-%d}" for at in (each.earliest, each.latest))),
            figure(each.before.value, key.unit),
            figure(each.after.value, key.unit),
            percent(each.size.relative) or NOTHING,
            _interval(each),
            f"{each.p_value:.2g}",
            each.effect.value,
            "; ".join(map(str, each.causes)) or "nothing that is recorded",
            each.run_id,
        )
        for each in reversed(changes)
    ]
    headings = (
        "Since (UTC)",
        "Date, with 95 %",
        "Before",
        "After",
        "Change",
        "Change, with 95 %",
        "By chance, at most",
        "Which is",
        "What else changed",
        "First run",
    )
    return Table.of("Changes of the level, the newest first", headings, rows, numbers=(2, 3, 4, 6))


def _interval(change: Change) -> str:
    low, high = change.size.low, change.size.high
    return NOTHING if low is None or high is None else f"{percent(low)} to {percent(high)}"
