"""ClusterLoader2's own contract: its names, and its worker's command line.

Both sides of our compatibility with it read this: the worker that serves its orchestrator, and the
orchestrator that drives its worker. Its custom resource (`clusterloader_request`) has no status subresource
and no arming; errors are not known to arrive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from netcadence_worker.contract import Protocol, Role, Tool

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP: Final = "clusterloader.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
REQUESTS: Final = "networktestrequests"
KIND: Final = "NetworkTestRequest"
#: Its worker looks nowhere else.
NAMESPACE: Final = "netperf"
DEPLOYMENT: Final = "worker"
#: Role, and its binding, of the workers that we make for this wire.
ROLE: Final = "clusterloader-worker"
POD_LABELS: Final[Mapping[str, str]] = {"group": "network", "name": "worker"}
IMAGE: Final = "gcr.io/k8s-testimages/netperfbenchmark:0.3"
#: The argument that carries further arguments of iperf's UDP client.
UDP_ARGUMENTS: Final = "--udpClientExtraArguments"
#: The last second of the year 9999, in Unix time.
LATEST_START: Final = 253_402_300_799
#: Users of siege wait up to this many seconds; it is written into the worker.
SIEGE_DELAY_S: Final = 1.0

TOOL_OF: Final[Mapping[Protocol, Tool]] = {
    Protocol.TCP: Tool.IPERF,
    Protocol.UDP: Tool.IPERF,
    Protocol.HTTP: Tool.SIEGE,
}

_NAME: Final = "network-test-"
_LABEL_OF: Final = {Role.CLIENT: "clientPodName", Role.SERVER: "serverPodName"}
_ROLE_OF: Final = {label: role for role, label in _LABEL_OF.items()}


def request_name(index: int) -> str:
    return f"{_NAME}{index}"


def index_of(name: str) -> int:
    """Return the index in a request's name.

    Raises:
        ValueError: It is not named as the orchestrator names requests.
    """
    number = name.removeprefix(_NAME)
    if number == name or not (number.isascii() and number.isdecimal()):
        raise ValueError(f"request {name!r} is not named {_NAME}<index>")
    return int(number)


def labels(client: str, server: str) -> dict[str, str]:
    """Return the labels by which the two pods' workers find their request: the names are the keys."""
    return {client: _LABEL_OF[Role.CLIENT], server: _LABEL_OF[Role.SERVER]}


def selector(pod_name: str) -> str:
    """Return the label selector of a worker's own requests."""
    return f"{pod_name} in ({','.join(_LABEL_OF.values())})"


def role_of(label: Any) -> Role | None:
    """Return the role that a label's value stands for."""
    return _ROLE_OF.get(label)
