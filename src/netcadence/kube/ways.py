"""What leads from the clients of a run to its servers: for a path over Services, a Service for each server.

A Service leads to one pod, for the check of the path and the figures are about one pair. Each worker of such
a run has a Deployment of its own, whose label no other pod has, so that it takes no right to change pods.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from netcadence.errors import NotApplicableError
from netcadence.kube import services
from netcadence.kube.access import Object
from netcadence.kube.facts import ClusterFacts
from netcadence.kube.run import Run
from netcadence.kube.services import Service, ServiceKind
from netcadence.kube.worker_deployment import GROUP_LABEL
from netcadence.nodes import Site
from netcadence.pair import Pair, WorkerPod
from netcadence.traffic_path import AddressMissingError, IPFamily, TrafficPath
from netcadence_worker.contract import RUN_LABEL, Protocol, Target

#: What kind of Service a path takes.
KIND_OF: Final = {
    TrafficPath.CLUSTER_IP: ServiceKind.CLUSTER_IP,
    TrafficPath.NODE_PORT: ServiceKind.NODE_PORT,
    TrafficPath.LOAD_BALANCER: ServiceKind.LOAD_BALANCER,
    TrafficPath.DNS: ServiceKind.HEADLESS,
}


def open_ways(
    run: Run,
    pairs: Sequence[Pair],
    *,
    owner: Object,
    facts: ClusterFacts,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[Pair, ...]:
    """Make what the scenario's path needs, and return the pairs with where their clients connect.

    Args:
        facts: The cluster's nodes, with their addresses, and what its network does not do.

    Raises:
        AddressMissingError: A worker, a node or a Service has no address of the kind that is asked for.
        NotApplicableError: None of them has, for the cluster does not offer that.
    """
    scenario = run.scenario
    _require_offered(scenario.path, facts)
    _require_family({worker for pair in pairs for worker in (pair.client, pair.server)}, scenario.ip_family)
    kind = KIND_OF.get(scenario.path)
    if kind is None:
        return tuple(pairs)
    made = {pod: service_of(run, kind, pod, pairs) for pod in sorted({pair.server for pair in pairs})}
    services.create(run.access, made.values(), run.namespace, owner=owner)
    assigned = services.wait_assigned(
        run.access,
        made.values(),
        run.namespace,
        selector=run.selector,
        timeout_s=scenario.address_timeout_s,
        on_progress=on_progress,
    )
    nodes = {site.name: site for site in facts.sites}
    return tuple(
        replace(pair, target=target_of(run, pair, assigned[made[pair.server].name], nodes)) for pair in pairs
    )


def _require_offered(path: TrafficPath, facts: ClusterFacts) -> None:
    needs = {"services", *(["dns"] if path is TrafficPath.DNS else [])} if path.has_service else set()
    if lacking := sorted(needs & facts.lacks):
        raise NotApplicableError(
            f"The network of this cluster ({facts.network}) has no {' and no '.join(lacking)}, "
            f"which path {path} needs"
        )


def _require_family(workers: Collection[WorkerPod], family: IPFamily | None) -> None:
    without = [worker for worker in sorted(workers) if not worker.has(family)]
    if family and len(without) == len(workers):
        raise NotApplicableError(
            f"No worker has an {family.spelled} address: the pod network has no {family.spelled}"
        )
    for worker in without:
        worker.address(family)


def service_of(run: Run, kind: ServiceKind, pod: WorkerPod, pairs: Sequence[Pair]) -> Service:
    """Return the Service that leads to one server, on all its ports."""
    return Service(
        name=f"s{pod.group}-{run.run_id}",  # a Service's name begins with a letter
        kind=kind,
        selector=run.workers_label | {GROUP_LABEL: pod.group},
        ports=tuple(sorted({pair.port for pair in pairs if pair.server == pod})),
        transport="UDP" if run.scenario.protocol is Protocol.UDP else "TCP",
        family=run.scenario.ip_family,
        labels={RUN_LABEL: run.run_id},
    )


def target_of(run: Run, pair: Pair, service: Object, nodes: Mapping[str, Site]) -> Target:
    """Return where a pair's client connects, by its server's Service."""
    match run.scenario.path:
        case TrafficPath.CLUSTER_IP:
            return Target(address=services.cluster_ip(service), port=pair.port)
        case TrafficPath.LOAD_BALANCER:
            return Target(address=services.balancer_address(service), port=pair.port)
        case TrafficPath.DNS:
            name = services.dns_name(service["metadata"]["name"], run.namespace)
            return Target(address=name, port=pair.port)
        case _:
            family = IPFamily.of(pair.server.address(run.scenario.ip_family))
            # Of the server's own node, so that the way is as long as to the pod itself.
            address = _node_address(nodes[pair.server.node], family)
            return Target(address=address, port=services.node_port(service, pair.port))


def _node_address(site: Site, family: IPFamily) -> str:
    found = next((each for each in site.addresses if IPFamily.of(each) is family), None)
    if found is None:
        known = ", ".join(site.addresses) or "none"
        raise AddressMissingError(f"Node {site.name} has no {family.spelled} address, only {known}")
    return found
