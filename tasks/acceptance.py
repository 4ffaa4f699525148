"""Acceptance: what is done once for all of its measurements, and what it leaves behind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from prefect import get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State

from netcadence.acceptance.outcome import Acceptance
from netcadence.errors import NetcadenceError
from netcadence.home import Home
from netcadence.lake import Lake
from netcadence.record import Verdict
from netcadence.report import acceptance_as_markdown, acceptance_rows, summary
from netcadence.report.page import keep_acceptance_page
from tasks import ending
from tasks.announcement import ACCEPTANCE, announce
from tasks.progress import listener
from tasks.report import artifact_key
from tasks.retry import if_transient
from tasks.step import step


@dataclass(frozen=True, slots=True)
class AcceptanceReport:
    """What an acceptance hands to whoever called it.

    Attributes:
        lake: Address of the lake.
        page: Address of the page that shows it; empty where there is none.
    """

    acceptance: Acceptance
    lake: str
    page: str = ""


@step(
    "store acceptance",
    retries=2,
    retry_delay_seconds=5,
    retry_condition_fn=if_transient,
)
def store(done: Acceptance, lake: str) -> None:
    """Keep what each check came to."""
    listener().step("storing the acceptance")
    Lake(lake).keep_acceptance(done)


@step("report acceptance")
def report(done: AcceptanceReport, home: Home) -> AcceptanceReport:
    """Write the page, and leave a table and what it says as artifacts, a series each for profile and cluster.

    Args:
        home: Where pages are kept.

    Returns:
        The report with the address of its page. What was measured and judged counts without one.
    """
    found = done.acceptance
    try:
        path = home.reports / f"{found.acceptance_id}.html"
        done = replace(done, page=keep_acceptance_page(found, done.lake, path))
    except NetcadenceError as error:
        get_run_logger().warning("no page of acceptance %s: %s", found.acceptance_id, error)
    name = (found.programme.profile.name, found.cluster)
    about = f"{found.verdict}: {summary(found)} ({found.acceptance_id})"
    announce(
        found.verdict,
        cluster=found.cluster,
        name=found.programme.profile.name,
        run_id=found.acceptance_id,
        kind=ACCEPTANCE,
        details={"message": message_of(done), "page": done.page, "lake": done.lake},
    )
    create_table_artifact(
        acceptance_rows(found), key=artifact_key("acceptance-table", *name), description=about
    )
    create_markdown_artifact(
        acceptance_as_markdown(found, lake=done.lake, link=home.link),
        key=artifact_key("acceptance", *name),
        description=about,
    )
    return done


def state_of(done: AcceptanceReport) -> State[Any]:
    """Return the state in which an acceptance with this verdict ends."""
    return ending.state_of(done.acceptance.verdict, message_of(done), done)


def message_of(done: AcceptanceReport) -> str:
    """Return the verdict in a sentence, with what keeps the network from being accepted."""
    found = done.acceptance
    message = f"{found.verdict}: {summary(found)}"
    return message if found.verdict is Verdict.PASS else f"{message}: {'; '.join(found.reasons())}"
