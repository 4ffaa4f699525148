"""How built-in objects look in a table: their columns, and what stands in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from netcadence.embedded.api.duration import shown_age, shown_time
from netcadence.embedded.api.pod_phase import is_final
from netcadence.embedded.api.resources import Column

Cells = Callable[[Mapping[str, Any]], list[Any]]

_NAME: Final = Column("Name", "string", format="name")
_AGE: Final = Column("Age", "string")
_NONE: Final = "<none>"
_SHOWN: Final = 3  # of an EndpointSlice's ports and addresses


def _columns(*names: str, wide: tuple[str, ...] = ()) -> tuple[Column, ...]:
    shown = [_NAME, *(Column(name, "string") for name in names), _AGE]
    return (*shown, *(Column(name, "string", priority=1) for name in wide))


def _age(obj: Mapping[str, Any]) -> str:
    return shown_age(obj["metadata"].get("creationTimestamp"))


def _name(obj: Mapping[str, Any]) -> str:
    return str(obj["metadata"]["name"])


def _pod(obj: Mapping[str, Any]) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    containers = status.get("containerStatuses") or []
    ready = sum(bool(each.get("ready")) for each in containers)
    restarts = sum(each.get("restartCount", 0) for each in containers)
    return [
        _name(obj),
        f"{ready}/{len(spec['containers'])}",
        _pod_state(obj, containers),
        f"{restarts}{_last_restart(containers)}",
        _age(obj),
        status.get("podIP") or _NONE,
        spec.get("nodeName") or _NONE,
        status.get("nominatedNodeName") or _NONE,
        _NONE,
    ]


def _pod_state(obj: Mapping[str, Any], containers: list[Mapping[str, Any]]) -> str:
    status = obj.get("status", {})
    if "deletionTimestamp" in obj["metadata"] and not is_final(obj):
        return "Terminating"
    state = status.get("reason") or status.get("phase", "Unknown")
    for each in reversed(containers):
        now = each.get("state") or {}
        if "waiting" in now and now["waiting"].get("reason"):
            state = now["waiting"]["reason"]
        elif "terminated" in now:
            ended = now["terminated"]
            state = ended.get("reason") or f"ExitCode:{ended.get('exitCode')}"
    return str(state)


def _last_restart(containers: list[Mapping[str, Any]]) -> str:
    ends = [
        each["lastState"]["terminated"].get("finishedAt")
        for each in containers
        if each.get("restartCount") and "terminated" in (each.get("lastState") or {})
    ]
    latest = max((end for end in ends if end), default=None)
    return f" ({shown_age(latest)} ago)" if latest else ""


def _images(spec: Mapping[str, Any], field: str) -> str:
    return ",".join(str(each.get(field, "")) for each in spec.get("containers") or ())


def _selector(selector: Mapping[str, Any] | None) -> str:
    """Return a label selector as kubectl writes one."""
    selector = selector or {}
    terms = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    for each in selector.get("matchExpressions") or ():
        key, values = each["key"], f"({','.join(sorted(each.get('values') or ()))})"
        shown = {"In": f"{key} in {values}", "NotIn": f"{key} notin {values}", "Exists": key}
        terms.append((key, shown.get(each["operator"], f"!{key}")))
    return ",".join(term for _, term in sorted(terms)) or _NONE


def _deployment(obj: Mapping[str, Any]) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    template = spec["template"]["spec"]
    return [
        _name(obj),
        f"{status.get('readyReplicas', 0)}/{spec['replicas']}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        _age(obj),
        _images(template, "name"),
        _images(template, "image"),
        _selector(spec.get("selector")),
    ]


def _replica_set(obj: Mapping[str, Any]) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    template = spec["template"]["spec"]
    return [
        _name(obj),
        spec["replicas"],
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        _age(obj),
        _images(template, "name"),
        _images(template, "image"),
        _selector(spec.get("selector")),
    ]


def _job(obj: Mapping[str, Any]) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    template = spec["template"]["spec"]
    return [
        _name(obj),
        _job_state(obj),
        f"{status.get('succeeded', 0)}/{spec['completions']}",
        shown_time(status.get("startTime"), status.get("completionTime")),
        _age(obj),
        _images(template, "name"),
        _images(template, "image"),
        _selector(spec.get("selector")),
    ]


def _job_state(obj: Mapping[str, Any]) -> str:
    conditions = obj.get("status", {}).get("conditions") or ()
    holding = {each["type"] for each in conditions if each["status"] == "True"}
    if "deletionTimestamp" in obj["metadata"] and not holding & {"Complete", "Failed"}:
        return "Terminating"
    return next((each for each in _JOB_STATES if each in holding), "Running")


def _node(obj: Mapping[str, Any]) -> list[Any]:
    status = obj.get("status", {})
    info = status.get("nodeInfo", {})
    # The first address of a type counts, as in kubectl; later ones are of the other IP family.
    addresses = {each["type"]: each["address"] for each in reversed(status.get("addresses") or ())}
    return [
        _name(obj),
        _node_state(obj),
        _node_roles(obj),
        _age(obj),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", _NONE),
        addresses.get("ExternalIP", _NONE),
        info.get("osImage", "<unknown>"),
        info.get("kernelVersion", "<unknown>"),
        info.get("containerRuntimeVersion", "<unknown>"),
    ]


def _node_state(obj: Mapping[str, Any]) -> str:
    conditions = {each["type"]: each["status"] for each in obj.get("status", {}).get("conditions") or ()}
    state = {"True": "Ready", None: "Unknown"}.get(conditions.get("Ready"), "NotReady")
    return f"{state},SchedulingDisabled" if obj.get("spec", {}).get("unschedulable") else state


def _node_roles(obj: Mapping[str, Any]) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = obj["metadata"].get("labels") or {}
    return ",".join(sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix))) or _NONE


def _namespace(obj: Mapping[str, Any]) -> list[Any]:
    return [_name(obj), obj.get("status", {}).get("phase", ""), _age(obj)]


def _event(obj: Mapping[str, Any]) -> list[Any]:
    involved = obj.get("involvedObject") or {}
    first = obj.get("firstTimestamp") or obj.get("eventTime") or obj["metadata"].get("creationTimestamp")
    last = obj.get("lastTimestamp") or first
    count = obj.get("count", 1)
    seen = f"{shown_age(last)} (x{count} over {shown_age(first)})" if count > 1 else shown_age(last)
    return [
        seen,
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{str(involved.get('kind', '')).lower()}/{involved.get('name', '')}",
        str(obj.get("message", "")).strip(),
        involved.get("fieldPath", ""),
        (obj.get("source") or {}).get("component") or obj.get("reportingComponent", ""),
        shown_age(first),
        count,
        _name(obj),
    ]


def _config_map(obj: Mapping[str, Any]) -> list[Any]:
    return [_name(obj), len(obj.get("data") or {}) + len(obj.get("binaryData") or {}), _age(obj)]


def _secret(obj: Mapping[str, Any]) -> list[Any]:
    return [_name(obj), obj.get("type", ""), len(obj.get("data") or {}), _age(obj)]


def _service(obj: Mapping[str, Any]) -> list[Any]:
    spec = obj["spec"]
    selector = ",".join(f"{key}={value}" for key, value in sorted((spec.get("selector") or {}).items()))
    ports = ",".join(_service_port(each) for each in spec.get("ports") or ())
    address = spec.get("clusterIP") or _NONE
    external = _external_address(obj)
    return [_name(obj), spec["type"], address, external, ports or _NONE, _age(obj), selector or _NONE]


def _service_port(port: Mapping[str, Any]) -> str:
    node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port')}{node_port}/{port.get('protocol')}"


def _external_address(obj: Mapping[str, Any]) -> str:
    spec = obj["spec"]
    if spec["type"] == "ExternalName":
        return str(spec.get("externalName"))
    found = list(spec.get("externalIPs") or ())
    if spec["type"] == "LoadBalancer":
        ingress = (obj.get("status", {}).get("loadBalancer") or {}).get("ingress") or ()
        found += [each.get("ip") or each.get("hostname", "") for each in ingress]
        return ",".join(found) or "<pending>"
    return ",".join(found) or _NONE


def _endpoint_slice(obj: Mapping[str, Any]) -> list[Any]:
    ports = [str(each.get("port") or "*") for each in obj.get("ports") or ()]
    addresses = [address for each in obj.get("endpoints") or () for address in each["addresses"]]
    return [_name(obj), obj["addressType"], _few(ports), _few(addresses), _age(obj)]


def _few(values: list[str]) -> str:
    if not values:
        return "<unset>"
    more = f" + {len(values) - _SHOWN} more..." if len(values) > _SHOWN else ""
    return ",".join(values[:_SHOWN]) + more


def _network_policy(obj: Mapping[str, Any]) -> list[Any]:
    return [_name(obj), _selector(obj["spec"].get("podSelector")), _age(obj)]


def _lease(obj: Mapping[str, Any]) -> list[Any]:
    return [_name(obj), (obj.get("spec") or {}).get("holderIdentity", ""), _age(obj)]


def _definition(obj: Mapping[str, Any]) -> list[Any]:
    return [_name(obj), obj["metadata"]["creationTimestamp"]]


def _binding(obj: Mapping[str, Any]) -> list[Any]:
    role = obj.get("roleRef") or {}
    return [_name(obj), f"{role.get('kind')}/{role.get('name')}", _age(obj)]


_EVENT_COLUMNS: Final = (
    *(Column(name, "string") for name in ("Last Seen", "Type", "Reason", "Object")),
    Column("Message", "string"),
    *(Column(name, "string", priority=1) for name in ("Subobject", "Source", "First Seen", "Count")),
    Column("Name", "string", format="name", priority=1),
)
#: The first that holds is shown.
_JOB_STATES: Final = ("Complete", "Failed", "Suspended", "FailureTarget", "SuccessCriteriaMet")
_WORKLOAD_WIDE: Final = ("Containers", "Images", "Selector")

CELLS: Final[dict[str, tuple[tuple[Column, ...], Cells]]] = {
    "pods": (
        _columns("Ready", "Status", "Restarts", wide=("IP", "Node", "Nominated Node", "Readiness Gates")),
        _pod,
    ),
    "deployments.apps": (_columns("Ready", "Up-to-date", "Available", wide=_WORKLOAD_WIDE), _deployment),
    "replicasets.apps": (_columns("Desired", "Current", "Ready", wide=_WORKLOAD_WIDE), _replica_set),
    "jobs.batch": (_columns("Status", "Completions", "Duration", wide=_WORKLOAD_WIDE), _job),
    "nodes": (
        (
            *(
                _NAME,
                Column("Status", "string"),
                Column("Roles", "string"),
                _AGE,
                Column("Version", "string"),
            ),
            *(
                Column(name, "string", priority=1)
                for name in ("Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime")
            ),
        ),
        _node,
    ),
    "namespaces": (_columns("Status"), _namespace),
    "events": (_EVENT_COLUMNS, _event),
    "configmaps": (_columns("Data"), _config_map),
    "secrets": (_columns("Type", "Data"), _secret),
    "services": (_columns("Type", "Cluster-IP", "External-IP", "Port(s)", wide=("Selector",)), _service),
    "endpointslices.discovery.k8s.io": (_columns("AddressType", "Ports", "Endpoints"), _endpoint_slice),
    "networkpolicies.networking.k8s.io": (_columns("Pod-Selector"), _network_policy),
    "leases.coordination.k8s.io": (_columns("Holder"), _lease),
    "customresourcedefinitions.apiextensions.k8s.io": ((_NAME, Column("Created At", "date")), _definition),
    "rolebindings.rbac.authorization.k8s.io": (_columns("Role"), _binding),
    "clusterrolebindings.rbac.authorization.k8s.io": (_columns("Role"), _binding),
}
