"""Arm and fire: all pairs of a round stand ready, then one write starts them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from netcadence.kube.access import Object
from netcadence.kube.conduct import conduct_of
from netcadence.kube.dispatch import Arming
from netcadence.kube.observation import Observation
from netcadence.kube.run import Run
from netcadence.pair import Pair
from netcadence.words import counted
from tasks.progress import listener
from tasks.step import step


@step("arm")
def arm(
    run: Run,
    pairs: tuple[Pair, ...],
    owner: Object,
    observation: Observation,
    processors: Mapping[str, int],
) -> Arming:
    """Create a round's requests and wait until each pair is armed or has failed."""
    listener().step(f"arming {counted(len(pairs), 'pair')}")
    return conduct_of(run).arm(
        run,
        pairs,
        owner=owner,
        observation=observation,
        processors=processors,
        on_progress=listener().count,
    )


@step("fire")
def fire(
    run: Run, pairs: tuple[Pair, ...], owner: Object, arming: Arming, observation: Observation
) -> datetime:
    """Publish the round's start; returns it."""
    listener().step(f"firing {counted(len(arming.armed), 'pair')}")
    return conduct_of(run).fire(run, pairs, owner=owner, arming=arming, observation=observation)
