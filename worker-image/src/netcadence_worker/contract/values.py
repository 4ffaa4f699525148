"""Single values as they may stand on the wire: instants, addresses, figures, each within its bounds."""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

_MICROSECONDS = "%Y-%m-%dT%H:%M:%S.%fZ"
_INSTANT = re.compile(r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}Z")


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return value.astimezone(UTC)


def _text_or_datetime(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and _INSTANT.fullmatch(value)):
        return value
    raise ValueError("an instant is RFC 3339 text with microseconds, such as 2026-01-31T12:00:00.000001Z")


#: An instant in UTC, always six fractional digits on the wire, as Kubernetes' MicroTime.
Instant = Annotated[
    datetime,
    BeforeValidator(_text_or_datetime),
    AfterValidator(_aware),
    PlainSerializer(lambda value: value.strftime(_MICROSECONDS), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "maxLength": 27, "pattern": f"^{_INSTANT.pattern}$"}),
]


class Strict(BaseModel):
    """Base of every model at an edge: frozen, camelCase on the wire, nothing unknown accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


_POD_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
PodName = Annotated[str, Field(min_length=1, max_length=63, pattern=_POD_NAME)]
RunID = Annotated[str, Field(min_length=1, max_length=53, pattern=_POD_NAME)]
PodUID = Annotated[str, Field(max_length=64, pattern=r"^[-0-9A-Za-z]*$")]
Port = Annotated[int, Field(ge=1024, le=65535)]


def pod_address(value: str) -> str:
    """Return an address that a pod can have as its own.

    Raises:
        ValueError: It is none, or one that no pod has.
    """
    address = ipaddress.ip_address(value)
    if (
        address.is_unspecified
        or address.is_multicast
        or address.is_link_local
        or value == "255.255.255.255"
        or getattr(address, "ipv4_mapped", None) is not None
    ):
        raise ValueError(
            "no pod has an unspecified, broadcast, multicast, link-local or IPv4-mapped address as its own"
        )
    return value


#: An address that a pod can have. Loopback is one on an embedded cluster without network namespaces; a worker
#: that has another address of its own refuses it.
PodIP = Annotated[
    str, Field(min_length=2, max_length=45, pattern=r"^[0-9a-fA-F:.]+$"), AfterValidator(pod_address)
]


#: Labels of letters, digits and hyphens; the last begins with a letter, so that no resolver takes the whole
#: for an address in one of the spellings that only it knows.
_DNS_NAME = r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?[.])*[a-z]([-a-z0-9]{0,61}[a-z0-9])?"


def is_name(address: str) -> bool:
    """Tell whether a target's address is a DNS name, and no IP address."""
    return re.fullmatch(_DNS_NAME, address) is not None


def _name_or_pod_address(value: str) -> str:
    return value if is_name(value) else pod_address(value)


#: Where a client may connect: an address as a pod's, or a DNS name.
TargetAddress = Annotated[
    str,
    Field(min_length=1, max_length=253, pattern=rf"^([0-9a-fA-F:.]{{2,45}}|{_DNS_NAME})$"),
    AfterValidator(_name_or_pod_address),
]
#: A figure in whatever unit: far beyond what any metric of the catalogue takes, so that nothing true is lost.
Figure = Annotated[float, Field(ge=-1e18, le=1e18, allow_inf_nan=False)]
#: Seconds between two clocks, either of which may be set to anything between the years 1 and 9999.
Seconds = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]
