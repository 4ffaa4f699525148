"""Jobs: pods of a template until enough of them have succeeded, too many have failed, or the time is over.

A pod carries a finalizer until it is counted, so that none is forgotten that is deleted early.
"""

from __future__ import annotations

import copy
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from netcadence.embedded.api.job_rules import CONTROLLER_UID, JOB_NAME
from netcadence.embedded.api.pod_phase import is_final
from netcadence.embedded.api.selectors import Selector
from netcadence.embedded.api.store import ApiError, now
from netcadence.embedded.controllers.ownership import controlled_by, controller_reference
from netcadence.embedded.controllers.reconciler import Key, Reconciler
from netcadence.embedded.controllers.replica_set import is_ready
from netcadence.embedded.events import EventKind, EventRecorder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netcadence.embedded.api.store import Object, Store

JOBS: Final = "jobs.batch"
#: The finalizer of a pod that is not counted yet.
TRACKING: Final = "batch.kubernetes.io/job-tracking"
#: After a failure the next pod waits, twice as long after each; these are Kubernetes' own pauses.
_FIRST_PAUSE_S: Final = 10.0
_LONGEST_PAUSE_S: Final = 600.0
#: What a Job comes to once its last pod is gone, by the condition that says that it will.
_FINAL: Final = {"SuccessCriteriaMet": "Complete", "FailureTarget": "Failed"}


