"""What a worker makes of a request that it sees for the first time."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from netcadence_worker.contract import (
    POD_LABEL_PREFIX,
    Phase,
    Protocol,
    Reason,
    RequestSpec,
    Role,
    Tool,
    is_name,
    reporting_role,
)
from netcadence_worker.failure import FailureError
from netcadence_worker.tools import DRIVEN

if TYPE_CHECKING:
    from netcadence_worker.api import Object

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
        reporter: The side that reports; None where the request does not even say enough for that.
    """

    role: Role
    reporter: Role | None
    failure: FailureError


def admit(request: Object, pod_name: str, own_addresses: tuple[str, ...] = ()) -> Admitted | Refused | None:
    """Decide on a request that this process has not seen before.

    Args:
        own_addresses: Of the pod, where they are known.

    Returns:
        None for a request that is none of this pod's business, or finished, or going away.
    """
    label = (request["metadata"].get("labels") or {}).get(POD_LABEL_PREFIX + pod_name)
    if label not in tuple(Role) or request["metadata"].get("deletionTimestamp"):
        return None
    role = Role(label)
    content = request.get("spec")
    reporter = _reporter(content)
    before = _phase_before(request, role)
    if before.is_final:
        return None
    if before is not Phase.PENDING:
        lost = FailureError(Reason.POD_LOST, f"the {role}'s worker restarted after it had come to {before}")
        return Refused(role, reporter, lost)
    try:
        spec = RequestSpec.model_validate(content)
    except ValidationError as error:
        return Refused(role, reporter, FailureError(Reason.REQUEST_REJECTED, _told(error)))
    contradiction = _contradiction(spec, role, pod_name) or _misplaced(spec, role, own_addresses)
    if contradiction:
        return Refused(role, reporter, FailureError(Reason.REQUEST_REJECTED, contradiction))
    return Admitted(role, spec)


def _reporter(content: Any) -> Role | None:
    if not isinstance(content, dict):
        return None
    protocol, tool = content.get("protocol"), content.get("tool")
    if protocol in tuple(Protocol) and tool in tuple(Tool):
        return reporting_role(Protocol(protocol), Tool(tool), bounces=_bounces(content))
    return None


def _bounces(content: Object) -> bool:
    options = content.get("options")
    of_iperf = options.get("iperf") if isinstance(options, dict) else None
    return isinstance(of_iperf, dict) and of_iperf.get("bounceback") is not None


def _phase_before(request: Object, role: Role) -> Phase:
    side = (request.get("status") or {}).get(role) or {}
    return Phase(side.get("phase", Phase.PENDING))


def _contradiction(spec: RequestSpec, role: Role, pod_name: str) -> str | None:
    named = spec.pod_name(role)
    if named != pod_name:
        return f"spec.{role}PodName is {named}, but the request's label says that {pod_name} is the {role}"
    if spec.tool not in (*DRIVEN, Tool.PROBE):
        drives = ", ".join((*DRIVEN, Tool.PROBE))
        return f"spec.tool: this worker does not drive {spec.tool}; it drives {drives}"
    return None


def _misplaced(spec: RequestSpec, role: Role, own_addresses: tuple[str, ...]) -> str | None:
    """Say why an address is not the server's: nobody is to make a worker listen or knock elsewhere."""
    server, own = spec.server_pod_ip, {ipaddress.ip_address(text) for text in own_addresses}
    if role is Role.SERVER and own and ipaddress.ip_address(server) not in own:
        return (
            f"spec.serverPodIP is {server}, but the address of this pod, the server, is "
            f"{' or '.join(own_addresses)}"
        )
    target = spec.destination.address
    for field, address in (("serverPodIP", server), ("target.address", "" if is_name(target) else target)):
        if address and leads_to_itself(address, own_addresses):
            return f"spec.{field} is {address}, which leads from each pod to itself"
    return None


def leads_to_itself(address: str, own_addresses: tuple[str, ...]) -> bool:
    """Tell whether an address is a pod's own loopback, which is none of a request's business."""
    own_is_loopback = any(ipaddress.ip_address(own).is_loopback for own in own_addresses)
    return ipaddress.ip_address(address).is_loopback and not own_is_loopback


def _told(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False)
    told = [_sentence(problem["loc"], problem["msg"], problem["input"]) for problem in problems]
    more = len(told) - _MOST_ERRORS_TOLD
    return "; ".join(told[:_MOST_ERRORS_TOLD]) + (f"; and {more} more" if more > 0 else "")


def _sentence(place: tuple[int | str, ...], message: str, given: object) -> str:
    field = ".".join(("spec", *map(str, place)))
    return f"{field}: {message} (given: {repr(given)[:_LONGEST_INPUT]})"
