"""Pair: who measures with whom, and on what kind of cluster."""

from __future__ import annotations

from netcadence import pairing
from netcadence.kube.facts import ClusterFacts, cluster_facts
from netcadence.kube.run import Run
from netcadence.layout import Layout
from netcadence.pair import Pair, WorkerPod
from netcadence.words import counted
from tasks.progress import listener
from tasks.step import step


@step("pair")
def pair(run: Run, workers: tuple[WorkerPod, ...], layout: Layout) -> tuple[Pair, ...]:
    """Return the plan: every pair of every round."""
    scenario = run.scenario
    listener().step(f"pairing {counted(len(workers), 'worker')}")
    if scenario.external:
        outside = WorkerPod(
            scenario.external.name, uid="", ip=scenario.external.address, node=scenario.external.name
        )
        return pairing.towards(workers, outside, layout.schedule, base_port=scenario.port, name=scenario.name)
    if layout.places:
        return pairing.seat(
            workers, layout.places, layout.schedule, base_port=scenario.port, name=scenario.name
        )
    return pairing.plan(
        workers,
        pairs=scenario.pairs,
        base_port=scenario.port,
        placement=scenario.placement,
        rounds=scenario.rounds,
        name=scenario.name,
    )


@step("facts")
def facts(run: Run) -> ClusterFacts:
    """Return versions and nodes, as they are when the run begins."""
    listener().step("looking at the nodes")
    return cluster_facts(run.access)