class JobController(Reconciler):
    """Makes the pods of Jobs, counts how they end, and deletes Jobs whose time to live is over."""

    resources = (JOBS, "pods")

    def __init__(self, store: Store, first_pause_s: float = _FIRST_PAUSE_S) -> None:
        self._recorder = EventRecorder(store)
        self._first_pause_s = first_pause_s
        self._failed_at: dict[Key, datetime] = {}
        super().__init__(store)

    def keys(self, resource: str, obj: Mapping[str, Any]) -> Iterable[Key]:
        metadata = obj["metadata"]
        name = metadata["name"] if resource == JOBS else (metadata.get("labels") or {}).get(JOB_NAME)
        return [(metadata["namespace"], name)] if name else []

    def reconcile(self, key: Key) -> None:
        namespace, name = key
        try:
            job = self.store.revision(JOBS, name, namespace).content
        except ApiError:
            self._failed_at.pop(key, None)
            self._release(self._pods_named_for(key))
            return
        uid = job["metadata"]["uid"]
        self._release(each for each in self._pods_named_for(key) if _uid_label(each) != uid)
        if "deletionTimestamp" in job["metadata"] or _finish(job):
            self._release(self._pods_named_for(key))
            self._retire(key, job)
        else:
            self._advance(key, job)

    def _advance(self, key: Key, job: Mapping[str, Any]) -> None:
        """Count the pods that have ended, make or delete others, and say how it stands."""
        spec, status = job["spec"], copy.deepcopy(job.get("status") or {})
        pods = controlled_by(self.store, "pods", job)
        ended = [pod for pod in pods if _is_tracked(pod) and _has_ended(pod)]
        counts = Counter("succeeded" if _has_succeeded(pod) else "failed" for pod in ended)
        if spec["suspend"]:
            counts.pop("failed", None)  # it was this controller that ended them
            status.pop("startTime", None)
        else:
            status.setdefault("startTime", now())
        for name, count in counts.items():
            status[name] = status.get(name, 0) + count
        if counts["failed"]:
            self._failed_at[key] = datetime.now(UTC)
        self._conclude(job, status, pods)
        refusal = self._adjust(key, job, status, [pod for pod in pods if not _has_ended(pod)])
        self._report(job, status)
        self._release(ended)
        if refusal:
            raise refusal  # and tried again later

    def _conclude(self, job: Mapping[str, Any], status: Object, pods: list[Mapping[str, Any]]) -> None:
        """Say in the status what the Job has come to, as soon as that is certain."""
        if _condition(status, *_FINAL):
            return
        spec, failed = job["spec"], status.get("failed", 0)
        if status.get("succeeded", 0) >= spec["completions"]:
            message = "Reached expected number of succeeded pods"
            _add(status, "SuccessCriteriaMet", "CompletionsReached", message)
        elif failed > spec["backoffLimit"] or _restarts(pods) >= max(spec["backoffLimit"], 1):
            message = "Job has reached the specified backoff limit"
            _add(status, "FailureTarget", "BackoffLimitExceeded", message)
        elif (left_s := _deadline_left_s(job, status)) is not None:
            if left_s <= 0:
                message = "Job was active longer than specified deadline"
                _add(status, "FailureTarget", "DeadlineExceeded", message)
            else:
                self.later((job["metadata"]["namespace"], job["metadata"]["name"]), left_s)

    def _adjust(
        self, key: Key, job: Mapping[str, Any], status: Mapping[str, Any], active: list[Mapping[str, Any]]
    ) -> ApiError | None:
        """Make or delete pods; return why the first of those that could not be made was refused."""
        spec = job["spec"]
        wanted = min(spec["parallelism"], max(spec["completions"] - status.get("succeeded", 0), 0))
        if spec["suspend"] or _condition(status, *_FINAL):
            wanted = 0
        pause_s = self._pause_s(key, status.get("failed", 0))
        if len(active) < wanted and pause_s > 0:
            self.later(key, pause_s)
            return None
        try:
            for _ in range(wanted - len(active)):
                made = self.store.create("pods", _pod_of(job))
                self._tell(job, "Normal", "SuccessfulCreate", f"Created pod: {made['metadata']['name']}")
        except ApiError as error:
            self._tell(job, "Warning", "FailedCreate", f"Error creating: {error.message}")
            return error
        for pod in active[wanted:]:
            self.store.delete("pods", pod["metadata"]["name"], pod["metadata"]["namespace"])
            self._tell(job, "Normal", "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}")
        return None

    def _pause_s(self, key: Key, failed: int) -> float:
        """Return for how long no pod is made yet, for some have failed lately."""
        if key not in self._failed_at:
            return 0.0
        pause_s: float = min(self._first_pause_s * 2 ** min(failed - 1, 16), _LONGEST_PAUSE_S)
        return pause_s - (datetime.now(UTC) - self._failed_at[key]).total_seconds()

    def _report(self, job: Mapping[str, Any], status: Object) -> None:
        pods = controlled_by(self.store, "pods", job)
        active = [pod for pod in pods if not _has_ended(pod)]
        leaving = [pod for pod in pods if "deletionTimestamp" in pod["metadata"] and not is_final(pod)]
        status |= {"active": len(active), "ready": sum(map(is_ready, active)), "terminating": len(leaving)}
        status["uncountedTerminatedPods"] = {}
        if not active:
            del status["active"]
        self._report_suspension(job, status)
        if not active and not leaving and (certain := _condition(status, *_FINAL)):
            kind = _FINAL[certain["type"]]
            _add(status, kind, certain["reason"], certain["message"])
            if kind == "Complete":
                status["completionTime"] = now()
                self._tell(job, "Normal", "Completed", "Job completed")
            else:
                self._tell(job, "Warning", certain["reason"], certain["message"])
        self.report(JOBS, job, status)

    def _report_suspension(self, job: Mapping[str, Any], status: Object) -> None:
        known, suspended = _condition(status, "Suspended"), job["spec"]["suspend"]
        if bool(known and known["status"] == "True") != suspended:
            word = "suspended" if suspended else "resumed"
            _add(status, "Suspended", f"Job{word.capitalize()}", f"Job {word}", holds=suspended)
            self._tell(job, "Normal", word.capitalize(), f"Job {word}")

    def _retire(self, key: Key, job: Mapping[str, Any]) -> None:
        """Delete a Job that has ended long enough ago, with its pods."""
        ttl_s, end = job["spec"].get("ttlSecondsAfterFinished"), _finish(job)
        if ttl_s is None or not end or "deletionTimestamp" in job["metadata"]:
            return
        left_s = ttl_s - _age_s(end["lastTransitionTime"])
        if left_s > 0:
            self.later(key, left_s)
        else:
            namespace, name = key
            self.store.delete(JOBS, name, namespace, propagation="Foreground")

    def _pods_named_for(self, key: Key) -> list[Mapping[str, Any]]:
        namespace, name = key
        return self.store.view("pods", namespace, Selector.of({"matchLabels": {JOB_NAME: name}}))

    def _release(self, pods: Iterable[Mapping[str, Any]]) -> None:
        """Take the finalizer from pods that are counted, or that nobody counts any more."""

        def change(pod: Object) -> None:
            pod["metadata"]["finalizers"].remove(TRACKING)

        for metadata in [pod["metadata"] for pod in pods if _is_tracked(pod)]:
            self.store.mutate("pods", metadata["name"], metadata["namespace"], change)

    def _tell(self, job: Mapping[str, Any], kind: EventKind, reason: str, message: str) -> None:
        self._recorder.record(job, kind, reason, message, component="job-controller")


