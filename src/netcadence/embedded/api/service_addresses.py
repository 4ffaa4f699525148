"""What a cluster gives its Services: families, cluster addresses and node ports.

As on a real API server, all is settled within the write: the answer to a create holds the address. Nothing
is kept beside the Services themselves, so that what one of them had is free once it is gone.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from netcadence.embedded.api.service_rules import EXTERNAL_TYPES, HEADLESS, family_of, is_headless
from netcadence.embedded.api.status import Cause, Object, invalid, invalid_value

Subnet = ipaddress.IPv4Network | ipaddress.IPv6Network

_NODE_PORTS: Final = range(30_000, 32_768)
#: The lowest part of a range is given out last, so that people can count on it for addresses of their choice.
_LEAST_KEPT, _MOST_KEPT, _KEPT_SHARE = 16, 256, 16
_KEPT_NODE_PORTS: Final = 86
_ADDRESS_FIELDS: Final = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy")


@dataclass(frozen=True, slots=True)
class ServiceRanges:
    """Where Services have their addresses, the cluster's first family first."""

    networks: tuple[Subnet, ...] = (
        ipaddress.ip_network("198.18.12.0/23"),
        ipaddress.ip_network("fd00:198:18::c00/119"),
    )

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(f"IPv{each.version}" for each in self.networks)

    def of(self, family: str) -> Subnet:
        return self.networks[self.families.index(family)]


def take_over(new: Object, old: Mapping[str, Any]) -> None:
    """Keep what an earlier write was given and this one does not mention, as long as the type needs it."""
    spec, before = new.get("spec") or {}, old["spec"]
    kind = spec.get("type", "ClusterIP")
    if kind == "ExternalName":
        _drop_unchanged(spec, before, (*_ADDRESS_FIELDS, "internalTrafficPolicy"))
    elif before["type"] != "ExternalName":
        _keep_addresses(spec, before)
    if before["type"] in EXTERNAL_TYPES:
        if kind in EXTERNAL_TYPES:
            _keep_node_ports(spec, before)
        else:
            _drop_unchanged(spec, before, ("externalTrafficPolicy",))
            _drop_unchanged_node_ports(spec, before)
    if kind != "LoadBalancer":
        _drop_unchanged(spec, before, ("allocateLoadBalancerNodePorts", "loadBalancerClass"))


def _keep_addresses(spec: Object, before: Mapping[str, Any]) -> None:
    for field in _ADDRESS_FIELDS:
        if not spec.get(field) and field in before:
            spec[field] = before[field]
    if spec.get("clusterIPs") == before.get("clusterIPs"):
        if spec.get("clusterIP") != before.get("clusterIP"):
            spec["clusterIPs"] = [spec["clusterIP"], *(before.get("clusterIPs") or [])[1:]]
        elif spec.get("ipFamilyPolicy") == "SingleStack" and spec.get("ipFamilies") == before["ipFamilies"]:
            for field in ("clusterIPs", "ipFamilies"):
                spec[field] = (spec.get(field) or [])[:1]


def _keep_node_ports(spec: Object, before: Mapping[str, Any]) -> None:
    known = {_identity(each): each.get("nodePort") for each in before.get("ports") or ()}
    for port in spec.get("ports") or ():
        if not port.get("nodePort") and (number := known.get(_identity(port))):
            port["nodePort"] = number


def _identity(port: Mapping[str, Any]) -> tuple[Any, ...]:
    return port.get("name"), port.get("port"), port.get("protocol", "TCP")


def _drop_unchanged(spec: Object, before: Mapping[str, Any], fields: Iterable[str]) -> None:
    for field in fields:
        if field in spec and spec[field] == before.get(field):
            del spec[field]


def _drop_unchanged_node_ports(spec: Object, before: Mapping[str, Any]) -> None:
    given = {each.get("nodePort") for each in before.get("ports") or ()}
    for port in spec.get("ports") or ():
        if port.get("nodePort") in given:
            port.pop("nodePort", None)


def align(spec: Object) -> None:
    """Let `clusterIP` and `clusterIPs` say the same where only one of them says anything."""
    if spec.get("clusterIP") and not spec.get("clusterIPs"):
        spec["clusterIPs"] = [spec["clusterIP"]]
    elif spec.get("clusterIPs") and not spec.get("clusterIP"):
        spec["clusterIP"] = spec["clusterIPs"][0]


def assign(
    new: Object,
    old: Mapping[str, Any] | None,
    others: Iterable[Mapping[str, Any]],
    ranges: ServiceRanges,
) -> None:
    """Complete a valid Service in place by what the cluster gives it.

    Args:
        others: All Services of the cluster; one of the same name and namespace does not count.

    Raises:
        ApiError: It asks for what is taken, out of range, or not to be had here (422).
    """
    spec = new["spec"]
    metadata = new["metadata"]
    itself = (metadata["namespace"], metadata["name"])
    others = [
        each["spec"] for each in others if (each["metadata"]["namespace"], each["metadata"]["name"]) != itself
    ]
    before = old["spec"] if old else {}
    causes: list[Cause] = []
    if spec["type"] != "ExternalName":
        causes = _settle_families(spec, ranges) or _changed(spec, before)
        if not causes and not is_headless(spec):
            causes = _give_addresses(spec, others, ranges)
    if not causes and spec["type"] in EXTERNAL_TYPES:
        causes = _give_node_ports(spec, others)
    if causes:
        raise invalid("Service", "", metadata["name"], causes)


