"""Baseline: the same pairs of nodes without the pod network, to be measured beside the run's own."""

from __future__ import annotations

from collections.abc import Mapping

from netcadence import overlay
from netcadence.kube.access import Object
from netcadence.kube.hosts import deploy_hosts, hosts_among, nodes_of
from netcadence.kube.run import Run
from netcadence.kube.worker_deployment import WorkerTemplate
from netcadence.kube.workers import wait_ready
from netcadence.layout import Layout
from netcadence.pair import Pair, WorkerPod
from netcadence.words import counted
from tasks.progress import listener
from tasks.step import step


@step("baseline")
def baseline(
    run: Run, pairs: tuple[Pair, ...], layout: Layout, owner: Object, zones: Mapping[str, str]
) -> tuple[tuple[Pair, ...], tuple[WorkerPod, ...]]:
    """Return the pairs with those of the nodes' own network among them, and all workers."""
    scenario, nodes = run.scenario, nodes_of(pairs)
    listener().step(f"waiting for {counted(len(nodes), 'worker')} on the host network")
    template = WorkerTemplate(scenario.worker, tools=(scenario.tool.value,), on_host=True)
    deploy_hosts(run, nodes, template=template, layout=layout, owner=owner)
    workers = wait_ready(
        run,
        replicas=layout.workers + len(nodes),
        timeout_s=scenario.worker.ready_timeout_s,
        zones=zones,
        on_progress=listener().count,
    )
    return overlay.beside_hosts(pairs, hosts_among(workers), base_port=scenario.port), workers
