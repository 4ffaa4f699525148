"""Ready: wait for every worker, or for the first that says it cannot."""

from __future__ import annotations

from collections.abc import Mapping

from prefect import task
from prefect.cache_policies import NO_CACHE

from netcadence.kube.run import Run
from netcadence.kube.workers import wait_ready
from netcadence.layout import Layout
from netcadence.pair import WorkerPod
from netcadence.words import counted
from tasks.progress import listener


@task(name="ready", cache_policy=NO_CACHE)
def ready(run: Run, layout: Layout, zones: Mapping[str, str]) -> tuple[WorkerPod, ...]:
    """Return the workers once all of them are ready."""
    wanted = layout.workers
    listener().step(f"waiting for {counted(wanted, 'worker')}")
    return wait_ready(
        run,
        replicas=wanted,
        timeout_s=run.scenario.worker.ready_timeout_s,
        zones=zones,
        on_progress=listener().count,
    )
