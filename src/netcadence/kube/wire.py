"""Whose custom resource a run's requests are, and how to read them; the flows see no difference.

What is done with them, from installation to clean-up, is `netcadence.kube.conduct`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from netcadence import upstream
from netcadence.errors import InvalidInputError
from netcadence.kube.access import Object
from netcadence.kube.resource import REQUEST, RUN, UPSTREAM_REQUEST, Resource
from netcadence.scenario import Scenario
from netcadence_worker import clusterloader
from netcadence_worker.contract import RequestStatus


@dataclass(frozen=True, slots=True)
class Wire:
    """How requests look on a cluster.

    Attributes:
        resources: What has to be served; the first are the requests.
        read: Returns a request's pair index and status.
        check: Raises InvalidInputError for a scenario that this wire has no words for.
        namespace: The only one that its workers look in; empty where any will do.
        tells_starts: Whether workers say when they started, so that synchrony can be proved.
    """

    name: str
    resources: tuple[Resource, ...]
    read: Callable[[Object], tuple[int, RequestStatus]]
    check: Callable[[Scenario], None] = lambda _scenario: None
    namespace: str = ""
    tells_starts: bool = True

    @property
    def requests(self) -> Resource:
        return self.resources[0]

    def place(self, namespace: str, *, on_host: bool = False) -> str:
        """Return the namespace to work in, given what was asked for.

        Args:
            on_host: Whether pods have to be allowed in their nodes' own network there.

        Raises:
            InvalidInputError: None can be called so; its workers would not look there; or must not be let in.
        """
        if namespace:
            require_namespace(namespace)
        if on_host and namespace == DEFAULT_NAMESPACE:
            raise InvalidInputError(
                f"namespace {namespace!r}: stays closed to pods in their nodes' own network; "
                f"allowed: another one, or none, for {HOST_NAMESPACE}"
            )
        if namespace and self.namespace and namespace != self.namespace:
            raise InvalidInputError(
                f"namespace {namespace!r}: wire {self.name} works in one only; allowed: {self.namespace}"
            )
        return self.namespace or namespace or (HOST_NAMESPACE if on_host else DEFAULT_NAMESPACE)


def require_namespace(name: str) -> None:
    """Refuse what no cluster takes as the name of a namespace.

    Raises:
        InvalidInputError: It is no DNS label.
    """
    if not _DNS_LABEL.fullmatch(name):
        raise InvalidInputError(
            f"namespace {name!r}: cannot be the name of one; "
            "allowed: 1 to 63 lower-case letters, digits and inner hyphens"
        )


_DNS_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
DEFAULT_NAMESPACE: Final = "netcadence"
#: Where pods may be in their nodes' own network.
HOST_NAMESPACE: Final = "netcadence-host"


def _read_native(request: Object) -> tuple[int, RequestStatus]:
    return request["spec"]["pairIndex"], RequestStatus.model_validate(request.get("status", {}))


def _read_upstream(request: Object) -> tuple[int, RequestStatus]:
    index = clusterloader.index_of(request["metadata"]["name"])
    return index, upstream.status_of(request["spec"], request.get("status"))


NETCADENCE: Final = Wire("netcadence", (REQUEST, RUN), _read_native)
CLUSTERLOADER: Final = Wire(
    "clusterloader",
    (UPSTREAM_REQUEST,),
    _read_upstream,
    check=upstream.check,
    namespace=clusterloader.NAMESPACE,
    tells_starts=False,
)
_ALL: Final = {wire.name: wire for wire in (NETCADENCE, CLUSTERLOADER)}
NAMES: Final = tuple(_ALL)


def find(name: str) -> Wire:
    """Return the wire of that name.

    Raises:
        InvalidInputError: There is none.
    """
    if name not in _ALL:
        raise InvalidInputError(f"wire {name!r} is not known; allowed: {', '.join(_ALL)}")
    return _ALL[name]
