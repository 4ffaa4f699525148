"""Network policies as objects: the fields they have, what is filled in, what makes one invalid."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any, Final

from netcadence.embedded.api.metadata import label_causes, label_key_causes, label_value_causes
from netcadence.embedded.api.schema import Schema
from netcadence.embedded.api.status import (
    Cause,
    bad_request,
    forbidden_field,
    invalid_value,
    required,
    unsupported_value,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from netcadence.embedded.api.status import Object

_PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
_DIRECTIONS: Final = ("Egress", "Ingress")
_HIGHEST_PORT: Final = 65_535
_LONGEST_PORT_NAME: Final = 15
_PORT_RANGE: Final = f"must be between 1 and {_HIGHEST_PORT}, inclusive"
_WITH_PREFIX: Final = re.compile(r"[^/]+/[0-9]+")
_CIDR: Final = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"


def _list(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _map(**properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


_TEXT: Final = {"type": "string"}
_SELECTOR: Final = _map(
    matchLabels={"type": "object", "additionalProperties": _TEXT},
    matchExpressions=_list(_map(key=_TEXT, operator=_TEXT, values=_list(_TEXT))),
)
_PORTS: Final = _list(
    _map(protocol=_TEXT, port={"x-kubernetes-int-or-string": True}, endPort={"type": "integer"})
)
_PEERS: Final = _list(
    _map(
        podSelector=_SELECTOR,
        namespaceSelector=_SELECTOR,
        ipBlock=_map(cidr=_TEXT, **{"except": _list(_TEXT)}),
    )
)
FIELDS: Final = Schema(
    _map(
        spec=_map(
            podSelector=_SELECTOR,
            policyTypes=_list(_TEXT),
            ingress=_list(_map(**{"ports": _PORTS, "from": _PEERS})),
            egress=_list(_map(ports=_PORTS, to=_PEERS)),
        )
    )
)


def complete(obj: Object) -> None:
    """Fill in what a writer of a policy may leave out.

    Raises:
        ApiError: A field is of another type than policies have there.
    """
    spec = obj["spec"] = _without_nulls(obj.get("spec") or {})
    if cause := next(FIELDS.properties["spec"].causes(spec, "spec"), None):
        kind = "NetworkPolicy"
        message = f'{kind} in version "v1" cannot be handled as a {kind}: {cause.field}: {cause.message}'
        raise bad_request(message)
    spec.setdefault("podSelector", {})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    for rule in (*(spec.get("ingress") or ()), *(spec.get("egress") or ())):
        for port in rule.get("ports") or ():
            port.setdefault("protocol", "TCP")


def _without_nulls(value: Any) -> Any:
    """Drop fields that are null: to the real server, which decodes into structs, they are not there."""
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


def causes(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
    """Return what is wrong with a policy, in the real server's words."""
    del old
    return list(_spec_causes(new["spec"]))


def _spec_causes(spec: Mapping[str, Any]) -> Iterator[Cause]:
    yield from _selector_causes(spec["podSelector"], "spec.podSelector")
    for direction, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(direction) or ()):
            path = f"spec.{direction}[{index}]"
            for number, port in enumerate(rule.get("ports") or ()):
                yield from _port_causes(port, f"{path}.ports[{number}]")
            for number, peer in enumerate(rule.get(peers) or ()):
                yield from _peer_causes(peer, f"{path}.{peers}[{number}]")
    types = spec["policyTypes"]
    if len(types) > len(_DIRECTIONS):
        yield invalid_value("spec.policyTypes", types, "may not specify more than two policyTypes")
        return
    for index, each in enumerate(types):
        if each not in _DIRECTIONS:
            yield unsupported_value(f"spec.policyTypes[{index}]", each, _DIRECTIONS)


