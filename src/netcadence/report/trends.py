"""Trends in words: a sentence for each change, a table for a terminal, and all of it as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from netcadence.lake.accepted import AcceptedLevel
from netcadence.lake.series_key import SeriesKey
from netcadence.report.content import figure_name
from netcadence.report.figures import figure
from netcadence.report.markdown import address_as_markdown, escaped, table_as_markdown
from netcadence.traffic_path import TrafficPath
from netcadence.trends.cause import Cause
from netcadence.trends.survey import Survey
from netcadence.trends.trend import Change, Shape, Status, Trend
from netcadence.words import counted

STYLES: Final = {
    Status.REGRESSED: "bold red",
    Status.ACCEPTED: "yellow",
    Status.CHANGED: "cyan",
    Status.STEADY: "green",
    Status.TOO_FEW: "dim",
}
#: Causes that a sentence names; all of them are in the JSON.
_MOST_CAUSES: Final = 4


def series_name(key: SeriesKey) -> str:
    """Return what a series is of, such as `tcp-50:50 Throughput Perc50, node-3 receives`."""
    parts = [f"{key.scenario} {figure_name(key.declared, key.statistic)}"]
    if key.role:
        parts.append(f"{key.node} {key.role}")
    if key.path != TrafficPath.POD_IP:
        parts.append(f"by {key.path}")
    if key.ip_family == "ipv6":
        parts.append("IPv6")
    if key.origin:
        parts.append(f"from {key.origin}")
    return ", ".join(parts)


def percent(relative: float | None) -> str:
    """Return a relative change, such as `-18 %`, or `+0.4 %`."""
    if relative is None:
        return ""
    share = 100 * relative
    digits = 0 if abs(share) >= 10 else 1  # noqa: PLR2004 - two digits in all
    return f"{share:+,.{digits}f} %".replace("-", "−")  # noqa: RUF001 - a minus, as people print it


def change_sentence(key: SeriesKey, change: Change) -> str:
    """Say a change and what changed with it.

    Such as `Throughput Perc50 -18 % (-19 % to -17 %) since 3 March 2026; the same day kernel 6.1.0-31 →
    6.1.0-32 on 12 of 20 nodes, on 4 March (1 run later) CNI cilium 1.18 → cilium 1.19`.
    """
    name = figure_name(key.declared, key.statistic)
    if change.shape is Shape.DRIFT:
        weekly = f", {percent(change.per_week)} a week" if change.size.relative is not None else ""
        return f"{name} drifts: {_size(key, change)} from {_day(change.at)} to {_day(change.latest)}{weekly}"
    said = f"{name} {_size(key, change)} since {_day(change.at)}"
    causes = _causes(change)
    return f"{said}; {causes}" if causes else f"{said}; nothing else that is recorded changed then"


def trend_sentences(trend: Trend) -> list[str]:
    """Say what a series did, newest first, where it has gaps, and what little can be said otherwise."""
    said = [change_sentence(trend.key, each) for each in reversed(trend.changes)]
    regression = trend.regression
    if regression and regression.accepted:
        by = regression.accepted
        said.insert(0, f"accepted by {by.accepted_by} on {_day(by.accepted_at)}: {by.reason}")
    season = trend.season
    if season and season.beyond:
        said.append(
            f"the latest run, {figure(season.value, trend.key.unit)}, is outside of all {season.nights} at "
            f"this hour before it: {figure(season.low)} to {figure(season.high, trend.key.unit)}"
        )
    said += [f"no run from {_day(gap.after)} to {_day(gap.until)}" for gap in trend.gaps]
    return [*said, trend.why] if trend.why else said


def trends_table(survey: Survey, *, show_all: bool = False) -> RenderableType:
    """Return what a person is shown: what has regressed first, and how to accept it."""
    if survey.why_empty:
        return Text(f"Nothing to see: {survey.why_empty}.")
    shown = _shown(survey, show_all=show_all)
    parts: list[RenderableType] = [_table(shown), ""] if shown else []
    parts += [
        _notes(each) for each in (shown if show_all else untold_by_others(shown)) if trend_sentences(each)
    ]
    parts += [""] if shown else []
    parts.append(Text(_summary(survey, len(shown))))
    if survey.regressed:
        ids = " ".join(each.key.id for each in survey.regressed[:3])
        parts.append(Text(f'Meant to be so? netcadence trends accept {ids} --reason "…"', style="dim"))
    parts += [Text(f"not read: {each}", style="yellow") for each in survey.left_out]
    return Group(*parts)


def regression_sentence(trend: Trend) -> str:
    """Say where a regressed series stands: what it is, by how much it is worse, and since when."""
    name = f"{series_name(trend.key)} on {trend.key.cluster}"
    if trend.regression is None:
        return f"{name} has not regressed"
    size, unit = trend.regression.size, trend.key.unit
    by = percent(size.relative) if size.relative is not None else f"+{figure(abs(size.absolute), unit)}"
    return f"{name} {by} since {_day(trend.regression.since)}"


def trends_as_markdown(survey: Survey, *, page: str = "") -> str:
    """Return a survey for a page: what has changed, and why, cluster by cluster.

    Args:
        page: Where a browser finds the page of its plots.
    """
    if survey.why_empty:
        return f"## Trends\n\nNothing to see: {escaped(survey.why_empty)}.\n"
    parts = ["## Trends", escaped(_summary(survey, len(survey.trends)))]
    shown = _shown(survey, show_all=False)
    if shown:
        headings = ("Cluster", "Series", "Runs", "Now", "Change", "")
        parts.append(table_as_markdown(headings, map(_cells, shown), numbers=(2, 3, 4)))
        parts += [
            f"**{escaped(series_name(each.key))}** (`{each.key.id}`)\n\n"
            + "\n".join(f"- {escaped(said)}" for said in trend_sentences(each))
            for each in untold_by_others(shown)
        ]
    parts += [f"Not read: `{each}`" for each in survey.left_out]
    parts += [f"Report: {address_as_markdown(page)}"] if page else []
    return "\n\n".join([*parts, f"Lake: `{survey.lake}`"]) + "\n"


def _cells(trend: Trend) -> tuple[str, ...]:
    now = figure(trend.present.value, trend.key.unit) if trend.present else "-"
    status = f"**{trend.status}**" if trend.is_regressed else str(trend.status)
    words = (trend.key.cluster, series_name(trend.key), str(len(trend.series)), now, _change(trend))
    return (*map(escaped, words), status)


def accepted_sentence(accepted: AcceptedLevel) -> str:
    """Say what was accepted, such as `3f2a91c0  tcp-1:1 Throughput Perc50: 820 KBytes/s is its new level`."""
    level = figure(accepted.level, accepted.key.unit)
    return f"{accepted.key.id}  {series_name(accepted.key)}: {level} is its new level"


def trends_as_json(survey: Survey) -> dict[str, Any]:
    """Return a survey for a machine: all series, without their points."""
    return {
        "lake": survey.lake,
        "made_at": survey.made_at,
        "since": survey.query.since,
        "until": survey.query.until,
        "least_change": survey.least_change,
        "regressed": len(survey.regressed),
        "why_empty": survey.why_empty or None,
        "left_out_files": list(survey.left_out),
        "series": [_as_json(each) for each in survey.trends],
    }


def _as_json(trend: Trend) -> dict[str, Any]:
    series, regression = trend.series, trend.regression
    count = len(series)
    return {
        "id": trend.key.id,
        **asdict(trend.key),
        "unit": trend.key.unit,
        "direction": trend.key.declared.direction,
        "status": trend.status,
        "runs": count,
        "first": series.at(0) if count else None,
        "last": series.at(-1) if count else None,
        "latest_value": float(series.figures[-1]) if count else None,
        "left_out": dict(trend.left_out),
        "present": asdict(trend.present) if trend.present else None,
        "changes": [asdict(each) | {"sentence": change_sentence(trend.key, each)} for each in trend.changes],
        "regression": None
        if regression is None
        else {
            "since": regression.since,
            "run_id": regression.change.run_id,
            "reference": asdict(regression.reference),
            "present": asdict(regression.present),
            "size": asdict(regression.size),
            "accepted": asdict(regression.accepted) if regression.accepted else None,
        },
        "season": asdict(trend.season) if trend.season else None,
        "gaps": [asdict(each) for each in trend.gaps],
        "why": trend.why or None,
    }


def _shown(survey: Survey, *, show_all: bool) -> list[Trend]:
    """Return what has a row, by cluster: what has regressed first, and series of all pairs before nodes'."""
    order = list(STYLES)
    chosen = [each for each in survey.trends if show_all or _is_worth_a_row(each)]
    return sorted(
        chosen,
        key=lambda one: (
            one.key.cluster,
            order.index(one.status),
            bool(one.key.node),
            -abs((one.regression and one.regression.size.relative) or 0),
        ),
    )


