"""The workers of a run, waited for until every pod is ready, or until one says why not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from netcadence.errors import PermanentError, TransientError
from netcadence.kube.access import Object
from netcadence.kube.follow import Change, Notice, follow
from netcadence.kube.resource import DEPLOYMENT, POD
from netcadence.kube.run import Run
from netcadence.kube.worker_deployment import GROUP_LABEL
from netcadence.pair import WorkerPod

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
