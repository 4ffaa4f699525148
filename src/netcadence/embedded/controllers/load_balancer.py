"""Load balancers: a Service of that type gets an address out of a pool, as from a cloud."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from netcadence.embedded.api.service_addresses import ServiceRanges, free_address
from netcadence.embedded.api.store import ApiError
from netcadence.embedded.controllers.reconciler import Key, Reconciler
from netcadence.embedded.events import EventRecorder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netcadence.embedded.api.store import Object, Store

_COMPONENT: Final = "netcadence-load-balancer"
#: Clients in the cluster go through the load balancer, too, and take no short way at their own node.
_MODE: Final = "Proxy"


class LoadBalancerController(Reconciler):
    """Assigns addresses, after a time in which a real load balancer would come up."""

    resources = ("services",)

    def __init__(self, store: Store, pool: ServiceRanges, delay_s: float) -> None:
        self._pool = pool
        self._delay_s = delay_s
        self._recorder = EventRecorder(store)
        self._seen_at: dict[str, float] = {}
        super().__init__(store)

    def keys(self, resource: str, obj: Mapping[str, Any]) -> Iterable[Key]:
        del resource
        wanted = _is_ours(obj) or _ingress(obj)
        return [(obj["metadata"]["namespace"], obj["metadata"]["name"])] if wanted else []

    def reconcile(self, key: Key) -> None:
        namespace, name = key
        try:
            service = self.store.revision("services", name, namespace).content
        except ApiError:
            return
        if not _is_ours(service):
            self._write(service, [])
            return
        families = service["spec"]["ipFamilies"]
        if len(_ingress(service)) == len(families):
            self._seen_at.pop(service["metadata"]["uid"], None)
            return
        since = self._seen_at.setdefault(service["metadata"]["uid"], time.monotonic())
        left_s = since + self._delay_s - time.monotonic()
        if left_s > 0:
            self.later(key, left_s)
            return
        self._assign(service, families)

    def _assign(self, service: Mapping[str, Any], families: list[str]) -> None:
        own = service["metadata"]["uid"]
        taken = {
            each["ip"]
            for other in self.store.view("services")
            if other["metadata"]["uid"] != own
            for each in _ingress(other)
        }
        found = [free_address(self._pool.of(family), taken) for family in families]
        addresses = [each for each in found if each]
        if len(addresses) < len(families):
            self._recorder.record(
                service, "Warning", "AllocationFailed", "no address is left in the pool", component=_COMPONENT
            )
            return
        self._write(service, [{"ip": each, "ipMode": _MODE} for each in addresses])
        self._recorder.record(
            service, "Normal", "IPAllocated", f"Assigned IP {addresses}", component=_COMPONENT
        )

    def _write(self, service: Mapping[str, Any], ingress: list[Object]) -> None:
        if ingress == _ingress(service):
            return
        metadata = service["metadata"]
        status = {"loadBalancer": {"ingress": ingress} if ingress else {}}
        self.store.mutate(
            "services",
            metadata["name"],
            metadata["namespace"],
            lambda obj: obj.update(status=status),
            subresource="status",
        )


def _is_ours(service: Mapping[str, Any]) -> bool:
    spec = service["spec"]
    return spec["type"] == "LoadBalancer" and not spec.get("loadBalancerClass")


def _ingress(service: Mapping[str, Any]) -> list[Object]:
    return list((service.get("status", {}).get("loadBalancer") or {}).get("ingress") or ())
