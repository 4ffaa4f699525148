"""Deploy: what the cluster needs for a run, and the run's workers."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from netcadence.kube import dispatch, workers
from netcadence.kube.access import Object
from netcadence.kube.installation import install
from netcadence.kube.run import Run
from netcadence.kube.workers import WorkerTemplate
from netcadence.layout import Layout
from netcadence.report import counted
from tasks.progress import listener
from tasks.retry import if_transient


@task(
    name="prepare",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=2,
    retry_condition_fn=if_transient,
)
def prepare(run: Run, manifests: Path) -> None:
    """Make sure of the custom resources, the namespace and the workers' role."""
    listener().step("preparing the cluster")
    install(run.access, run.namespace, manifests)


@task(name="deploy", cache_policy=NO_CACHE)
def deploy(run: Run, layout: Layout) -> Object:
    """Create the run's own object and its workers; returns the owner reference for all that follows."""
    demand, worker = run.scenario.demand, run.scenario.worker
    listener().step(f"deploying {counted(demand.workers, 'worker')}")
    owner = dispatch.create_run(run)
    template = WorkerTemplate(
        image=worker.image,
        tools=(run.scenario.tool.value,),
        cpu_request=worker.cpu_request,
        memory_request=worker.memory_request,
        memory_limit=worker.memory_limit,
    )
    for number, group in enumerate(layout.groups):
        workers.deploy(
            run, replicas=group.workers, template=template, owner=owner, where=group.where, group=number
        )
    return owner
