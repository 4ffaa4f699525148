"""Services and their EndpointSlices: what is filled in, and what is refused whatever the cluster.

Addresses, families and node ports depend on the cluster and are `service_addresses`' matter.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from netcadence.embedded.api.status import (
    Cause,
    Object,
    forbidden_field,
    invalid_value,
    required,
    shown,
    unsupported_value,
)

SERVICE_TYPES: Final = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
EXTERNAL_TYPES: Final = ("NodePort", "LoadBalancer")
HEADLESS: Final = "None"
_PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
_AFFINITIES: Final = ("ClientIP", "None")
_POLICIES: Final = ("Cluster", "Local")
_FAMILIES: Final = ("IPv4", "IPv6")
_FAMILY_POLICIES: Final = ("PreferDualStack", "RequireDualStack", "SingleStack")
_ADDRESS_TYPES: Final = ("FQDN", "IPv4", "IPv6")
_HIGHEST_PORT: Final = 65_535
_AFFINITY_S: Final = 10_800
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_PORT_NAME: Final = re.compile(r"(?=.{1,15}$)(?=.*[a-z])(?!.*--)[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def default_service(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    kind = spec.setdefault("type", "ClusterIP")
    if spec.setdefault("sessionAffinity", "None") == "ClientIP":
        spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {}).setdefault(
            "timeoutSeconds", _AFFINITY_S
        )
    if kind != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if kind in EXTERNAL_TYPES:
        spec.setdefault("externalTrafficPolicy", "Cluster")
    if kind == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        if not port.get("targetPort"):
            port["targetPort"] = port.get("port")
    obj.setdefault("status", {}).setdefault("loadBalancer", {})


def default_slice(obj: Object) -> None:
    for port in obj.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def is_headless(spec: Mapping[str, Any]) -> bool:
    """Return whether a Service has no address of its own, but names of its pods'."""
    return spec.get("clusterIP") == HEADLESS


