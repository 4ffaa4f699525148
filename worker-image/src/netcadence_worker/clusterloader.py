"""ClusterLoader2's own contract: its custom resource, its names, and its worker's command line.

Both sides of our compatibility with it read this: the worker that serves its orchestrator, and the
orchestrator that drives its worker. The resource has no status subresource and no arming; errors are not
known to arrive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from netcadence_worker.contract import Figure, PodIP, PodName, Protocol, Role, Seconds, Tool

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


class _Edge(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class UpstreamSpec(_Edge):
    """What a pair is asked to measure."""

    client_pod_name: PodName
    server_pod_name: PodName
    server_pod_ip: PodIP = Field(alias="serverPodIP")
    protocol: Literal[Protocol.TCP, Protocol.UDP, Protocol.HTTP]
    #: Seconds of traffic.
    duration: Annotated[int, Field(ge=1, le=3_600)]
    #: Unix time in whole seconds at which the client starts.
    client_start_timestamp: Annotated[int, Field(ge=1, le=LATEST_START)]
    #: Connections that the server waits for; its client never makes more than one.
    number_of_clients: Annotated[int, Field(ge=1, le=2_147_483_647)] = 1


class UpstreamStatus(_Edge):
    """What the reporting worker says."""

    #: Figures by `metrics.POSITIONS`; empty until there are any.
    metrics: Annotated[tuple[Figure, ...], Field(max_length=16)] = ()
    error: Annotated[str, Field(max_length=65_536)] = ""
    #: Seconds by which the reporting worker itself was late.
    worker_delay: Seconds | None = None


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
