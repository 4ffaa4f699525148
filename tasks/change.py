"""Change: what is made while probers look on, and what has to be there before."""

from __future__ import annotations

from datetime import datetime

from netcadence.change import ChangeMade
from netcadence.kube import changing
from netcadence.kube.access import Object
from netcadence.kube.changing import Preparation
from netcadence.kube.dispatch import Arming
from netcadence.kube.facts import ClusterFacts
from netcadence.kube.newborns import make_newborns
from netcadence.kube.observation import Observation
from netcadence.kube.run import Run
from netcadence.layout import Layout
from netcadence.pair import Pair, WorkerPod
from netcadence.words import counted
from tasks.progress import listener
from tasks.step import step


@step("prepare change")
def prepare_change(run: Run, pairs: tuple[Pair, ...], owner: Object, facts: ClusterFacts) -> Preparation:
    """Bring about what the change is to end; returns the pairs, each with what its prober tries."""
    assert run.scenario.change is not None  # noqa: S101 - seen by the caller; tells the type checker
    listener().step(f"preparing each server's {run.scenario.change.noun}")
    return changing.prepare(run, pairs, owner=owner, sites=facts.sites, on_progress=listener().count)


@step("change")
def change(
    run: Run,
    pairs: tuple[Pair, ...],
    preparation: Preparation,
    *,
    owner: Object,
    start: datetime,
    arming: Arming,
    observation: Observation,
) -> dict[int, ChangeMade]:
    """Make the change once the probers run; returns when it was asked for, by pair."""
    return changing.change(
        run, pairs, preparation, owner=owner, start=start, arming=arming, observation=observation
    )


@step("newborns")
def newborns(
    run: Run, pairs: tuple[Pair, ...], layout: Layout, owner: Object, facts: ClusterFacts
) -> tuple[tuple[Pair, ...], tuple[WorkerPod, ...]]:
    """Make policies, and then a new client for each pair; returns the pairs, and all workers."""
    listener().step(f"waiting for {counted(len(pairs), 'new worker')} under policies")
    return make_newborns(run, pairs, layout, owner=owner, zones=facts.zones, on_progress=listener().count)