def service(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
    """Check a Service; what may not change is checked where addresses are given out."""
    del old
    return list(_service_causes(new["spec"]))


def _service_causes(spec: Mapping[str, Any]) -> Iterator[Cause]:
    kind, ports = spec["type"], spec.get("ports") or []
    for field, allowed in (
        ("type", SERVICE_TYPES),
        ("sessionAffinity", _AFFINITIES),
        ("internalTrafficPolicy", _POLICIES),
        ("externalTrafficPolicy", _POLICIES),
        ("ipFamilyPolicy", _FAMILY_POLICIES),
    ):
        if field in spec and spec[field] not in allowed:
            yield unsupported_value(f"spec.{field}", spec[field], allowed)
    if kind == "ExternalName":
        yield from _external_name_causes(spec)
    elif not ports and not is_headless(spec):
        yield required("spec.ports")
    if kind in EXTERNAL_TYPES and is_headless(spec):
        yield invalid_value("spec.clusterIPs[0]", HEADLESS, f"may not be set to 'None' for {kind} services")
    if "externalTrafficPolicy" in spec and kind not in EXTERNAL_TYPES:
        why = "may only be set for externally-accessible services"
        yield invalid_value("spec.externalTrafficPolicy", spec["externalTrafficPolicy"], why)
    yield from _address_causes(spec)
    for index, port in enumerate(ports):
        yield from _port_causes(port, kind, f"spec.ports[{index}]", named=len(ports) > 1)
    yield from _duplicate_causes(ports)


def _external_name_causes(spec: Mapping[str, Any]) -> Iterator[Cause]:
    if not spec.get("externalName"):
        yield required("spec.externalName")
    if spec.get("clusterIP") or spec.get("clusterIPs"):
        yield forbidden_field("spec.clusterIPs", "may not be set for ExternalName services")


def _address_causes(spec: Mapping[str, Any]) -> Iterator[Cause]:
    addresses, families = spec.get("clusterIPs") or [], spec.get("ipFamilies") or []
    if HEADLESS in addresses[1:]:
        yield invalid_value("spec.clusterIPs", addresses, "'None' must be the first and only value")
    for index, address in enumerate(addresses):
        where = f"spec.clusterIPs[{index}]"
        family = family_of(address)
        if address != HEADLESS and not family:
            yield invalid_value(
                where, address, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            )
        elif family and families[index:] and families[index] != family:
            why = f"expected an {families[index]} value as indicated by `ipFamilies[{index}]`"
            yield invalid_value(where, address, why)
    yield from _family_causes(families)
    for field, values in (("clusterIPs", addresses), ("ipFamilies", families)):
        if len(values) > len(_FAMILIES):
            yield invalid_value(f"spec.{field}", values, "may only hold up to 2 values")
        elif len(values) == len(_FAMILIES) and spec.get("ipFamilyPolicy", "SingleStack") == "SingleStack":
            why = f"must be RequireDualStack or PreferDualStack when multiple '{field}' are specified"
            yield invalid_value("spec.ipFamilyPolicy", spec.get("ipFamilyPolicy"), why)


def _family_causes(families: list[Any]) -> Iterator[Cause]:
    for index, family in enumerate(families):
        where = f"spec.ipFamilies[{index}]"
        if family not in _FAMILIES:
            yield unsupported_value(where, family, _FAMILIES)
        elif family in families[:index]:
            yield Cause(where, "FieldValueDuplicate", f"Duplicate value: {shown(family)}")


def family_of(address: object) -> str:
    """Return the family of an address: `IPv4`, `IPv6`, or an empty text if it is none."""
    try:
        return f"IPv{ipaddress.ip_address(str(address)).version}"
    except ValueError:
        return ""


def _port_causes(port: Mapping[str, Any], kind: str, where: str, *, named: bool) -> Iterator[Cause]:
    name, target = port.get("name"), port.get("targetPort")
    if not name:
        if named:
            yield required(f"{where}.name")
    elif not _LABEL.fullmatch(str(name)):
        why = (
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
            "start and end with an alphanumeric character"
        )
        yield invalid_value(f"{where}.name", name, why)
    yield from _number_causes(port.get("port"), f"{where}.port")
    if port["protocol"] not in _PROTOCOLS:
        yield unsupported_value(f"{where}.protocol", port["protocol"], _PROTOCOLS)
    if isinstance(target, str):
        if not _PORT_NAME.fullmatch(target):
            why = (
                "must be no more than 15 characters of lower case letters, digits and '-', with at least one "
                "letter and no '-' at an end or beside another"
            )
            yield invalid_value(f"{where}.targetPort", target, why)
    elif target != port.get("port"):
        yield from _number_causes(target, f"{where}.targetPort")
    if port.get("nodePort") and kind not in EXTERNAL_TYPES:
        yield forbidden_field(f"{where}.nodePort", f"may not be used when `type` is '{kind}'")


def _number_causes(number: Any, where: str) -> Iterator[Cause]:
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number <= _HIGHEST_PORT:
        yield invalid_value(where, number, f"must be between 1 and {_HIGHEST_PORT}, inclusive")


def _duplicate_causes(ports: list[Mapping[str, Any]]) -> Iterator[Cause]:
    names: set[str] = set()
    numbers: set[tuple[Any, Any]] = set()
    for index, port in enumerate(ports):
        name, number = port.get("name"), (port.get("port"), port["protocol"])
        if name and name in names:
            yield Cause(f"spec.ports[{index}].name", "FieldValueDuplicate", f"Duplicate value: {shown(name)}")
        if number in numbers:
            value = shown({"port": number[0], "protocol": number[1]})
            yield Cause(f"spec.ports[{index}]", "FieldValueDuplicate", f"Duplicate value: {value}")
        names.add(str(name))
        numbers.add(number)


def endpoint_slice(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
    return list(_slice_causes(new, old))


def _slice_causes(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> Iterator[Cause]:
    kind = new.get("addressType")
    if not kind:
        yield required("addressType")
    elif kind not in _ADDRESS_TYPES:
        yield unsupported_value("addressType", kind, _ADDRESS_TYPES)
    elif old is not None and kind != old.get("addressType"):
        yield invalid_value("addressType", kind, "field is immutable")
    for index, endpoint in enumerate(new.get("endpoints") or ()):
        where = f"endpoints[{index}].addresses"
        if not endpoint.get("addresses"):
            yield required(where, "must contain at least 1 address")
        for position, address in enumerate(endpoint.get("addresses") or ()):
            if kind in _FAMILIES and family_of(address) != kind:
                yield invalid_value(f"{where}[{position}]", address, f"must be a valid {kind} address")
    yield from _slice_port_causes(new.get("ports") or ())


def _slice_port_causes(ports: Sequence[Mapping[str, Any]]) -> Iterator[Cause]:
    for index, port in enumerate(ports):
        if port.get("protocol") not in _PROTOCOLS:
            yield unsupported_value(f"ports[{index}].protocol", port.get("protocol"), _PROTOCOLS)
        if port.get("port") is not None:
            yield from _number_causes(port["port"], f"ports[{index}].port")