def _pod_of(job: Mapping[str, Any]) -> Object:
    template = copy.deepcopy(job["spec"]["template"])
    metadata = template["metadata"]
    return {
        "metadata": {
            "generateName": f"{job['metadata']['name'][:57]}-",
            "namespace": job["metadata"]["namespace"],
            "labels": metadata["labels"],
            "annotations": metadata.get("annotations") or {},
            "finalizers": [TRACKING],
            "ownerReferences": [controller_reference(job)],
        },
        "spec": template["spec"],
    }


def _uid_label(pod: Mapping[str, Any]) -> str | None:
    return (pod["metadata"].get("labels") or {}).get(CONTROLLER_UID)


def _is_tracked(pod: Mapping[str, Any]) -> bool:
    return TRACKING in (pod["metadata"].get("finalizers") or ())


def _has_ended(pod: Mapping[str, Any]) -> bool:
    # One that is deleted counts at once, for it may never get so far as to say that it has failed.
    return is_final(pod) or "deletionTimestamp" in pod["metadata"]


def _has_succeeded(pod: Mapping[str, Any]) -> bool:
    return bool(pod.get("status", {}).get("phase") == "Succeeded")


def _restarts(pods: list[Mapping[str, Any]]) -> int:
    """Return how often containers of pods that are not to be replaced were started again."""
    return sum(
        each["restartCount"]
        for pod in pods
        if pod["spec"].get("restartPolicy") == "OnFailure"
        for each in pod.get("status", {}).get("containerStatuses") or ()
    )


def _condition(obj_status: Mapping[str, Any], *kinds: str) -> Mapping[str, Any] | None:
    return next((each for each in obj_status.get("conditions") or () if each["type"] in kinds), None)


def _finish(job: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the condition that says that a Job has ended, if it has."""
    return _condition(job.get("status") or {}, *_FINAL.values())


def _add(status: Object, kind: str, reason: str, message: str, *, holds: bool = True) -> None:
    """Put a condition into a Job's status, in the place of an older one of its kind."""
    instant = now()
    others = [each for each in status.get("conditions") or () if each["type"] != kind]
    condition = {"type": kind, "status": str(holds), "lastProbeTime": instant, "lastTransitionTime": instant}
    status["conditions"] = [*others, condition | {"reason": reason, "message": message}]


def _age_s(instant: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(instant)).total_seconds()


def _deadline_left_s(job: Mapping[str, Any], status: Mapping[str, Any]) -> float | None:
    limit_s = job["spec"].get("activeDeadlineSeconds")
    if limit_s is None or "startTime" not in status:
        return None
    return float(limit_s - _age_s(status["startTime"]))
