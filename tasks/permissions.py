"""Permissions: asked for up front, so that a refusal comes before anything is made."""

from __future__ import annotations

from netcadence.kube import permissions
from netcadence.kube.run import Run
from netcadence.kube.wire import CLUSTERLOADER
from tasks.progress import listener
from tasks.retry import if_transient
from tasks.step import step


@step(
    "permissions",
    retries=2,
    retry_delay_seconds=2,
    retry_condition_fn=if_transient,
)
def require(run: Run, lease_namespace: str) -> None:
    """Make sure that the identity in use may do all that the run will do."""
    listener().step("asking for permissions")
    wanted = permissions.needed(run.wire, lease_namespace, run.scenario)
    apply = permissions.APPLY_HOST if run.scenario.on_host else permissions.APPLY
    if run.wire is CLUSTERLOADER:
        apply = permissions.APPLY_UPSTREAM
    permissions.require(run.access, run.namespace, wanted, apply=apply)