def _settle_families(spec: Object, ranges: ServiceRanges) -> list[Cause]:
    addresses = spec.get("clusterIPs") or []
    if addresses and spec.get("clusterIP") != addresses[0]:
        return [invalid_value("spec.clusterIPs", addresses, "first value must match `clusterIP`")]
    available = ranges.families
    free = is_headless(spec) and not spec.get("selector")  # somebody else says where it leads
    families = list(spec.get("ipFamilies") or ())
    families += [family_of(each) for each in addresses[len(families) :] if each != HEADLESS]
    policy = spec.setdefault("ipFamilyPolicy", "RequireDualStack" if free and not families else "SingleStack")
    if not free:
        for index, family in enumerate(families):
            if family not in available:
                return [invalid_value(f"spec.ipFamilies[{index}]", family, "not configured on this cluster")]
        if policy == "RequireDualStack" and len(available) == 1:
            why = "this cluster is not configured for dual-stack services"
            return [invalid_value("spec.ipFamilyPolicy", policy, why)]
    if policy == "SingleStack":
        families = (families or [available[0]])[:1]
        spec["clusterIPs"] = addresses[:1] if addresses else []
    else:
        wanted = ("IPv4", "IPv6") if free else available
        families += [each for each in wanted if each not in families]
    spec["ipFamilies"] = families
    return []


def _changed(spec: Mapping[str, Any], before: Mapping[str, Any]) -> list[Cause]:
    """Return what a write may not change once it is there: the first address and family."""
    causes = []
    for field in ("clusterIPs", "ipFamilies"):
        was, now = before.get(field) or (), spec.get(field) or ()
        for index, (one, other) in enumerate(zip(was, now, strict=False)):
            if one != other:
                causes.append(invalid_value(f"spec.{field}[{index}]", other, "may not change once set"))
    return causes


def _give_addresses(spec: Object, others: Sequence[Mapping[str, Any]], ranges: ServiceRanges) -> list[Cause]:
    taken = {address for other in others for address in other.get("clusterIPs") or ()}
    addresses = list(spec.get("clusterIPs") or ())
    for index, family in enumerate(spec["ipFamilies"]):
        network = ranges.of(family)
        if index < len(addresses):
            why = _refusal(addresses[index], network, taken)
            if why:
                sentence = f"failed to allocate IP {addresses[index]}: {why}"
                return [invalid_value("spec.clusterIPs", addresses, sentence)]
        elif free := free_address(network, taken):
            addresses.append(free)
        else:
            sentence = f"failed to allocate a serviceIP: range is full ({network})"
            return [invalid_value("spec.clusterIPs", addresses, sentence)]
    spec["clusterIPs"], spec["clusterIP"] = addresses, addresses[0]
    return []


def _refusal(address: str, network: Subnet, taken: set[str]) -> str:
    """Return why an address cannot be had; an empty text if it can."""
    parsed = ipaddress.ip_address(address)
    edges = (network.network_address, network.broadcast_address)
    if parsed not in network or parsed in edges:
        return f"the provided IP ({address}) is not in the valid range. The range of valid IPs is {network}"
    return "provided IP is already allocated" if str(parsed) in taken else ""


def free_address(network: Subnet, taken: set[str]) -> str | None:
    """Return an address of a range that is not taken; None if all are."""
    size = network.num_addresses
    kept = min(max(_LEAST_KEPT, size // _KEPT_SHARE), _MOST_KEPT)
    for low, high in ((kept, size - 1), (1, kept)):
        offset = _pick(range(low, high), lambda each: str(network[each]) not in taken)
        if offset is not None:
            return str(network[offset])
    return None


def _pick(numbers: range, is_free: Callable[[int], bool]) -> int | None:
    """Return one that is free: at random, so that what was just given up does not come back at once."""
    start = random.randrange(len(numbers))  # noqa: S311 - nobody gains by guessing it
    turned = (numbers[(start + step) % len(numbers)] for step in range(len(numbers)))
    return next((each for each in turned if is_free(each)), None)


def _give_node_ports(spec: Object, others: Sequence[Mapping[str, Any]]) -> list[Cause]:
    taken = {
        (port["nodePort"], port["protocol"])
        for other in others
        for port in other.get("ports") or ()
        if port.get("nodePort")
    }
    causes = []
    ports = spec.get("ports") or ()
    for index, port in enumerate(ports):
        number, where = port.get("nodePort"), f"spec.ports[{index}].nodePort"
        if not number:
            continue
        if number not in _NODE_PORTS:
            why = (
                "provided port is not in the valid range. The range of valid ports is "
                f"{_NODE_PORTS.start}-{_NODE_PORTS.stop - 1}"
            )
            causes.append(invalid_value(where, number, why))
        elif (number, port["protocol"]) in taken:
            causes.append(invalid_value(where, number, "provided port is already allocated"))
        taken.add((number, port["protocol"]))
    if causes or not spec.get("allocateLoadBalancerNodePorts", True):
        return causes
    used = {number for number, _ in taken}
    for index, port in enumerate(ports):
        if port.get("nodePort"):
            continue
        number = _free_node_port(used)
        if number is None:
            why = "failed to allocate a nodePort: range is full"
            return [invalid_value(f"spec.ports[{index}].nodePort", 0, why)]
        port["nodePort"] = number
        used.add(number)
    return []


def _free_node_port(used: set[int]) -> int | None:
    middle = _NODE_PORTS.start + _KEPT_NODE_PORTS
    for numbers in (range(middle, _NODE_PORTS.stop), range(_NODE_PORTS.start, middle)):
        if (number := _pick(numbers, lambda each: each not in used)) is not None:
            return number
    return None
