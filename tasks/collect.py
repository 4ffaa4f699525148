"""Collect: watch until the last pair of a round is settled."""

from __future__ import annotations

from netcadence.kube import collection
from netcadence.kube.dispatch import Arming
from netcadence.kube.observation import Observation
from netcadence.kube.run import Run
from netcadence.pair import Pair
from netcadence.words import counted
from tasks.progress import listener
from tasks.step import step


@step("collect")
def collect(run: Run, pairs: tuple[Pair, ...], arming: Arming, observation: Observation) -> None:
    """Wait for the pairs that were fired; what they reported stands in the observation."""
    listener().step(f"{run.scenario.protocol} traffic between {counted(len(pairs), 'pair')}")
    listener().traffic(run.scenario.duration_s)
    collection.collect(
        observation,
        [pair for pair in pairs if pair.index in arming.armed],
        traffic_s=run.scenario.duration_s + arming.lead_s,
        grace_s=run.scenario.report_timeout_s,
        on_progress=listener().count,
    )
