"""Deploy: what the cluster needs for a run, and the run's workers."""

from __future__ import annotations

from pathlib import Path

from netcadence.kube.access import Object
from netcadence.kube.conduct import conduct_of
from netcadence.kube.installation import ensure_namespace
from netcadence.kube.run import Run
from netcadence.kube.worker_deployment import WorkerTemplate
from netcadence.layout import Layout
from netcadence.traffic_path import TrafficPath
from netcadence.words import counted
from tasks.progress import listener
from tasks.retry import if_transient
from tasks.step import step


@step(
    "prepare",
    retries=2,
    retry_delay_seconds=2,
    retry_condition_fn=if_transient,
)
def prepare(run: Run, manifests: Path, lease_namespace: str) -> None:
    """Make sure of the custom resources, the namespaces and the workers' role."""
    listener().step("preparing the cluster")
    conduct_of(run).prepare(run, manifests)
    if lease_namespace != run.namespace:
        ensure_namespace(run.access, lease_namespace, manifests)


@step("deploy")
def deploy(run: Run, layout: Layout) -> Object:
    """Create the run's own object and its workers; returns the owner reference for all that follows."""
    listener().step(f"deploying {counted(layout.workers, 'worker')}")
    scenario = run.scenario
    on_host = scenario.path is TrafficPath.HOST_NETWORK
    template = WorkerTemplate(scenario.worker, tools=(scenario.tool.value,), on_host=on_host)
    return conduct_of(run).deploy(run, template, layout)
