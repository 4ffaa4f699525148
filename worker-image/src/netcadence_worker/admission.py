"""What a worker makes of a request that it sees for the first time."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from netcadence_worker.contract import POD_LABEL_PREFIX, Phase, Protocol, Reason, RequestSpec, Role, Tool
from netcadence_worker.failure import FailureError

if TYPE_CHECKING:
    from netcadence_worker.api import Object

_SUPPORTED: Final = (Tool.IPERF, Tool.SIEGE)
_MOST_ERRORS_TOLD: Final = 3
_LONGEST_INPUT: Final = 80


@dataclass(frozen=True, slots=True)
class Admitted:
    """A request to be served."""

    role: Role
    spec: RequestSpec


@dataclass(frozen=True, slots=True)
class Refused:
    """A request whose side has to be reported as failed.

    Attributes:
        protocol: None where the request does not even say that.
    """

    role: Role
    protocol: Protocol | None
    failure: FailureError


def admit(request: Object, pod_name: str, pod_ip: str | None = None) -> Admitted | Refused | None:
    """Decide on a request that this process has not seen before.

    Args:
        pod_ip: The pod's own address, where it is known.

    Returns:
        None for a request that is none of this pod's business, or finished, or going away.
    """
    label = (request["metadata"].get("labels") or {}).get(POD_LABEL_PREFIX + pod_name)
    if label not in tuple(Role) or request["metadata"].get("deletionTimestamp"):
        return None
    role = Role(label)
    content = request.get("spec")
    protocol = _protocol(content)
    before = _phase_before(request, role)
    if before.is_final:
        return None
    if before is not Phase.PENDING:
        lost = FailureError(Reason.POD_LOST, f"the {role}'s worker restarted after it had come to {before}")
        return Refused(role, protocol, lost)
    try:
        spec = RequestSpec.model_validate(content)
    except ValidationError as error:
        return Refused(role, protocol, FailureError(Reason.REQUEST_REJECTED, _told(error)))
    contradiction = _contradiction(spec, role, pod_name) or _misplaced(spec, role, pod_ip)
    if contradiction:
        return Refused(role, protocol, FailureError(Reason.REQUEST_REJECTED, contradiction))
    return Admitted(role, spec)


def _protocol(content: Any) -> Protocol | None:
    named = content.get("protocol") if isinstance(content, dict) else None
    return Protocol(named) if named in tuple(Protocol) else None


def _phase_before(request: Object, role: Role) -> Phase:
    side = (request.get("status") or {}).get(role) or {}
    return Phase(side.get("phase", Phase.PENDING))


def _contradiction(spec: RequestSpec, role: Role, pod_name: str) -> str | None:
    named = spec.pod_name(role)
    if named != pod_name:
        return f"spec.{role}PodName is {named}, but the request's label says that {pod_name} is the {role}"
    if spec.tool not in _SUPPORTED:
        return f"spec.tool: this worker does not drive {spec.tool}; it drives {', '.join(_SUPPORTED)}"
    return None


def _misplaced(spec: RequestSpec, role: Role, pod_ip: str | None) -> str | None:
    """Say why an address is not the server's: nobody is to make a worker listen or knock elsewhere."""
    server, own = (ipaddress.ip_address(text) if text else None for text in (spec.server_pod_ip, pod_ip))
    if role is Role.SERVER and own is not None and server != own:
        return f"spec.serverPodIP is {server}, but the address of this pod, the server, is {own}"
    if server is not None and server.is_loopback and not (own is not None and own.is_loopback):
        return f"spec.serverPodIP is {server}, which leads from each pod to itself"
    return None


def _told(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False)
    told = [_sentence(problem["loc"], problem["msg"], problem["input"]) for problem in problems]
    more = len(told) - _MOST_ERRORS_TOLD
    return "; ".join(told[:_MOST_ERRORS_TOLD]) + (f"; and {more} more" if more > 0 else "")


def _sentence(place: tuple[int | str, ...], message: str, given: object) -> str:
    field = ".".join(("spec", *map(str, place)))
    return f"{field}: {message} (given: {repr(given)[:_LONGEST_INPUT]})"
