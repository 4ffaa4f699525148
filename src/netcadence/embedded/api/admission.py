"""What a cluster's rules make of a new pod: its priority, its namespace's Pod Security level and its quotas.

Refusals are worded as the API server's own, which people find in events and conditions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from netcadence.embedded.api.pod_phase import is_final
from netcadence.embedded.api.status import ApiError, forbidden

if TYPE_CHECKING:
    from netcadence.embedded.api.status import Object
    from netcadence.embedded.api.store import Store

#: Classes that every cluster has, with their priority.
SYSTEM_PRIORITIES: Final = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
_PRIORITY_CLASSES: Final = "priorityclasses.scheduling.k8s.io"
_QUOTAS: Final = "resourcequotas"
_LEVEL_LABEL: Final = "pod-security.kubernetes.io/enforce"
_HOST_NAMESPACES: Final = ("hostNetwork", "hostPID", "hostIPC")
_SAFE_PROFILES: Final = ("RuntimeDefault", "Localhost")
_SAFE_VOLUMES: Final = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
_QUANTITY: Final = re.compile(r"([0-9.]+)([a-zA-Z]*)")
_FACTORS: Final = {
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
}


def admit_pod(store: Store, pod: Object) -> None:
    """Complete a new pod by the cluster's rules, or refuse it.

    Raises:
        ApiError: Some rule forbids it (403).
    """
    name = pod["metadata"]["name"]
    _set_priority(store, pod)
    namespace = store.revision("namespaces", pod["metadata"]["namespace"]).content
    level = (namespace["metadata"].get("labels") or {}).get(_LEVEL_LABEL, "privileged")
    if violations := list(_violations(pod["spec"], level)):
        raise forbidden("pods", name, f'violates PodSecurity "{level}:latest": {", ".join(violations)}')
    for quota in store.view(_QUOTAS, pod["metadata"]["namespace"]):
        _require_within(store, quota, pod)


def _set_priority(store: Store, pod: Object) -> None:
    wanted = pod["spec"].get("priorityClassName")
    if not wanted:
        return
    known = SYSTEM_PRIORITIES | {
        each["metadata"]["name"]: int(each.get("value", 0)) for each in store.view(_PRIORITY_CLASSES)
    }
    if wanted not in known:
        why = f"no PriorityClass with name {wanted} was found"
        raise forbidden("pods", pod["metadata"]["name"], why)
    pod["spec"]["priority"] = known[wanted]


def _violations(spec: Mapping[str, Any], level: str) -> Iterator[str]:
    """Say what of a pod a Pod Security level forbids."""
    if level in ("baseline", "restricted"):
        yield from _baseline_violations(spec)
    if level == "restricted":
        yield from _restricted_violations(spec)


def _baseline_violations(spec: Mapping[str, Any]) -> Iterator[str]:
    if shared := [f"{name}=true" for name in _HOST_NAMESPACES if spec.get(name)]:
        yield f"host namespaces ({', '.join(shared)})"
    if mounted := [each["name"] for each in spec.get("volumes") or () if "hostPath" in each]:
        yield f"hostPath volumes ({_named('volume', mounted)})"
    ports = {each["name"]: _host_ports(each) for each in _containers(spec)}
    if taking := [name for name, numbers in ports.items() if numbers]:
        numbers = sorted({number for each in ports.values() for number in each})
        listed = ", ".join(map(str, numbers))
        verb = "use" if len(taking) > 1 else "uses"
        plural = "s" * (len(numbers) > 1)
        yield f"hostPort ({_named('container', taking)} {verb} hostPort{plural} {listed})"
    privileged = [each["name"] for each in _containers(spec) if _security(each).get("privileged")]
    if privileged:
        yield f"privileged ({_named('container', privileged)} must not set securityContext.privileged=true)"


def _restricted_violations(spec: Mapping[str, Any]) -> Iterator[str]:
    if odd := [each["name"] for each in spec.get("volumes") or () if not _SAFE_VOLUMES & each.keys()]:
        yield f"restricted volume types ({_named('volume', odd)})"
    pod = _security(spec)
    for rule in _RESTRICTED:
        breaking = [each["name"] for each in _containers(spec) if not rule.keeps(_security(each), pod)]
        if breaking:
            yield f"{rule.violation} ({rule.whose}{_named('container', breaking)} must set {rule.remedy})"


class _Rule(NamedTuple):
    """What the level `restricted` wants of each container.

    Attributes:
        keeps: Given the container's and the pod's security context, tells whether it is kept.
        whose: Says that the pod may keep it for all its containers.
    """

    keeps: Callable[[Mapping[str, Any], Mapping[str, Any]], bool]
    violation: str
    whose: str
    remedy: str


_RESTRICTED: Final = (
    _Rule(
        lambda own, _pod: own.get("allowPrivilegeEscalation") is False,
        "allowPrivilegeEscalation != false",
        "",
        "securityContext.allowPrivilegeEscalation=false",
    ),
    _Rule(
        lambda own, _pod: "ALL" in ((own.get("capabilities") or {}).get("drop") or ()),
        "unrestricted capabilities",
        "",
        'securityContext.capabilities.drop=["ALL"]',
    ),
    _Rule(
        lambda own, pod: own.get("runAsNonRoot", pod.get("runAsNonRoot")) is True,
        "runAsNonRoot != true",
        "pod or ",
        "securityContext.runAsNonRoot=true",
    ),
    _Rule(
        lambda own, pod: (
            (own.get("seccompProfile") or pod.get("seccompProfile") or {}).get("type") in _SAFE_PROFILES
        ),
        "seccompProfile",
        "pod or ",
        'securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"',
    ),
)


def _host_ports(container: Mapping[str, Any]) -> list[int]:
    return [port["hostPort"] for port in container.get("ports") or () if port.get("hostPort")]


def _named(what: str, names: list[str]) -> str:
    return f"{what}{'s' * (len(names) > 1)} " + ", ".join(f'"{name}"' for name in names)


def _containers(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]


def _security(part: Mapping[str, Any]) -> Mapping[str, Any]:
    return part.get("securityContext") or {}


def _require_within(store: Store, quota: Mapping[str, Any], pod: Mapping[str, Any]) -> None:
    """Refuse a pod that asks for more than a quota has left, or does not say how much it asks for."""
    name, title = pod["metadata"]["name"], quota["metadata"]["name"]
    hard = (quota.get("spec") or {}).get("hard") or {}
    limited = [resource for resource in hard if resource == "pods" or _field_of(resource)]
    silent = [resource for resource in limited if resource != "pods" and _is_silent(pod, resource)]
    if silent:
        containers = ",".join(each["name"] for each in pod["spec"]["containers"])
        wanted = "; ".join(f"{resource} for: {containers}" for resource in sorted(silent))
        raise forbidden("pods", name, f"failed quota: {title}: must specify {wanted}")
    others = [each for each in store.view("pods", pod["metadata"]["namespace"]) if not is_final(each)]
    over = {}
    for resource in sorted(limited):
        asked, used = _asked(pod, resource), sum(_asked(each, resource) for each in others)
        if asked + used > _number(hard[resource]):
            over[resource] = (f"{asked:g}", f"{used:g}", str(hard[resource]))
    if over:
        requested, used_, limits = (
            ",".join(f"{resource}={figures[position]}" for resource, figures in over.items())
            for position in range(3)
        )
        why = f"exceeded quota: {title}, requested: {requested}, used: {used_}, limited: {limits}"
        raise forbidden("pods", name, why)


def _field_of(resource: str) -> tuple[str, str] | None:
    """Return where a container says a quota's resource: `limits.cpu` in limits, plain `cpu` in requests."""
    part, _, what = resource.rpartition(".")
    if what in ("cpu", "memory") and part in ("", "requests", "limits"):
        return part or "requests", what
    return None


def _is_silent(pod: Mapping[str, Any], resource: str) -> bool:
    return any(_said(container, resource) is None for container in pod["spec"]["containers"])


def _said(container: Mapping[str, Any], resource: str) -> Any:
    field = _field_of(resource)
    if field is None:
        return None
    part, what = field
    resources = container.get("resources") or {}
    said = (resources.get(part) or {}).get(what)
    # Where only the limit is said, it is the request as well.
    return (resources.get("limits") or {}).get(what) if said is None and part == "requests" else said


def _asked(pod: Mapping[str, Any], resource: str) -> float:
    if resource == "pods":
        return 1.0
    return sum(_number(_said(container, resource) or 0) for container in pod["spec"]["containers"])


def _number(quantity: object) -> float:
    match = _QUANTITY.fullmatch(str(quantity))
    if match is None or match[2] not in _FACTORS:
        raise ApiError(422, "Invalid", f"quantities must match the form of 500m or 2Gi: {quantity!r}")
    return float(match[1]) * _FACTORS[match[2]]
