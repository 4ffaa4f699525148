"""Services: made, and waited for until they have the address by which they are reached."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from netcadence.errors import NotApplicableError
from netcadence.kube.access import Access, Object
from netcadence.kube.resource import SERVICE
from netcadence.traffic_path import AddressMissingError, IPFamily

_WRITERS: Final = 8
#: Seconds between two looks. They are listed, not watched: that takes one right less, and no figure of a run
#: begins here.
_LOOK_S: Final = 0.2
_NAMES_SHOWN: Final = 3


class ServiceKind(enum.StrEnum):
    """How a Service is reached."""

    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"
    LOAD_BALANCER = "LoadBalancer"
    #: By name only: it leads to the addresses of its pods.
    HEADLESS = "None"


@dataclass(frozen=True, slots=True)
class Service:
    """A Service to be made.

    Attributes:
        selector: Labels of the pods that it leads to.
        ports: The same on the Service as on its pods.
        transport: `TCP` or `UDP`.
        family: Of its addresses; None leaves it to the cluster.
        labels: Its own.
        cluster_ip: The address that it is to have; the cluster's choice if empty.
        node_ports: The port on all nodes that it is to have, by port; likewise.
    """

    name: str
    kind: ServiceKind
    selector: Mapping[str, str]
    ports: tuple[int, ...]
    transport: str = "TCP"
    family: IPFamily | None = None
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    cluster_ip: str = ""
    node_ports: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))

    def body(self, owner: Object | None = None) -> Object:
        """Return it as the API server wants it.

        Args:
            owner: Reference to the object with which it is to go.
        """
        headless = self.kind is ServiceKind.HEADLESS
        spec: Object = {
            "type": ServiceKind.CLUSTER_IP.value if headless else self.kind.value,
            "selector": dict(self.selector),
            "ports": [
                {"name": f"p{port}", "port": port, "targetPort": port, "protocol": self.transport}
                for port in self.ports
            ],
        }
        for port in spec["ports"]:
            if node_port := self.node_ports.get(port["port"]):
                port["nodePort"] = node_port
        if headless or self.cluster_ip:
            spec["clusterIP"] = "None" if headless else self.cluster_ip
        if self.family:
            spec |= {"ipFamilies": [self.family.spelled], "ipFamilyPolicy": "SingleStack"}
        metadata: Object = {"name": self.name, "labels": dict(self.labels)}
        if owner:
            metadata["ownerReferences"] = [owner]
        return {"apiVersion": SERVICE.api_version, "kind": SERVICE.kind, "metadata": metadata, "spec": spec}


def create(
    access: Access, services: Iterable[Service], namespace: str, *, owner: Object | None = None
) -> None:
    """Make Services, several at a time; the first error is raised once all have ended."""

    def make(service: Service) -> None:
        access.create(SERVICE, service.body(owner), namespace)

    with ThreadPoolExecutor(max_workers=_WRITERS, thread_name_prefix="services") as writers:
        list(writers.map(make, services))


def wait_assigned(
    access: Access,
    services: Iterable[Service],
    namespace: str,
    *,
    selector: str,
    timeout_s: float,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Object]:
    """Wait until each Service has what its kind promises; return them as they are then, by name.

    Args:
        selector: Of labels that all of them have.

    Raises:
        AddressMissingError: Some have none in time; the text says which.
        NotApplicableError: No load balancer has: nothing in the cluster assigns them.
    """
    wanted = {each.name: each for each in services}
    deadline = time.monotonic() + timeout_s
    while True:
        seen = {
            each["metadata"]["name"]: each for each in access.list(SERVICE, namespace, selector=selector)[0]
        }
        found = {
            name: seen[name] for name in wanted if name in seen and is_assigned(seen[name], wanted[name].kind)
        }
        on_progress(len(found), len(wanted))
        if len(found) == len(wanted):
            return found
        if time.monotonic() >= deadline:
            without = [service for name, service in wanted.items() if name not in found]
            nobody_assigns = len(without) == len(wanted) and without[0].kind is ServiceKind.LOAD_BALANCER
            kind_of_error = NotApplicableError if nobody_assigns else AddressMissingError
            raise kind_of_error(_missing(without, timeout_s))
        time.sleep(_LOOK_S)


def is_assigned(service: Object, kind: ServiceKind) -> bool:
    """Tell whether a Service can be reached in its kind's way."""
    match kind:
        case ServiceKind.HEADLESS:
            return True
        case ServiceKind.CLUSTER_IP:
            return bool(service["spec"].get("clusterIP"))
        case ServiceKind.NODE_PORT:
            return all(port.get("nodePort") for port in service["spec"]["ports"])
        case ServiceKind.LOAD_BALANCER:
            return bool(balancer_address(service))


def cluster_ip(service: Object) -> str:
    return str(service["spec"]["clusterIP"])


def node_port(service: Object, port: int) -> int:
    """Return the port on all nodes that leads to one of the Service's."""
    return next(int(each["nodePort"]) for each in service["spec"]["ports"] if each["port"] == port)


def balancer_address(service: Object) -> str:
    """Return the address or name that a load balancer gave a Service; empty where there is none yet."""
    ingress = service.get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
    return str(ingress[0].get("ip") or ingress[0].get("hostname") or "")


def dns_name(name: str, namespace: str) -> str:
    """Return a Service's name for pods, whatever the cluster's domain is: the resolver adds that."""
    return f"{name}.{namespace}.svc"


def _missing(without: list[Service], timeout_s: float) -> str:
    names = ", ".join(each.name for each in without[:_NAMES_SHOWN])
    more = f" and {len(without) - _NAMES_SHOWN} more" if len(without) > _NAMES_SHOWN else ""
    why = (
        "nothing in this cluster seems to give Services of type LoadBalancer one."
        if without[0].kind is ServiceKind.LOAD_BALANCER
        else "see kubectl describe service."
    )
    return (
        f"No {without[0].kind} address was assigned within {timeout_s:.0f} s to {names}{more}; {why} "
        "address_timeout_s in the scenario allows more time"
    )
