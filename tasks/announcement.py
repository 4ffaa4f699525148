"""Announcement: an event for each verdict and regression, by which automations hear of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from prefect.context import FlowRunContext
from prefect.events import emit_event

from netcadence.record import RunRecord, Verdict
from netcadence.words import counted

#: The event's name; it is about a cluster, which is its resource.
VERDICT: Final = "netcadence.verdict"
#: Likewise; one for each cluster in which a look at the history found any.
REGRESSION: Final = "netcadence.regression"
#: Of more regressions a notification does not speak.
_MOST: Final = 3
#: What a verdict is about. A check is a part of an acceptance, and a canary has to fail.
RUN, CHECK, CANARY, ACCEPTANCE = "run", "check", "canary", "acceptance"


def resource_of(cluster: str) -> str:
    """Return the id of a cluster, as events have it."""
    return f"netcadence.cluster.{cluster}"


def kind_of(record: RunRecord) -> str:
    """Tell what a run is, for one that was made for an acceptance alarms nobody by itself."""
    labels = record.facts.labels
    return CANARY if "canary" in labels else CHECK if "acceptance" in labels else RUN


def announce(
    verdict: Verdict, *, cluster: str, name: str, run_id: str, kind: str, details: Mapping[str, Any]
) -> None:
    """Tell Prefect of a verdict.

    Args:
        name: Of the scenario, or of the acceptance's profile.
        kind: `run`, `check`, `canary` or `acceptance`.
        details: Go into the event's payload, for the text of a notification.
    """
    _emit(
        VERDICT,
        cluster,
        {
            "netcadence.verdict": verdict.value,
            "netcadence.name": name,
            "netcadence.run": run_id,
            "netcadence.kind": kind,
        },
        details,
    )


def announce_regression(cluster: str, sentences: Sequence[str]) -> None:
    """Tell Prefect that levels on a cluster are worse than they were, and that nobody has accepted it."""
    message = f"{counted(len(sentences), 'regression')} on {cluster}: {'; '.join(sentences[:_MOST])}"
    _emit(REGRESSION, cluster, {}, {"message": message, "regressions": list(sentences)})


def _emit(event: str, cluster: str, labels: Mapping[str, str], details: Mapping[str, Any]) -> None:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return
    about = {
        "prefect.resource.id": resource_of(cluster),
        "prefect.resource.name": cluster,
        "netcadence.cluster": cluster,
    }
    emit_event(event, resource=about | dict(labels), payload=dict(details))
