"""What the server fills in on built-in objects when a writer leaves it out."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from netcadence.embedded.api.status import Object

_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_TAG: Final = re.compile(r":([^/:@]+)$")


def pod(obj: Object) -> None:
    """Complete a pod, as defaulting and the service account admission together do."""
    spec = obj.setdefault("spec", {})
    pod_spec(spec)
    account = spec.setdefault("serviceAccountName", spec.get("serviceAccount") or "default")
    spec.setdefault("serviceAccount", account)
    obj.setdefault("status", {}).setdefault("phase", "Pending")
    obj["status"].setdefault("qosClass", _quality_of_service(spec))


def pod_spec(spec: Object) -> None:
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        _container(container, on_host=bool(spec.get("hostNetwork")))
    for volume in spec.get("volumes") or ():
        _volume(volume)


def _container(container: Object, *, on_host: bool) -> None:
    container.setdefault("resources", {})
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    container.setdefault("imagePullPolicy", _pull_policy(str(container.get("image", ""))))
    for port in container.get("ports") or ():
        port.setdefault("protocol", "TCP")
        if on_host:
            port.setdefault("hostPort", port.get("containerPort"))
    for env in container.get("env") or ():
        if field := (env.get("valueFrom") or {}).get("fieldRef"):
            field.setdefault("apiVersion", "v1")
    for name in _PROBES:
        if probe := container.get(name):
            _probe(probe)


def _pull_policy(image: str) -> str:
    tag = _TAG.search(image)
    latest = "@" not in image and (tag is None or tag[1] == "latest")
    return "Always" if latest else "IfNotPresent"


def _probe(probe: Object) -> None:
    defaults = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    for field, value in defaults.items():
        probe.setdefault(field, value)
    if http := probe.get("httpGet"):
        http.setdefault("path", "/")
        http.setdefault("scheme", "HTTP")


def _volume(volume: Object) -> None:
    for source in ("configMap", "secret", "projected"):
        if source in volume:
            volume[source].setdefault("defaultMode", 0o644)


def _quality_of_service(spec: Object) -> str:
    demands = [container.get("resources") or {} for container in spec.get("containers") or ()]
    if not any(demand.get("requests") or demand.get("limits") for demand in demands):
        return "BestEffort"
    for demand in demands:
        limits = demand.get("limits") or {}
        wanted = {**limits, **(demand.get("requests") or {})}
        if any(name not in limits or wanted[name] != limits[name] for name in ("cpu", "memory")):
            return "Burstable"
    return "Guaranteed"


def deployment(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.get("rollingUpdate") or {}
        strategy["rollingUpdate"] = {"maxSurge": "25%", "maxUnavailable": "25%", **rolling}
    template(spec)


def replica_set(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    template(spec)


def template(spec: Object) -> None:
    """Complete the template of a workload's pods."""
    found = spec.get("template")
    if isinstance(found, dict):
        found.setdefault("metadata", {})
        pod_spec(found.setdefault("spec", {}))


def namespace(obj: Object) -> None:
    metadata = obj["metadata"]
    labels: dict[str, Any] = metadata.get("labels") or {}
    metadata["labels"] = {**labels, "kubernetes.io/metadata.name": metadata["name"]}
    if "deletionTimestamp" not in metadata:
        obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
    obj.setdefault("status", {}).setdefault("phase", "Active")


def secret(obj: Object) -> None:
    obj.setdefault("type", "Opaque")
    for key, text in (obj.pop("stringData", None) or {}).items():
        obj.setdefault("data", {})[key] = base64.b64encode(text.encode()).decode()


def custom_resource_definition(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    names = spec.setdefault("names", {})
    kind = str(names.get("kind", ""))
    names.setdefault("singular", kind.lower())
    names.setdefault("listKind", f"{kind}List")
    spec.setdefault("conversion", {"strategy": "None"})
