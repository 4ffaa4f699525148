"""The workers of a run: one Deployment, waited for until every pod is ready, or until one says why not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from netcadence.errors import PermanentError, TransientError
from netcadence.kube.access import Object
from netcadence.kube.follow import Change, Notice, follow
from netcadence.kube.resource import DEPLOYMENT, POD
from netcadence.kube.run import Run
from netcadence.nodes import Pool
from netcadence.pair import WorkerPod
from netcadence.worker_pod import HOST_LABEL, Spread, WorkerResources
from netcadence_worker.contract import HEALTH_PORT, RUN_LABEL

#: Tells the Deployments of one run apart, and their pods.
GROUP_LABEL: Final = "netcadence.io/group"
NAME_LABEL: Final = "app.kubernetes.io/name"
WORKER: Final = "netcadence-worker"
ZONE_LABEL: Final = "topology.kubernetes.io/zone"
#: More than any cluster has.
_MORE_NODES: Final = 1_000_000

#: Waiting reasons that do not mend themselves while somebody watches.
_HOPELESS: Final = frozenset(
    {
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "CrashLoopBackOff",
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
    }
)


#: While pods are missing, how often it is looked whether they are refused.
_LOOK_S: Final = 1.0


class WorkersFailedError(PermanentError):
    """A worker will not become ready; the text is the pod's own message, or the API server's."""


class WorkersLateError(TransientError):
    """The workers were not ready in time, though none of them said why."""


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
    body = deployment(
        run,
        replicas,
        template,
        owner,
        where=where,
        group=group,
        is_placed=is_placed,
        most_on_node=most_on_node,
    )
    run.access.create(DEPLOYMENT, body, run.namespace)


def deployment(
    run: Run,
    replicas: int,
    template: WorkerTemplate,
    owner: Object,
    *,
    where: Pool = Pool(),  # noqa: B008 - frozen
    group: int = 0,
    is_placed: bool = True,
    most_on_node: int | None = None,
) -> Object:
    """Build that Deployment."""
    of_run = {NAME_LABEL: WORKER, RUN_LABEL: run.run_id}
    labels = of_run | {GROUP_LABEL: str(group)}
    spread = labels if is_placed else of_run
    pod_spec = _pod_spec(spread, template, where, None if is_placed else most_on_node)
    return {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.kind,
        "metadata": {"name": group_name(run, group), "labels": labels, "ownerReferences": [owner]},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod_spec},
        },
    }


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


def wait_ready(
    run: Run,
    *,
    replicas: int,
    timeout_s: float,
    zones: Mapping[str, str] | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[WorkerPod, ...]:
    """Wait until all workers of a run are ready, and return them sorted by name.

    Args:
        timeout_s: Seconds to wait at most.
        zones: Zone of each node, by its name.
        on_progress: Called with the number ready and the number wanted at each change.

    Raises:
        WorkersFailedError: A pod said that it cannot start, or the API server refuses to make it; at once
            with the message of that.
        WorkersLateError: Time ran out.
    """
    pods: dict[str, Object] = {}
    ready: dict[str, Object] = {}
    deadline = time.monotonic() + timeout_s
    for notice in _pods_of(run, pods, replicas, deadline):
        if notice.change is Change.GONE:
            pods.pop(notice.name, None)
            ready.pop(notice.name, None)
            continue
        pods[notice.name] = notice.object
        if trouble := why_hopeless(notice.object):
            raise WorkersFailedError(trouble)
        if is_ready(notice.object):
            ready[notice.name] = notice.object
        else:
            ready.pop(notice.name, None)
        on_progress(len(ready), replicas)
        if len(ready) >= replicas:
            return tuple(sorted(_worker(pod, zones or {}) for pod in ready.values()))
    raise WorkersLateError(_late(pods, ready, replicas, timeout_s))


def _pods_of(run: Run, pods: Mapping[str, Object], replicas: int, deadline: float) -> Iterator[Notice]:
    """Follow a run's pods; while some are missing, look now and then whether they are refused.

    Args:
        pods: Those that the caller knows of by now, by name.
    """
    while time.monotonic() < deadline:
        until = deadline if len(pods) >= replicas else min(deadline, time.monotonic() + _LOOK_S)
        known = list(pods.values())
        yield from follow(
            run.access, POD, run.namespace, selector=run.workers_selector, known=known, deadline=until
        )
        if len(pods) < replicas:
            _require_admitted(run)


def _require_admitted(run: Run) -> None:
    """Raise the API server's own words if it refuses the pods: by Pod Security, a quota or a webhook."""
    for deployment in run.access.list(DEPLOYMENT, run.namespace, selector=run.workers_selector)[0]:
        for condition in deployment.get("status", {}).get("conditions", ()):
            if condition["type"] == "ReplicaFailure" and condition["status"] == "True":
                raise WorkersFailedError(
                    f"Workers of Deployment {deployment['metadata']['name']} cannot be made: "
                    f"{condition.get('reason', '')}: {condition.get('message', '')}"
                )


def is_ready(pod: Object) -> bool:
    """Tell whether a pod serves, has an address, and is not on its way out."""
    status = pod.get("status", {})
    return (
        "deletionTimestamp" not in pod["metadata"]
        and bool(status.get("podIP"))
        and any(c["type"] == "Ready" and c["status"] == "True" for c in status.get("conditions", ()))
    )


def why_hopeless(pod: Object) -> str:
    """Return the pod's own words for why it cannot start, or an empty text if it still may."""
    name, status = pod["metadata"]["name"], pod.get("status", {})
    if status.get("phase") == "Failed":
        return f"Worker pod {name}: {status.get('reason', 'Failed')}: {status.get('message', '')}"
    for container in status.get("containerStatuses", ()):
        waiting = container.get("state", {}).get("waiting", {})
        if waiting.get("reason") in _HOPELESS:
            last = container.get("lastState", {}).get("terminated", {})
            words = last.get("message", "").strip() or waiting.get("message", "")
            exit_code = f" (exit code {last['exitCode']})" if "exitCode" in last else ""
            return f"Worker pod {name}: {waiting['reason']}{exit_code}: {words}"
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return f"Worker pod {name}: Unschedulable: {condition.get('message', '')}"
    return ""


def _worker(pod: Object, zones: Mapping[str, str]) -> WorkerPod:
    node, metadata, status = pod["spec"]["nodeName"], pod["metadata"], pod["status"]
    return WorkerPod(
        name=metadata["name"],
        uid=metadata["uid"],
        ip=status["podIP"],
        node=node,
        zone=zones.get(node, ""),
        restarts=restarts(pod),
        ips=tuple(each["ip"] for each in status.get("podIPs") or ()),
        group=metadata.get("labels", {}).get(GROUP_LABEL, ""),
        on_host=bool(pod["spec"].get("hostNetwork")),
    )


def restarts(pod: Object) -> int:
    """Return how often containers of a pod were started again."""
    return sum(each.get("restartCount", 0) for each in pod.get("status", {}).get("containerStatuses", ()))


def _late(pods: dict[str, Object], ready: dict[str, Object], replicas: int, timeout_s: float) -> str:
    late = [name for name in sorted(pods) if name not in ready]
    example = (
        f"; for example {late[0]} is {pods[late[0]].get('status', {}).get('phase', 'unknown')}"
        if late
        else ""
    )
    return (
        f"{len(ready)} of {replicas} workers were ready within {timeout_s:.0f} s{example}. "
        "See kubectl describe pods, or allow more with ready_timeout_s in the scenario."
    )
