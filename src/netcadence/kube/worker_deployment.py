"""The Deployment of a run's workers, as it is asked for: what its pods are, and where they may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from netcadence.kube.access import Object
from netcadence.kube.resource import DEPLOYMENT
from netcadence.kube.run import Run
from netcadence.nodes import Pool
from netcadence.worker_pod import HOST_LABEL, Spread, WorkerResources
from netcadence_worker.contract import HEALTH_PORT, RUN_LABEL

#: Tells the Deployments of one run apart, and their pods.
GROUP_LABEL: Final = "netcadence.io/group"
NAME_LABEL: Final = "app.kubernetes.io/name"
WORKER: Final = "netcadence-worker"
ZONE_LABEL: Final = "topology.kubernetes.io/zone"
#: More than any cluster has.
_MORE_NODES: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class WorkerTemplate:
    """What every worker pod of a run is made from.

    Attributes:
        worker: Image and resources.
        tools: Programs that have to be in the image.
        on_host: Whether pods are in their nodes' own network.
        knock_at: Address of a worker that they are to try from their first moment on.
    """

    worker: WorkerResources = WorkerResources()  # noqa: RUF009 - frozen
    tools: tuple[str, ...] = ()
    on_host: bool = False
    knock_at: str = ""


def deploy(
    run: Run,
    *,
    replicas: int,
    template: WorkerTemplate,
    owner: Object,
    where: Pool = Pool(),  # noqa: B008 - frozen
    group: int = 0,
    is_placed: bool = True,
    most_on_node: int | None = None,
) -> None:
    """Create a Deployment of a run's workers, owned by the run's own object.

    Args:
        where: Nodes that the workers may be on.
        group: Number of the Deployment in the run, from 0.
        is_placed: Whether it was decided where all the run's workers go; otherwise the scheduler spreads
            them, whatever Deployment they are of.
        most_on_node: Where it was not, how many of the run's workers a node may have.
    """
    of_run = {NAME_LABEL: WORKER, RUN_LABEL: run.run_id}
    labels = of_run | {GROUP_LABEL: str(group)}
    spread = labels if is_placed else of_run
    pod_spec = _pod_spec(spread, template, where, None if is_placed else most_on_node)
    body = {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.kind,
        "metadata": {"name": group_name(run, group), "labels": labels, "ownerReferences": [owner]},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec},
        },
    }
    run.access.create(DEPLOYMENT, body, run.namespace)


def group_name(run: Run, group: int) -> str:
    """Return the name of one of a run's Deployments."""
    return run.workers_name if group == 0 else f"{run.workers_name}-{group}"


def _pod_spec(
    labels: dict[str, str], template: WorkerTemplate, where: Pool, most_on_node: int | None
) -> Object:
    return {
        "serviceAccountName": WORKER,
        "terminationGracePeriodSeconds": 3,
        "enableServiceLinks": False,
        # The port of the probes is then one of the node's own, so that a node takes one such pod.
        **({"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"} if template.on_host else {}),
        **({} if where.is_open else {"affinity": {"nodeAffinity": _node_affinity(where)}}),
        **pod_wishes(template.worker, labels, most_on_node),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(template)],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }


def pod_wishes(worker: WorkerResources, labels: Mapping[str, str], most_on_node: int | None = None) -> Object:
    """Build what a scenario says of its worker pods as a whole; what is left out says nothing.

    Args:
        labels: Those of the pods that are to be spread.
        most_on_node: How many of these a node may have, unless the scenario bounds that itself.
    """
    spreads = [
        {
            "maxSkew": each.max_skew,
            "topologyKey": each.topology_key,
            "whenUnsatisfiable": each.when_unsatisfiable.value,
            "labelSelector": {"matchLabels": dict(labels)},
        }
        for each in worker.topology_spread
    ]
    # Of a topology the API takes one constraint of a kind.
    bounds = [(each["topologyKey"], each["whenUnsatisfiable"]) for each in spreads]
    if most_on_node and (HOST_LABEL, Spread.REQUIRED) not in bounds:
        spreads.append(_bound(labels, most_on_node))
    wishes = {
        "tolerations": [_without_empty(each.model_dump(mode="json")) for each in worker.tolerations],
        "priorityClassName": worker.priority_class,
        "imagePullSecrets": [{"name": name} for name in worker.image_pull_secrets],
        "topologySpreadConstraints": spreads,
    }
    return _without_empty(wishes)


