"""Report: artifacts and the state in which the flow ends, so that Prefect's pages and automations know."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from prefect import get_client, get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext

from netcadence.errors import NetcadenceError
from netcadence.home import Home
from netcadence.kube.leftovers import Cleaning
from netcadence.lake import Lake
from netcadence.lake.compaction import Compaction
from netcadence.lake.recollection import Recollection
from netcadence.lake.retention import Retirement
from netcadence.record import Finding, Judgement, RunRecord, Verdict
from netcadence.report import as_markdown
from netcadence.report.page import heatmap, keep_run_page
from netcadence.report.page.artifact import heatmap_as_markdown
from tasks import ending, killed
from tasks.announcement import announce, kind_of
from tasks.step import step


@dataclass(frozen=True, slots=True)
class Report:
    """What a benchmark hands to whoever called it."""

    record: RunRecord
    judgement: Judgement
    lake: str
    #: Address of the page that shows it; empty where there is none.
    page: str = ""


@step("label")
def label(name: str, **tags: str) -> None:
    """Name and tag the flow run for what it is, `what:which`, and mark it with its process."""
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    added = {f"{what}:{which}" for what, which in tags.items()}
    # Whoever makes processes for deployments writes down which one it is.
    process = None if context.flow_run.deployment_id else killed.this_process()
    with get_client(sync_client=True) as client:
        client.update_flow_run(
            context.flow_run.id,
            name=name,
            tags={*context.flow_run.tags, *added},
            infrastructure_pid=process,
        )


@step("report")
def report(done: Report, lake: str, home: Home) -> Report:
    """Write the page of a run, and leave the verdict and where its evidence is as an artifact.

    There is one series of artifacts for scenario and cluster; of a mesh a second one shows it node by node.

    Args:
        lake: Its address, with what it takes to reach it.
        home: Where pages are kept.

    Returns:
        The report with the address of its page. What was measured and judged counts without one.
    """
    facts = done.record.facts
    path = home.reports / f"{facts.run_id}.html"
    try:
        page = keep_run_page(Recollection(done.record, done.judgement), Lake(lake), path)
        done = replace(done, page=page)
    except NetcadenceError as error:
        get_run_logger().warning("no page of run %s: %s", facts.run_id, error)
    announce(
        done.judgement.verdict,
        cluster=facts.cluster,
        name=facts.scenario,
        run_id=facts.run_id,
        kind=kind_of(done.record),
        details={
            "message": message_of(done),
            "docs": done.judgement.docs,
            "page": done.page,
            "lake": done.lake,
        },
    )
    create_markdown_artifact(
        as_markdown(done.record, done.judgement, lake=done.lake, page=done.page, link=home.link),
        key=artifact_key("verdict", facts.scenario, facts.cluster),
        description=f"{done.judgement.verdict}: run {facts.run_id}",
    )
    if mesh := heatmap.of_mesh(done.record):
        create_markdown_artifact(
            heatmap_as_markdown(mesh, facts),
            key=artifact_key("mesh", facts.scenario, facts.cluster),
            description="; ".join(mesh.sentences),
        )
    return done


@step("report cleaning")
def report_cleaning(done: Cleaning, cluster: str) -> None:
    """Leave what was removed from a cluster as an artifact: one series for each cluster."""
    words = {True: "still there", False: "removed"}
    rows = [
        {"run": each.run_id, "object": str(each), "now": words[each in done.remaining]} for each in done.found
    ]
    left = len(done.remaining)
    create_table_artifact(
        rows,
        key=artifact_key("housekeeping", cluster),
        description=f"Of runs that live no longer: {len(rows) - left} removed, {left} still there",
    )


@step("report upkeep")
def report_upkeep(done: Compaction, retired: Retirement) -> None:
    """Leave what became of the lake's files as an artifact."""
    rows = [
        {"file": each.place.path, "now": f"{each.files} files, {each.runs} runs, {each.rows} rows"}
        for each in done.merged
    ]
    rows += [{"file": each.path, "now": f"put aside: {each.reason}"} for each in done.aside]
    rows += [{"file": each.path, "now": f"left as it is: {each.reason}"} for each in done.left]
    rows += [{"file": path, "now": "removed, for it is older than is to be kept"} for path in retired.paths]
    create_table_artifact(
        rows,
        key=artifact_key("upkeep"),
        description=f"{len(done.merged)} files put together, {len(done.aside)} put aside, "
        f"{len(retired.paths)} removed for their age",
    )


def state_of(done: Report) -> State[Any]:
    """Return the state in which a benchmark with this verdict ends."""
    return ending.state_of(done.judgement.verdict, message_of(done), done)


def message_of(done: Report) -> str:
    """Return the verdict in a sentence, with what was not met."""
    facts, verdict = done.record.facts, done.judgement.verdict
    message = f"{verdict}: {facts.scenario} on {facts.cluster}"
    if verdict is Verdict.PASS:
        return message
    if verdict is Verdict.NOT_APPLICABLE:
        return f"{message}: {done.record.not_applicable}"
    unmet = (_in_words(each) for each in done.judgement.findings if each.verdict is not Verdict.PASS)
    return f"{message}: {', '.join(unmet)}"


def artifact_key(*words: str) -> str:
    """Return the key of a series of artifacts."""
    # Prefect allows lower-case letters, digits and dashes.
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")


def _in_words(finding: Finding) -> str:
    return f"{finding.requirement} ({finding.detail})" if finding.detail else finding.requirement
