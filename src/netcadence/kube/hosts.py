"""Workers in the nodes' own network, beside those of a run that are on the pod network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netcadence.kube.access import Object
from netcadence.kube.run import Run
from netcadence.kube.worker_deployment import WorkerTemplate, deploy
from netcadence.layout import Layout
from netcadence.nodes import Pool
from netcadence.pair import Pair, WorkerPod


def nodes_of(pairs: Sequence[Pair]) -> tuple[str, ...]:
    """Return the nodes that pairs are on."""
    return tuple(sorted({worker.node for pair in pairs for worker in (pair.client, pair.server)}))


def deploy_hosts(
    run: Run, nodes: Sequence[str], *, template: WorkerTemplate, layout: Layout, owner: Object
) -> None:
    """Create a worker in the network of each of the nodes, numbered on from the run's other groups."""
    for number, node in enumerate(nodes, start=len(layout.groups)):
        where = Pool(names=(node,))
        deploy(run, replicas=1, template=template, owner=owner, where=where, group=number)


def hosts_among(workers: Sequence[WorkerPod]) -> Mapping[str, WorkerPod]:
    """Return those that are in their nodes' own network, by node."""
    return {worker.node: worker for worker in workers if worker.on_host}
