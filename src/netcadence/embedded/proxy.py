"""What kube-proxy is on a real node: Services and EndpointSlices become the network's forwards."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from netcadence.embedded.api.service_rules import EXTERNAL_TYPES, family_of, is_headless
from netcadence.embedded.api.store import Change, Store
from netcadence.embedded.controllers.endpoint_slices import SERVICE_LABEL, SLICES
from netcadence.embedded.controllers.replica_set import is_ready
from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.network import Network
from netcadence.embedded.network.forwards import Backend, Forward, announcers

_VERSIONS: Final = {"IPv4": 4, "IPv6": 6}
_PROTOCOLS: Final = {"TCP": "tcp", "UDP": "udp"}

_State = tuple[tuple[Forward, ...], dict[str, str]]

#: A Service, by namespace and name.
_Key = tuple[str, str]

_log = logging.getLogger("netcadence.embedded")


class Proxy:
    """Keeps the network's translation as the objects say; many changes at once are one for the network."""

    def __init__(self, store: Store, network: Network) -> None:
        self._store = store
        self._network = network
        self._news = asyncio.Event()
        store.subscribe(self._on_change)

    async def run(self) -> None:
        """Follow changes until cancelled."""
        present: _State = ((), {})
        while True:
            await self._news.wait()
            await asyncio.sleep(0)  # what is written in the same breath belongs together
            self._news.clear()
            found = tuple(forwards(self._store.view("services"), self._store.view(SLICES)))
            ready = [node["metadata"]["name"] for node in self._store.view("nodes") if is_ready(node)]
            wanted = (found, announcers(found, ready))
            if wanted == present:
                continue
            try:
                await self._network.set_services(*wanted)
            except EmbeddedClusterError as error:
                _log.error("services are not served as they should be: %s", error)
            present = wanted

    def _on_change(self, resource: str, change: Change) -> None:
        if resource in ("services", SLICES) or (resource == "nodes" and _readiness_changed(change)):
            self._news.set()


def _readiness_changed(change: Change) -> bool:
    before = change.before
    return before is None or is_ready(before.content) != is_ready(change.revision.content)


def forwards(services: list[Mapping[str, Any]], slices: list[Mapping[str, Any]]) -> Iterator[Forward]:
    """Yield what is to be translated, whoever wrote the slices."""
    by_service: defaultdict[_Key, list[Mapping[str, Any]]] = defaultdict(list)
    for each in slices:
        metadata = each["metadata"]
        if name := (metadata.get("labels") or {}).get(SERVICE_LABEL):
            by_service[metadata["namespace"], name].append(each)
    for service in services:
        spec, metadata = service["spec"], service["metadata"]
        if spec["type"] == "ExternalName" or is_headless(spec):
            continue
        for address in spec.get("clusterIPs") or ():
            yield from _forwards_of(service, address, by_service[metadata["namespace"], metadata["name"]])


def _forwards_of(
    service: Mapping[str, Any], address: str, slices: list[Mapping[str, Any]]
) -> Iterator[Forward]:
    spec, family = service["spec"], family_of(address)
    external = spec["type"] in EXTERNAL_TYPES
    balancers = (service.get("status", {}).get("loadBalancer") or {}).get("ingress") or ()
    for port in spec.get("ports") or ():
        if port["protocol"] not in _PROTOCOLS:
            continue
        yield Forward(
            version=_VERSIONS[family],
            protocol=_PROTOCOLS[port["protocol"]],
            address=address,
            port=port["port"],
            backends=tuple(_backends(port, family, slices)),
            external=tuple(each["ip"] for each in balancers if family_of(each.get("ip")) == family),
            node_port=port.get("nodePort") if external else None,
            internal_local=spec.get("internalTrafficPolicy") == "Local",
            external_local=spec.get("externalTrafficPolicy") == "Local",
            sticky=spec.get("sessionAffinity") == "ClientIP",
        )


def _backends(port: Mapping[str, Any], family: str, slices: list[Mapping[str, Any]]) -> list[Backend]:
    """Return where a port leads: to what is ready, or, if nothing is, to what still serves while it ends."""
    ready: dict[Backend, None] = {}
    ending: dict[Backend, None] = {}
    for each in slices:
        number = _number(port, each)
        if each["addressType"] != family or number is None:
            continue
        for endpoint in each.get("endpoints") or ():
            # One address of an endpoint is used, the first: so does kube-proxy.
            backend = Backend(endpoint["addresses"][0], number, endpoint.get("nodeName") or "")
            conditions = endpoint.get("conditions") or {}
            if conditions.get("ready") is not False:
                ready[backend] = None
            elif conditions.get("serving") and conditions.get("terminating"):
                ending[backend] = None
    return sorted(ready or ending, key=lambda backend: (backend.address, backend.port))


def _number(port: Mapping[str, Any], slice_: Mapping[str, Any]) -> int | None:
    for each in slice_.get("ports") or ():
        if each.get("name", "") == port.get("name", "") and each.get("protocol") == port["protocol"]:
            number: int | None = each.get("port")
            return number
    return None
