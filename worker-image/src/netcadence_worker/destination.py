"""Where a client connects: its request's target, as an address."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netcadence_worker.admission import leads_to_itself
from netcadence_worker.contract import Reason, is_name, pod_address
from netcadence_worker.failure import FailureError

if TYPE_CHECKING:
    from netcadence_worker.bell import Bell
    from netcadence_worker.contract import RequestSpec
    from netcadence_worker.settings import Settings

#: Seconds between two questions for a name: it may be as new as the request.
_PAUSE_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Destination:
    """An address and a port to connect to.

    Attributes:
        source: The own address to connect from; None leaves it to the kernel.
    """

    address: str
    port: int
    source: str | None = None

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.address

    @property
    def authority(self) -> str:
        """As it stands in a URL."""
        host = f"[{self.address}]" if self.is_ipv6 else self.address
        return f"{host}:{self.port}"


def find_destination(spec: RequestSpec, settings: Settings, bell: Bell, until: float) -> Destination:
    """Return where a request's client connects; a name is resolved, once and for all.

    Of a name's addresses one of the family counts in which the server listens.

    Raises:
        FailureError: NameNotResolved, or RequestRejected where the name leads to no place for a client.
    """
    target = spec.destination
    address = target.address
    if is_name(address):
        address = _resolved(address, _family(spec.server_pod_ip), bell, until)
        _require_acceptable(target.address, address, settings)
    return Destination(address, target.port, settings.source_for(address))


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _require_acceptable(name: str, address: str, settings: Settings) -> None:
    try:
        acceptable = not leads_to_itself(pod_address(address), settings.own_addresses)
    except ValueError:
        acceptable = False
    if not acceptable:
        raise FailureError(Reason.REQUEST_REJECTED, f"{name} leads to {address}, which no server has")


def _resolved(name: str, family: socket.AddressFamily, bell: Bell, until: float) -> str:
    trouble = "no answer from the resolver"
    attempts = 0
    while attempts == 0 or time.monotonic() < until:
        attempts += 1
        question = _Question(name, family, bell)
        if not bell.wait(until, condition=lambda: not question.is_open):  # noqa: B023 - waited for in this turn
            break
        if question.answer:
            return question.answer
        trouble = question.trouble
        bell.wait(min(until, time.monotonic() + _PAUSE_S))
    version = 6 if family is socket.AF_INET6 else 4
    raise FailureError(
        Reason.NAME_NOT_RESOLVED, f"{name} has no IPv{version} address after {attempts} attempts: {trouble}"
    )


class _Question:
    """One question to the resolver, in a thread of its own: it may take longer than anybody waits."""

    def __init__(self, name: str, family: socket.AddressFamily, bell: Bell) -> None:
        self.is_open = True
        self.answer = ""
        self.trouble = ""
        threading.Thread(target=self._ask, args=(name, family, bell), name="resolver", daemon=True).start()

    def _ask(self, name: str, family: socket.AddressFamily, bell: Bell) -> None:
        try:
            found = socket.getaddrinfo(name, None, family=family, type=socket.SOCK_STREAM)
            self.answer = min((str(each[4][0]) for each in found), key=ipaddress.ip_address)
        except OSError as error:
            self.trouble = error.strerror or str(error)
        self.is_open = False
        bell.ring()