def _port_causes(port: Mapping[str, Any], path: str) -> Iterator[Cause]:
    if port["protocol"] not in _PROTOCOLS:
        yield unsupported_value(f"{path}.protocol", port["protocol"], _PROTOCOLS)
    first, last = port.get("port"), port.get("endPort")
    if isinstance(first, str):
        if last is not None:
            yield invalid_value(f"{path}.endPort", last, "may not be specified when `port` is non-numeric")
        for why in _port_name_faults(first):
            yield invalid_value(f"{path}.port", first, why)
    elif first is None:
        if last is not None:
            yield invalid_value(f"{path}.endPort", last, "may not be specified when `port` is not specified")
    else:
        if not 0 < first <= _HIGHEST_PORT:
            yield invalid_value(f"{path}.port", first, _PORT_RANGE)
        if last is not None and last < first:
            yield invalid_value(f"{path}.endPort", first, "must be greater than or equal to `port`")
        if last is not None and not 0 < last <= _HIGHEST_PORT:
            yield invalid_value(f"{path}.endPort", last, _PORT_RANGE)


def _port_name_faults(name: str) -> Iterator[str]:
    if len(name) > _LONGEST_PORT_NAME:
        yield f"must be no more than {_LONGEST_PORT_NAME} characters"
    if not re.fullmatch("[-a-z0-9]+", name):
        yield "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)"
    if not re.search("[a-z]", name):
        yield "must contain at least one letter (a-z)"
    if "--" in name:
        yield "must not contain consecutive hyphens"
    if name.startswith("-") or name.endswith("-"):
        yield "must not begin or end with a hyphen"


def _peer_causes(peer: Mapping[str, Any], path: str) -> Iterator[Cause]:
    selectors = [name for name in ("podSelector", "namespaceSelector") if name in peer]
    for name in selectors:
        yield from _selector_causes(peer[name], f"{path}.{name}")
    if "ipBlock" in peer:
        yield from _block_causes(peer["ipBlock"], f"{path}.ipBlock")
        if selectors:
            yield forbidden_field(path, "may not specify both ipBlock and another peer")
    elif not selectors:
        yield required(path, "must specify a peer")


def _selector_causes(selector: Mapping[str, Any], path: str) -> Iterator[Cause]:
    yield from label_causes(selector.get("matchLabels"), f"{path}.matchLabels")
    for index, each in enumerate(selector.get("matchExpressions") or ()):
        yield from _expression_causes(each, f"{path}.matchExpressions[{index}]")


def _expression_causes(expression: Mapping[str, Any], path: str) -> Iterator[Cause]:
    values = expression.get("values") or ()
    match expression.get("operator", ""):
        case "In" | "NotIn":
            if not values:
                yield required(f"{path}.values", "must be specified when `operator` is 'In' or 'NotIn'")
        case "Exists" | "DoesNotExist":
            if values:
                sentence = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                yield forbidden_field(f"{path}.values", sentence)
        case operator:
            yield invalid_value(f"{path}.operator", operator, "not a valid selector operator")
    yield from label_key_causes(expression.get("key", ""), f"{path}.key")
    for index, value in enumerate(values):
        yield from label_value_causes(value, f"{path}.values[{index}]")


def _block_causes(block: Mapping[str, Any], path: str) -> Iterator[Cause]:
    if not block.get("cidr"):
        yield required(f"{path}.cidr")
        return
    whole = _network(block["cidr"])
    if whole is None:
        yield invalid_value(f"{path}.cidr", block["cidr"], _CIDR)
    for index, text in enumerate(block.get("except") or ()):
        part = _network(text)
        if part is None:
            yield invalid_value(f"{path}.except[{index}]", text, _CIDR)
        elif whole is not None and not _is_strictly_inside(part, whole):
            yield invalid_value(f"{path}.except[{index}]", text, "must be a strict subset of `cidr`")


def _network(cidr: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if not _WITH_PREFIX.fullmatch(cidr):
        return None  # Python would take an address alone, or a mask
    try:
        return ipaddress.ip_network(cidr, strict=False)
    except ValueError:
        return None


def _is_strictly_inside(
    part: ipaddress.IPv4Network | ipaddress.IPv6Network, whole: ipaddress.IPv4Network | ipaddress.IPv6Network
) -> bool:
    return part.network_address in whole and part.prefixlen > whole.prefixlen
