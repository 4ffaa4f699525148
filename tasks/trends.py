"""Trends: look at the lake's history, and leave what it did where Prefect's pages show it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from prefect import get_run_logger
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from netcadence.errors import NetcadenceError
from netcadence.home import Home
from netcadence.lake import Lake
from netcadence.report.page.artifact import chart_as_markdown
from netcadence.report.page.chart import Chart
from netcadence.report.page.trends import keep_trends_page, last_asked, trend_charts
from netcadence.report.trends import regression_sentence, trends_as_markdown
from netcadence.trends import survey as surveys
from netcadence.trends.history import Query
from netcadence.trends.survey import Survey
from netcadence.words import counted
from tasks.announcement import announce_regression
from tasks.report import artifact_key
from tasks.retry import if_transient
from tasks.step import step

#: Names of the states in which the flow may end other than well.
REGRESSED = "Regressed"
NOTHING_TO_JUDGE = "NothingToJudge"
_MOST_PICTURES: Final = 6


@step(
    "look at the history",
    retries=2,
    retry_delay_seconds=5,
    retry_condition_fn=if_transient,
)
def look(lake: str, query: Query, made_at: datetime, least_change: float) -> Survey:
    """Find changes of level in every series."""
    return surveys.survey(Lake(lake), query, made_at=made_at, least_change=least_change)


@step("report trends")
def report_trends(found: Survey, lake: str, home: Home) -> None:
    """Write the page of a window, and leave what changed as artifacts: in words, and as pictures.

    There is one series of each for all clusters, or for the one that was asked for, and one page, of the last
    look. What was found counts without one.

    Args:
        lake: Its address, with what it takes to reach it.
        home: Where pages are kept.
    """
    which = found.query.cluster or "all"
    page = ""
    charts: tuple[Chart, ...] = ()
    try:
        asked = last_asked(Lake(lake), found)
        charts = trend_charts(found, asked=asked, most=_MOST_PICTURES)
        page = keep_trends_page(found, home.reports / f"{artifact_key('trends', which)}.html", asked=asked)
    except NetcadenceError as error:
        get_run_logger().warning("no page of the trends: %s", error)
    create_markdown_artifact(
        trends_as_markdown(found, page=home.link(page)),
        key=artifact_key("trends", which),
        description=f"{len(found.regressed)} regressed of {len(found.judged)} series",
    )
    if charts:
        create_markdown_artifact(
            "\n".join(map(chart_as_markdown, charts)),
            key=artifact_key("trends", which, "pictures"),
            description=f"{len(charts)} of {len(found.trends)} series, run by run",
        )
    for cluster in sorted({each.key.cluster for each in found.regressed}):
        own = [regression_sentence(each) for each in found.regressed if each.key.cluster == cluster]
        announce_regression(cluster, own)


def state_of(found: Survey) -> State[Any]:
    """Return the state in which the flow ends: what nobody has accepted fails it."""
    if found.regressed:
        shown = "; ".join(regression_sentence(each) for each in found.regressed[:3])
        what = counted(len(found.regressed), "regression")
        return Failed(name=REGRESSED, message=f"{what}: {shown}", data=found)
    if not found.judged:
        why = found.why_empty or found.trends[0].why
        return Completed(name=NOTHING_TO_JUDGE, message=f"nothing can be judged: {why}", data=found)
    return Completed(message=f"none of {len(found.judged)} series has regressed", data=found)
