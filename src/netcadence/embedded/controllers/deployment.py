"""Deployments: a ReplicaSet for each template, and a rolling change from one to the next."""

from __future__ import annotations

import copy
import hashlib
import math
from typing import TYPE_CHECKING, Any, Final

import orjson

from netcadence.embedded.api.store import ApiError, now
from netcadence.embedded.controllers.ownership import controlled_by, controller_of, controller_reference
from netcadence.embedded.controllers.reconciler import Key, Reconciler
from netcadence.embedded.controllers.replica_set import FAILURE, REPLICA_SETS, failure_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netcadence.embedded.api.store import Object

DEPLOYMENTS: Final = "deployments.apps"
_HASH_LABEL: Final = "pod-template-hash"
_REVISION: Final = "deployment.kubernetes.io/revision"


class DeploymentController(Reconciler):
    """Keeps one ReplicaSet per template and moves replicas from the old ones to the new one."""

    resources = (DEPLOYMENTS, REPLICA_SETS)

    def keys(self, resource: str, obj: Mapping[str, Any]) -> Iterable[Key]:
        metadata = obj["metadata"]
        if resource == DEPLOYMENTS:
            return [(metadata["namespace"], metadata["name"])]
        owner = controller_of(obj)
        return [(metadata["namespace"], owner["name"])] if owner and owner["kind"] == "Deployment" else []

    def reconcile(self, key: Key) -> None:
        namespace, name = key
        try:
            deployment = self.store.revision(DEPLOYMENTS, name, namespace).content
        except ApiError:
            return
        if "deletionTimestamp" in deployment["metadata"]:
            return
        new = self._current_set(deployment)
        old = [
            each
            for each in controlled_by(self.store, REPLICA_SETS, deployment)
            if each["metadata"]["uid"] != new["metadata"]["uid"]
        ]
        if not deployment["spec"].get("paused"):
            self._roll(deployment, new, old)
            self._forget_history(deployment, old)
        self._report(deployment, new)

    def _current_set(self, deployment: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the ReplicaSet of the present template, made now if there is none."""
        metadata = deployment["metadata"]
        digest = _template_hash(deployment["spec"]["template"])
        name = f"{metadata['name']}-{digest}"
        owned = controlled_by(self.store, REPLICA_SETS, deployment)
        latest = max((_revision(each) for each in owned), default=0)
        found = next((each for each in owned if each["metadata"]["name"] == name), None)
        if found is None:
            self.store.create(REPLICA_SETS, _replica_set(deployment, name, digest, latest + 1))
        elif _revision(found) < latest:
            self._annotate(found, latest + 1)
        return self.store.revision(REPLICA_SETS, name, metadata["namespace"]).content

    def _annotate(self, replica_set: Mapping[str, Any], revision: int) -> None:
        def change(obj: Object) -> None:
            obj["metadata"].setdefault("annotations", {})[_REVISION] = str(revision)

        metadata = replica_set["metadata"]
        self.store.mutate(REPLICA_SETS, metadata["name"], metadata["namespace"], change)

    def _roll(
        self, deployment: Mapping[str, Any], new: Mapping[str, Any], old: list[Mapping[str, Any]]
    ) -> None:
        wanted = deployment["spec"]["replicas"]
        running = sum(each["spec"]["replicas"] for each in old)
        surge, unavailable = _allowances(deployment)
        if not running:
            self._scale(new, wanted)
            return
        if deployment["spec"]["strategy"]["type"] == "Recreate":
            for each in old:
                self._scale(each, 0)
            if not any(each.get("status", {}).get("replicas") for each in old):
                self._scale(new, wanted)
            return
        room = wanted + surge - running - new["spec"]["replicas"]
        grown = min(wanted, new["spec"]["replicas"] + max(room, 0))
        self._scale(new, grown)
        self._shrink(new, old, wanted - unavailable)

    def _shrink(self, new: Mapping[str, Any], old: list[Mapping[str, Any]], least: int) -> None:
        """Take replicas from old sets: first those that are not ready, others while enough stay ready."""
        sets = (new, *old)
        # What is asked for bounds this, not only what is reported: reports lag behind.
        most = sum(each["spec"]["replicas"] for each in sets) - least - _unready(new)
        spare = sum(_ready(each) for each in sets) - least
        for each in old:
            unready = min(_unready(each), max(most, 0))
            ready = min(max(spare, 0), max(most - unready, 0), each["spec"]["replicas"] - unready)
            most -= unready + ready
            spare -= ready
            self._scale(each, each["spec"]["replicas"] - unready - ready)

    def _scale(self, replica_set: Mapping[str, Any], replicas: int) -> None:
        if replica_set["spec"]["replicas"] == replicas:
            return

        def change(obj: Object) -> None:
            obj["spec"]["replicas"] = replicas

        metadata = replica_set["metadata"]
        self.store.mutate(REPLICA_SETS, metadata["name"], metadata["namespace"], change)

    def _forget_history(self, deployment: Mapping[str, Any], old: list[Mapping[str, Any]]) -> None:
        idle = sorted((each for each in old if not each.get("status", {}).get("replicas")), key=_revision)
        idle = [each for each in idle if not each["spec"]["replicas"]]
        surplus = len(idle) - deployment["spec"]["revisionHistoryLimit"]
        for each in idle[: max(surplus, 0)]:
            self.store.delete(REPLICA_SETS, each["metadata"]["name"], each["metadata"]["namespace"])

    def _report(self, deployment: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        metadata = deployment["metadata"]
        sets = controlled_by(self.store, REPLICA_SETS, deployment)
        updated = next(each for each in sets if each["metadata"]["uid"] == new["metadata"]["uid"])
        status = _status(deployment, sets, updated)
        self.report(DEPLOYMENTS, deployment, status)
        revision = str(_revision(updated))
        if (metadata.get("annotations") or {}).get(_REVISION) != revision:

            def change(obj: Object) -> None:
                obj["metadata"].setdefault("annotations", {})[_REVISION] = revision

            self.store.mutate(DEPLOYMENTS, metadata["name"], metadata["namespace"], change)


def _template_hash(template: Mapping[str, Any]) -> str:
    text = orjson.dumps(template, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(text).hexdigest()[:10]


def _replica_set(deployment: Mapping[str, Any], name: str, digest: str, revision: int) -> Object:
    template = copy.deepcopy(deployment["spec"]["template"])
    labels = template["metadata"].setdefault("labels", {})
    labels[_HASH_LABEL] = digest
    selector = copy.deepcopy(deployment["spec"]["selector"])
    selector.setdefault("matchLabels", {})[_HASH_LABEL] = digest
    return {
        "metadata": {
            "name": name,
            "namespace": deployment["metadata"]["namespace"],
            "labels": dict(labels),
            "annotations": {_REVISION: str(revision)},
            "ownerReferences": [controller_reference(deployment)],
        },
        "spec": {"replicas": 0, "selector": selector, "template": template},
    }


def _revision(obj: Mapping[str, Any]) -> int:
    return int((obj["metadata"].get("annotations") or {}).get(_REVISION, 0))


def _ready(replica_set: Mapping[str, Any]) -> int:
    return int(replica_set.get("status", {}).get("readyReplicas", 0))


def _unready(replica_set: Mapping[str, Any]) -> int:
    return max(int(replica_set["spec"]["replicas"]) - _ready(replica_set), 0)


def _allowances(deployment: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many pods there may be too many, and too few, during a change."""
    wanted = deployment["spec"]["replicas"]
    rolling = deployment["spec"]["strategy"].get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", "25%"), wanted, math.ceil)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), wanted, math.floor)
    return (surge, unavailable) if surge or unavailable else (0, 1)


def _share(value: Any, whole: int, rounded: Any) -> int:
    if isinstance(value, str) and value.endswith("%"):
        return int(rounded(whole * int(value[:-1]) / 100))
    return int(value)


def _status(
    deployment: Mapping[str, Any], sets: list[Mapping[str, Any]], updated: Mapping[str, Any]
) -> Object:
    wanted = deployment["spec"]["replicas"]
    total = sum(each.get("status", {}).get("replicas", 0) for each in sets)
    ready = sum(_ready(each) for each in sets)
    fresh = updated.get("status", {}).get("replicas", 0)
    counts = {
        "replicas": total,
        "updatedReplicas": fresh,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": max(wanted - ready, 0),
    }
    old = deployment.get("status", {})
    available = ready >= wanted - _allowances(deployment)[1]
    complete = fresh == wanted == total and ready == wanted
    name = updated["metadata"]["name"]
    conditions = [
        _condition(
            old,
            "Available",
            available,
            "MinimumReplicasAvailable" if available else "MinimumReplicasUnavailable",
            f"Deployment {'has' if available else 'does not have'} minimum availability.",
        ),
        _condition(
            old,
            "Progressing",
            True,  # noqa: FBT003 - the condition's status
            "NewReplicaSetAvailable" if complete else "ReplicaSetUpdated",
            f'ReplicaSet "{name}" ' + ("has successfully progressed." if complete else "is progressing."),
        ),
    ]
    if failure := failure_of(updated):
        conditions.append(
            _condition(old, FAILURE, True, failure["reason"], failure["message"])  # noqa: FBT003 - likewise
        )
    return {
        "observedGeneration": deployment["metadata"]["generation"],
        **{key: value for key, value in counts.items() if value},
        "conditions": conditions,
    }


def _condition(old: Mapping[str, Any], kind: str, holds: bool, reason: str, message: str) -> Object:  # noqa: FBT001 - the condition's status
    condition: Object = {"type": kind, "status": str(holds), "reason": reason, "message": message}
    before = next((each for each in old.get("conditions") or () if each["type"] == kind), None)
    if before is not None and all(before[key] == value for key, value in condition.items()):
        return dict(before)
    same = before is not None and before["status"] == condition["status"]
    since = before["lastTransitionTime"] if before is not None and same else now()
    return {**condition, "lastUpdateTime": now(), "lastTransitionTime": since}
