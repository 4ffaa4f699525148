"""Path: what leads from each client to its server, such as a Service."""

from __future__ import annotations

from netcadence.kube.access import Object
from netcadence.kube.facts import ClusterFacts
from netcadence.kube.run import Run
from netcadence.kube.ways import open_ways
from netcadence.pair import Pair
from tasks.progress import listener
from tasks.step import step


@step("path")
def path(run: Run, pairs: tuple[Pair, ...], owner: Object, facts: ClusterFacts) -> tuple[Pair, ...]:
    """Return the pairs, each with where its client connects."""
    if run.scenario.path.has_service:
        listener().step("waiting for the servers' Services")
    return open_ways(run, pairs, owner=owner, facts=facts, on_progress=listener().count)
