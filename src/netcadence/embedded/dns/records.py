"""Which names a cluster's Services have, as the specification of DNS-based service discovery says; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from netcadence.embedded.api.service_rules import family_of, is_headless
from netcadence.embedded.api.store import Selector, Store
from netcadence.embedded.controllers.endpoint_slices import SERVICE_LABEL, SLICES

ZONE: Final = "cluster.local"
_SERVICES: Final = f"svc.{ZONE}"
_SUFFIX: Final = f".{_SERVICES}"
_SERVICE_LABELS, _ENDPOINT_LABELS, _PORT_LABELS = 2, 3, 4

RecordKind = Literal["A", "AAAA", "SRV", "CNAME"]


class Record(NamedTuple):
    """One record; `value` is as a zone file has it."""

    kind: RecordKind
    value: str


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """A pod behind a headless Service."""

    label: str
    address: str
    ports: tuple[tuple[str, str, int], ...]


def records_of(name: str, store: Store) -> list[Record] | None:
    """Return all records of a name.

    Args:
        name: Fully qualified, in lower case, without the last dot.

    Returns:
        None if there is no such name; an empty list if it only leads on to others.
    """
    if name in (ZONE, _SERVICES):
        return []
    if not name.endswith(_SUFFIX):
        return None
    *first, service_name, namespace = ["", *name.removesuffix(_SUFFIX).split(".")][-_PORT_LABELS:]
    if not service_name:
        known = any(each["metadata"]["name"] == namespace for each in store.view("namespaces"))
        return [] if known else None
    if len(name.removesuffix(_SUFFIX).split(".")) > _PORT_LABELS:
        return None
    service = next(
        (each for each in store.view("services", namespace) if each["metadata"]["name"] == service_name), None
    )
    if service is None:
        return None
    return _service_records(service, tuple(label for label in first if label), store)


def _service_records(service: Mapping[str, Any], first: tuple[str, ...], store: Store) -> list[Record] | None:
    spec, metadata = service["spec"], service["metadata"]
    own = f"{metadata['name']}.{metadata['namespace']}{_SUFFIX}."
    if spec["type"] == "ExternalName":
        return None if first else [Record("CNAME", f"{spec['externalName'].rstrip('.')}.")]
    if not is_headless(spec):
        if first:
            return _port_records(first, _service_ports(spec), own)
        return [_address_record(each) for each in spec.get("clusterIPs") or ()]
    endpoints = list(_endpoints(service, store))
    if not first:
        return [_address_record(each) for each in dict.fromkeys(e.address for e in endpoints)] or None
    if len(first) == 1 and not first[0].startswith("_"):
        return [_address_record(each.address) for each in endpoints if each.label == first[0]] or None
    found: dict[Record, None] = {}
    for each in endpoints:
        found |= dict.fromkeys(_port_records(first, each.ports, f"{each.label}.{own}") or ())
    return list(found) or None


def _address_record(address: str) -> Record:
    return Record("AAAA" if family_of(address) == "IPv6" else "A", address)


def _service_ports(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    for port in spec.get("ports") or ():
        yield port.get("name", ""), port["protocol"].lower(), port["port"]


def _port_records(
    labels: tuple[str, ...], ports: Iterable[tuple[str, str, int]], target: str
) -> list[Record] | None:
    """Return the SRV records of `_name._protocol`; None if the labels are no such pair, or there is none."""
    asked = labels[-2:]
    if len(asked) < 2 or not all(label.startswith("_") for label in asked):  # noqa: PLR2004 - a pair
        return None
    found = [
        Record("SRV", f"0 100 {number} {target}")
        for name, protocol, number in ports
        if (f"_{name}", f"_{protocol}") == asked
    ]
    return found or None


def _endpoints(service: Mapping[str, Any], store: Store) -> Iterator[_Endpoint]:
    metadata = service["metadata"]
    own = Selector.of({"matchLabels": {SERVICE_LABEL: metadata["name"]}})
    for each in store.view(SLICES, metadata["namespace"], own):
        ports = tuple(
            (port.get("name", ""), port["protocol"].lower(), port["port"])
            for port in each.get("ports") or ()
            if port.get("port")
        )
        for endpoint in each.get("endpoints") or ():
            if (endpoint.get("conditions") or {}).get("ready") is False:
                continue
            for address in endpoint["addresses"]:
                label = endpoint.get("hostname") or address.replace(".", "-").replace(":", "-")
                yield _Endpoint(label, address, ports)