def untold_by_others(shown: Sequence[Trend]) -> list[Trend]:
    """Leave out the nodes whose change that of all pairs tells already."""
    told = {_whole(each.key) for each in shown if not each.key.node and each.changes}
    return [each for each in shown if not each.key.node or _whole(each.key) not in told]


def _whole(key: SeriesKey) -> tuple[str, ...]:
    """Return what a node's series has in common with that of all pairs, which says why they changed."""
    return key.cluster, key.scenario, key.metric, key.path, key.ip_family


def _is_worth_a_row(trend: Trend) -> bool:
    unusual = trend.season is not None and trend.season.beyond
    return trend.status in (Status.REGRESSED, Status.ACCEPTED, Status.CHANGED) or unusual


def _table(shown: Sequence[Trend]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("Id", no_wrap=True, min_width=8)
    table.add_column("Series", overflow="fold")
    table.add_column("Runs", justify="right", no_wrap=True)
    table.add_column("Now", justify="right", no_wrap=True)
    table.add_column("Change", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    cluster = ""
    for trend in shown:
        name = series_name(trend.key)
        if trend.key.cluster != cluster:
            cluster = trend.key.cluster
            table.add_row("", Text(cluster, style="bold"))
        now = figure(trend.present.value, trend.key.unit) if trend.present else "-"
        table.add_row(
            trend.key.id,
            Text(name),
            str(len(trend.series)),
            now,
            _change(trend),
            Text(trend.status, style=STYLES[trend.status]),
        )
    return table


def _change(trend: Trend) -> str:
    if trend.regression:
        return percent(trend.regression.size.relative)
    return percent(trend.changes[-1].size.relative) if trend.changes else ""


def _notes(trend: Trend) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style="dim", min_width=8)
    grid.add_column(overflow="fold")
    about = trend.key.id
    for sentence in trend_sentences(trend):
        grid.add_row(about, Text(sentence))
        about = ""
    return grid


def _summary(survey: Survey, shown: int) -> str:
    counts = Counter(each.status for each in survey.trends)
    told = ", ".join(f"{counts[status]} {status}" for status in STYLES if counts[status])
    hidden = len(survey.trends) - shown
    others = f"; {hidden} not shown, --all shows them" if hidden else ""
    return f"{len(survey.trends):,} series: {told}{others}"


def _size(key: SeriesKey, change: Change) -> str:
    size = change.size
    steps = f"{figure(change.before.value)} → {figure(change.after.value, key.unit)}"
    if size.relative is None:
        return steps
    if size.low is None or size.high is None:
        return f"{percent(size.relative)} ({steps})"
    return f"{percent(size.relative)} ({percent(size.low)} to {percent(size.high)})"


def _causes(change: Change) -> str:
    said: list[str] = []
    when = ""
    for cause in change.causes[:_MOST_CAUSES]:
        word = _when(cause, change.at)
        said.append(f"{word} {cause}" if word != when else str(cause))
        when = word
    more = len(change.causes) - len(said)
    return ", ".join(said) + (f" and {more} more" if more > 0 else "")


def _when(cause: Cause, changed_at: datetime) -> str:
    """Say by its date when something was new first; where that was another run, how far off."""
    day = "the same day" if cause.at.date() == changed_at.date() else f"on {cause.at.day} {cause.at:%B}"
    if cause.aside == 0:
        return day
    return f"{day} ({counted(abs(cause.aside), 'run')} {'earlier' if cause.aside < 0 else 'later'})"


def _day(at: datetime) -> str:
    return f"{at.day} {at:%B %Y}"
