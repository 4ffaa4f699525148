"""A pod's status, made of what its containers say; no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from netcadence.embedded.api.pod_phase import FINAL
from netcadence.embedded.api.store import Object, now

Phase = Literal["Pending", "Running", "Succeeded", "Failed"]


def phase(containers: Sequence[Mapping[str, Any]], restart_policy: str) -> Phase:
    """Return the phase of a pod with such container statuses, by the kubelet's rules."""
    if any("running" in each["state"] for each in containers):
        return "Running"
    ended = [_exit_code(each) for each in containers]
    codes = [code for code in ended if code is not None]
    if len(codes) < len(ended):
        return "Pending"  # at least one has never run
    if restart_policy == "Always" or (restart_policy == "OnFailure" and any(codes)):
        return "Running"  # between two runs
    return "Failed" if any(codes) else "Succeeded"


def _exit_code(container: Mapping[str, Any]) -> int | None:
    for state in (container["state"], container["lastState"]):
        if "terminated" in state:
            return int(state["terminated"]["exitCode"])
    return None


def pod_status(
    pod: Mapping[str, Any],
    containers: Sequence[Mapping[str, Any]],
    *,
    ips: Sequence[str],
    host_ips: Sequence[str],
) -> Object:
    """Return the status of a pod that is on a node; times of conditions that stay as they are stay too."""
    before = pod.get("status") or {}
    now_phase = phase(containers, pod["spec"].get("restartPolicy", "Always"))
    final = now_phase in FINAL
    unready = [each["name"] for each in containers if not each["ready"]]
    reason = message = ""
    if final:
        reason = "PodCompleted"
    elif unready:
        reason, message = "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    conditions = [
        _condition("Initialized", holds=True),
        _condition("Ready", holds=not unready, reason=reason, message=message),
        _condition("ContainersReady", holds=not unready, reason=reason, message=message),
        _condition("PodScheduled", holds=True),
    ]
    status: Object = {
        "phase": now_phase,
        "conditions": with_times(before.get("conditions") or [], conditions),
        "hostIP": host_ips[0],
        "hostIPs": [{"ip": ip} for ip in host_ips],
        "startTime": before.get("startTime") or now(),
        "containerStatuses": list(containers),
        "qosClass": before.get("qosClass", "BestEffort"),
    }
    if ips:
        status |= {"podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips]}
    return status


def rejected_status(pod: Mapping[str, Any], reason: str, message: str) -> Object:
    """Return the status of a pod that its node will not run."""
    conditions = (pod.get("status") or {}).get("conditions") or []
    return {
        "phase": "Failed",
        "reason": reason,
        "message": f"Pod was rejected: {message}",
        "startTime": now(),
        "conditions": conditions,
    }


def with_times(before: Sequence[Mapping[str, Any]], conditions: Sequence[Object]) -> list[Object]:
    """Return conditions with the instant of their last change: as it was where the status is the same."""
    earlier = {each["type"]: each for each in before}
    instant = now()
    for each in conditions:
        same = earlier.get(each["type"])
        kept = same is not None and same["status"] == each["status"]
        each["lastTransitionTime"] = same.get("lastTransitionTime", instant) if kept and same else instant
    return list(conditions)


def _condition(kind: str, *, holds: bool, reason: str = "", message: str = "") -> Object:
    condition: Object = {"type": kind, "status": "True" if holds else "False", "lastProbeTime": None}
    if not holds or kind in ("Ready", "ContainersReady"):
        condition |= {"reason": reason} if reason else {}
        condition |= {"message": message} if message else {}
    return condition