def _bound(labels: Mapping[str, str], most_on_node: int) -> Object:
    """Build what keeps a node from having more pods than that, and a full node from counting as an empty one.

    A wish to spread pods evenly is outweighed where nodes are loaded differently, as by another run's pods
    that are on their way out.
    """
    return {
        "maxSkew": most_on_node,
        # Of fewer nodes the emptiest counts as if it had none: so the skew is a node's own number.
        "minDomains": _MORE_NODES,
        "topologyKey": HOST_LABEL,
        "whenUnsatisfiable": Spread.REQUIRED.value,
        "labelSelector": {"matchLabels": dict(labels)},
    }


def _without_empty(fields: Mapping[str, Any]) -> Object:
    return {key: value for key, value in fields.items() if value}


def container_resources(worker: WorkerResources) -> Object:
    """Build a worker container's requests and limits."""
    return {
        "requests": {"cpu": worker.cpu_request, "memory": worker.memory_request},
        "limits": {"memory": worker.memory_limit, **({"cpu": worker.cpu_limit} if worker.cpu_limit else {})},
    }


def _node_affinity(where: Pool) -> Object:
    labels = [(key, [value]) for key, value in sorted(where.selector.items())]
    zones = [(ZONE_LABEL, list(where.zones))] if where.zones else []
    expressions = [{"key": key, "operator": "In", "values": values} for key, values in labels + zones]
    # A field takes one value only; terms are alternatives.
    names = [
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [n]}]} for n in where.names
    ]
    common = {"matchExpressions": expressions} if expressions else {}
    terms = [common | name for name in names] or [common]
    return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}


def _container(template: WorkerTemplate) -> Object:
    return {
        "name": "worker",
        "image": template.worker.image,
        "imagePullPolicy": template.worker.image_pull_policy.value,
        "env": [
            _field("POD_NAME", "metadata.name"),
            _field("POD_NAMESPACE", "metadata.namespace"),
            _field("POD_UID", "metadata.uid"),
            _field("POD_IP", "status.podIP"),
            _field("POD_IPS", "status.podIPs"),
            {"name": "NETCADENCE_WIRE", "value": "netcadence"},
            {"name": "NETCADENCE_TOOLS", "value": ",".join(template.tools)},
            *([{"name": "NETCADENCE_KNOCK_AT", "value": template.knock_at}] if template.knock_at else []),
        ],
        "ports": [{"name": "health", "containerPort": HEALTH_PORT}],
        # Asked often only until it is ready: afterwards each question would disturb the measurement.
        "startupProbe": {
            "httpGet": {"path": "/readyz", "port": HEALTH_PORT},
            "periodSeconds": 1,
            "timeoutSeconds": 2,
            "failureThreshold": 600,
        },
        "readinessProbe": {
            "httpGet": {"path": "/readyz", "port": HEALTH_PORT},
            "periodSeconds": 30,
            "timeoutSeconds": 10,
        },
        # A busy generator answers late: only a worker that is silent for a minute is restarted.
        "livenessProbe": {
            "httpGet": {"path": "/livez", "port": HEALTH_PORT},
            "periodSeconds": 20,
            "timeoutSeconds": 10,
            "failureThreshold": 3,
        },
        "resources": container_resources(template.worker),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - a pod's own empty volume
    }


def _field(name: str, path: str) -> Object:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
