"""Lease: one run at a time, for two on one cluster would measure each other."""

from __future__ import annotations

from contextlib import ExitStack

from prefect import task
from prefect.cache_policies import NO_CACHE

from netcadence.kube.lease import IfBusy, Tenure, held
from netcadence.kube.run import Run
from tasks.progress import listener


@task(name="lease", cache_policy=NO_CACHE)
def hold(run: Run, namespace: str, if_busy: IfBusy, holding: ExitStack) -> Tenure:
    """Take the cluster's lease, once it is free; it is given back when `holding` is closed."""
    listener().step("taking the cluster's lease")
    return holding.enter_context(
        held(
            run.access,
            namespace,
            run.run_id,
            if_busy=if_busy,
            on_wait=lambda holder: listener().step(f"waiting for run {holder}, which has the cluster"),
        )
    )
