"""ReplicaSets: as many pods of a template as are asked for."""

from __future__ import annotations

import copy
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from netcadence.embedded.api.pod_phase import is_final
from netcadence.embedded.api.store import ApiError, now
from netcadence.embedded.controllers.ownership import controlled_by, controller_of, controller_reference
from netcadence.embedded.controllers.reconciler import Key, Reconciler
from netcadence.embedded.events import EventRecorder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netcadence.embedded.api.store import Object, Store

REPLICA_SETS: Final = "replicasets.apps"
#: The condition of ReplicaSets, and of their Deployments, whose pods are refused.
FAILURE: Final = "ReplicaFailure"
#: Pods that a node has refused are replaced after a pause, which each of them doubles.
_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0


class ReplicaSetController(Reconciler):
    """Makes missing pods, deletes those that are too many, counts the rest."""

    resources = (REPLICA_SETS, "pods")
    #: Each change of a pod is a look at all of them, and a hundred that start change five times each.
    gathered = ("pods",)

    def __init__(self, store: Store) -> None:
        self._recorder = EventRecorder(store)
        self._made_at: dict[Key, float] = {}
        super().__init__(store)

    def keys(self, resource: str, obj: Mapping[str, Any]) -> Iterable[Key]:
        metadata = obj["metadata"]
        if resource == REPLICA_SETS:
            return [(metadata["namespace"], metadata["name"])]
        owner = controller_of(obj)
        return [(metadata["namespace"], owner["name"])] if owner and owner["kind"] == "ReplicaSet" else []

    def reconcile(self, key: Key) -> None:
        namespace, name = key
        try:
            replica_set = self.store.revision(REPLICA_SETS, name, namespace).content
        except ApiError:
            self._made_at.pop(key, None)
            return
        pods = controlled_by(self.store, "pods", replica_set)
        staying = [pod for pod in pods if not is_final(pod) and "deletionTimestamp" not in pod["metadata"]]
        refusal = None
        if "deletionTimestamp" not in replica_set["metadata"]:
            pause_s = self._pause_s(key, failed=sum(_has_failed(pod) for pod in pods))
            if len(staying) < replica_set["spec"]["replicas"] and pause_s > 0:
                self.later(key, pause_s)
            else:
                refusal = self._adjust(key, replica_set, staying)
        self._report(replica_set, refusal)
        if refusal:
            raise refusal  # and tried again later

    def _pause_s(self, key: Key, *, failed: int) -> float:
        """Return for how long no pod is made yet, for those that were made lately have failed."""
        if not failed or key not in self._made_at:
            return 0.0
        pause_s: float = min(_FIRST_PAUSE_S * 2 ** min(failed - 1, 16), _LONGEST_PAUSE_S)
        return self._made_at[key] + pause_s - time.monotonic()

    def _adjust(
        self, key: Key, replica_set: Mapping[str, Any], pods: list[Mapping[str, Any]]
    ) -> ApiError | None:
        """Make or delete pods; return why the first of those that could not be made was refused."""
        missing = replica_set["spec"]["replicas"] - len(pods)
        if missing > 0:
            self._made_at[key] = time.monotonic()
        for _ in range(missing):
            try:
                self.store.create("pods", _pod_of(replica_set))
            except ApiError as error:
                message = f"Error creating: {error.message}"
                self._recorder.record(
                    replica_set, "Warning", "FailedCreate", message, component="replicaset-controller"
                )
                return error
        for pod in sorted(pods, key=_worth)[: max(-missing, 0)]:
            self.store.delete("pods", pod["metadata"]["name"], pod["metadata"]["namespace"])
        return None

    def _report(self, replica_set: Mapping[str, Any], refusal: ApiError | None) -> None:
        metadata = replica_set["metadata"]
        pods = [
            pod
            for pod in controlled_by(self.store, "pods", replica_set)
            if "deletionTimestamp" not in pod["metadata"] and not is_final(pod)
        ]
        ready = sum(is_ready(pod) for pod in pods)
        status: Object = {
            "replicas": len(pods),
            "fullyLabeledReplicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "observedGeneration": metadata["generation"],
        }
        status = {
            key: value for key, value in status.items() if value or key in ("replicas", "observedGeneration")
        }
        if refusal:
            status["conditions"] = [_failure(replica_set, refusal)]
        self.report(REPLICA_SETS, replica_set, status)


def failure_of(replica_set: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the condition in which a ReplicaSet says that a pod was refused, if it does."""
    conditions = replica_set.get("status", {}).get("conditions") or ()
    return next((each for each in conditions if each["type"] == FAILURE), None)


def _failure(replica_set: Mapping[str, Any], refusal: ApiError) -> Object:
    """Return that condition; the first refusal's words stay, for each names a pod of its own."""
    if known := failure_of(replica_set):
        return dict(known)
    return {
        "type": FAILURE,
        "status": "True",
        "reason": "FailedCreate",
        "message": refusal.message,
        "lastTransitionTime": now(),
    }


def _pod_of(replica_set: Mapping[str, Any]) -> Object:
    template = copy.deepcopy(replica_set["spec"]["template"])
    metadata = template.get("metadata") or {}
    return {
        "metadata": {
            "generateName": f"{replica_set['metadata']['name'][:57]}-",
            "namespace": replica_set["metadata"]["namespace"],
            "labels": metadata.get("labels") or {},
            "annotations": metadata.get("annotations") or {},
            "ownerReferences": [controller_reference(replica_set)],
        },
        "spec": template["spec"],
    }


def is_ready(pod: Mapping[str, Any]) -> bool:
    """Return whether a pod says that it can serve."""
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _has_failed(pod: Mapping[str, Any]) -> bool:
    return bool(pod.get("status", {}).get("phase") == "Failed")


def _worth(pod: Mapping[str, Any]) -> tuple[bool, bool, float]:
    """Order pods by what is lost with them: those without a node, those not ready, the newest first."""
    born = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
    return bool(pod["spec"].get("nodeName")), is_ready(pod), -born.timestamp()
