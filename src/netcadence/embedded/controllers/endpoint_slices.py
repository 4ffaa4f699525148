"""EndpointSlices: where each Service with a selector leads."""

from __future__ import annotations

from collections import defaultdict
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from netcadence.embedded.api.pod_phase import is_final
from netcadence.embedded.api.selectors import Selector
from netcadence.embedded.api.service_rules import family_of, is_headless
from netcadence.embedded.api.store import ApiError
from netcadence.embedded.controllers.ownership import controller_reference
from netcadence.embedded.controllers.reconciler import Key, Reconciler
from netcadence.embedded.controllers.replica_set import is_ready

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from netcadence.embedded.api.store import Object

SLICES: Final = "endpointslices.discovery.k8s.io"
SERVICE_LABEL: Final = "kubernetes.io/service-name"
_MANAGER_LABEL: Final = "endpointslice.kubernetes.io/managed-by"
_HEADLESS_LABEL: Final = "service.kubernetes.io/headless"
_MANAGER: Final = "endpointslice-controller.k8s.io"
_LARGEST: Final = 100

#: The ports of a slice, as name, protocol and number; None where it has none.
_Ports = tuple[tuple[str, str, int], ...]


class EndpointSliceController(Reconciler):
    """Writes the slices of Services that have a selector; those of others are somebody else's."""

    resources = ("services", "pods", SLICES)

    def keys(self, resource: str, obj: Mapping[str, Any]) -> Iterable[Key]:
        metadata = obj["metadata"]
        namespace, labels = metadata["namespace"], metadata.get("labels") or {}
        if resource == "services":
            return [(namespace, metadata["name"])]
        if resource == SLICES:
            own = labels.get(_MANAGER_LABEL) == _MANAGER and SERVICE_LABEL in labels
            return [(namespace, labels[SERVICE_LABEL])] if own else []
        return [
            (namespace, service["metadata"]["name"])
            for service in self.store.view("services", namespace)
            if _selects(service, obj)
        ]

    def reconcile(self, key: Key) -> None:
        namespace, name = key
        wanted_labels = Selector.of({"matchLabels": {SERVICE_LABEL: name, _MANAGER_LABEL: _MANAGER}})
        present = self.store.view(SLICES, namespace, wanted_labels)
        try:
            service = self.store.revision("services", name, namespace).content
        except ApiError:
            service = {"metadata": {"deletionTimestamp": ""}}
        if "deletionTimestamp" in service["metadata"] or not _has_endpoints(service):
            wanted: list[Object] = []
        else:
            wanted = list(self._slices(service))
        for obj in wanted:
            same = next((each for each in present if _alike(each, obj)), None)
            if same is None:
                self.store.create(SLICES, obj)
                continue
            present.remove(same)
            news = {field: obj[field] for field in ("endpoints", "ports")}
            if any(same.get(field) != value for field, value in news.items()):
                self.store.mutate(SLICES, same["metadata"]["name"], namespace, partial(_update, news))
        for left in present:
            self.store.delete(SLICES, left["metadata"]["name"], namespace)

    def _slices(self, service: Mapping[str, Any]) -> Iterator[Object]:
        namespace = service["metadata"]["namespace"]
        pods = [pod for pod in self.store.view("pods", namespace) if _selects(service, pod)]
        zones = {
            node["metadata"]["name"]: (node["metadata"].get("labels") or {}).get(
                "topology.kubernetes.io/zone", ""
            )
            for node in self.store.view("nodes")
        }
        for family in service["spec"].get("ipFamilies") or ():
            groups: defaultdict[_Ports, list[Object]] = defaultdict(list)
            for pod in pods:
                if endpoint := _endpoint(service, pod, family, zones):
                    groups[_ports(service, pod)].append(endpoint)
            for ports, endpoints in (groups or {(): []}).items():
                for start in range(0, len(endpoints) or 1, _LARGEST):
                    yield _slice(service, family, ports, endpoints[start : start + _LARGEST])


def _has_endpoints(service: Mapping[str, Any]) -> bool:
    return bool(service["spec"].get("selector")) and service["spec"]["type"] != "ExternalName"


def _selects(service: Mapping[str, Any], pod: Mapping[str, Any]) -> bool:
    wanted, labels = service["spec"].get("selector"), pod["metadata"].get("labels") or {}
    return bool(wanted) and wanted.items() <= labels.items()


def _endpoint(
    service: Mapping[str, Any], pod: Mapping[str, Any], family: str, zones: Mapping[str, str]
) -> Object | None:
    """Return a pod's entry; None while it has no address of that family, and once it has ended."""
    metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    addresses = [each["ip"] for each in status.get("podIPs") or () if family_of(each["ip"]) == family]
    if not addresses or is_final(pod):
        return None
    serving, terminating = is_ready(pod), "deletionTimestamp" in metadata
    always = bool(service["spec"].get("publishNotReadyAddresses"))
    node = spec.get("nodeName", "")
    endpoint: Object = {
        "addresses": addresses,
        "conditions": {
            "ready": always or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "nodeName": node,
        "targetRef": {
            "kind": "Pod",
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
        },
    }
    if spec.get("hostname") and spec.get("subdomain") == service["metadata"]["name"]:
        endpoint["hostname"] = spec["hostname"]
    return endpoint | ({"zone": zones[node]} if zones.get(node) else {})


def _ports(service: Mapping[str, Any], pod: Mapping[str, Any]) -> _Ports:
    """Return where a pod serves; a port by a name that the pod does not have is left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        target, protocol = port["targetPort"], port["protocol"]
        if isinstance(target, str):
            target = _named_port(pod, target, protocol)
        if target:
            found.append((port.get("name", ""), protocol, int(target)))
    return tuple(found)


def _named_port(pod: Mapping[str, Any], name: str, protocol: str) -> int | None:
    for container in pod["spec"]["containers"]:
        for port in container.get("ports") or ():
            if port.get("name") == name and port["protocol"] == protocol:
                return int(port["containerPort"])
    return None


def _slice(service: Mapping[str, Any], family: str, ports: _Ports, endpoints: list[Object]) -> Object:
    metadata = service["metadata"]
    labels = {**(metadata.get("labels") or {}), SERVICE_LABEL: metadata["name"], _MANAGER_LABEL: _MANAGER}
    if is_headless(service["spec"]):
        labels[_HEADLESS_LABEL] = ""
    return {
        "metadata": {
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "labels": labels,
            "ownerReferences": [controller_reference(service)],
        },
        "addressType": family,
        "ports": [{"name": name, "protocol": protocol, "port": number} for name, protocol, number in ports],
        "endpoints": endpoints,
    }


def _alike(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Return whether a slice can be made the wanted one: with the same pods' ports, or with none yet."""
    return bool(
        present["addressType"] == wanted["addressType"]
        and present["metadata"]["labels"] == wanted["metadata"]["labels"]
        and (present.get("ports") == wanted["ports"] or not present.get("endpoints"))
    )


def _update(news: Mapping[str, Any], obj: Object) -> None:
    obj.update(news)
