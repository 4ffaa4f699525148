"""Ready: wait for every worker, or for the first that says it cannot."""

from __future__ import annotations

from collections.abc import Mapping

from netcadence.kube.run import Run
from netcadence.kube.workers import wait_ready
from netcadence.layout import Layout
from netcadence.pair import WorkerPod
from netcadence.words import counted
from tasks.progress import listener
from tasks.step import step


@step("ready")
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
