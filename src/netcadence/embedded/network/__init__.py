"""Where pods get their addresses, and what lies between them.

What belongs here: the addresses of a cluster, and the two networks (`namespaces`, `loopback`) behind one
interface. Nodes and pods know a network only as `Network`.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, Protocol

from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.network.addresses import Subnet
from netcadence.embedded.network.forwards import Forward
from netcadence.embedded.place import Place
from netcadence.embedded.settings import NetworkChoice, NetworkKind

#: What a network may offer beside joining pods: it serves Services, enforces NetworkPolicies, resolves names.
NetworkFeature = Literal["services", "policies", "dns"]

_CAP_NET_ADMIN: Final = 12
_CAP_SYS_ADMIN: Final = 21


@dataclass(frozen=True, slots=True)
class Attachment:
    """A pod's place in the network.

    Attributes:
        node: The node it is attached to.
        offset: Position of its address in the cluster's block; None where it has the node's own.
        ips: Its addresses, IPv4 first.
        place: What its processes are started into.
        namespace: The file of its network namespace, if it has one of its own.
    """

    node: str
    offset: int | None
    ips: tuple[str, ...]
    place: Place = field(default_factory=Place)
    namespace: Path | None = None


class Network(Protocol):
    """What joins the pods of a cluster."""

    @property
    def kind(self) -> NetworkKind: ...

    @property
    def features(self) -> frozenset[NetworkFeature]:
        """What is really done here; objects that ask for the rest are stored and have no effect."""
        ...

    @property
    def api_addresses(self) -> tuple[str, ...]:
        """Addresses besides 127.0.0.1 on which the API server is to listen for pods, IPv4 first."""
        ...

    @property
    def service_ranges(self) -> tuple[Subnet, ...]:
        """Where Services have their addresses, one range for each IP family of this network, IPv4 first."""
        ...

    @property
    def load_balancer_ranges(self) -> tuple[Subnet, ...]:
        """Where load balancers have theirs, likewise."""
        ...

    def node_ips(self, node: str) -> tuple[str, ...]:
        """Return the node's own addresses."""
        ...

    async def attach(self, node: str) -> Attachment:
        """Give a new pod its place on a node.

        Raises:
            EmbeddedClusterError: No address is left, or the system refused.
        """
        ...

    def attach_to_node(self, node: str) -> Attachment:
        """Give a pod the node's own place, as `hostNetwork` asks for."""
        ...

    async def detach(self, attachment: Attachment) -> None:
        """Take the place away again."""
        ...

    async def set_services(self, forwards: Sequence[Forward], announcers: Mapping[str, str]) -> None:
        """Translate the addresses of these Services from now on, where this network has that feature.

        Args:
            announcers: For each load balancer's address the node that answers there.
        """
        ...

    def socket_at(self, node: str, family: int) -> socket.socket:
        """Return a non-blocking stream socket that belongs to the node: what it sends starts there."""
        ...

    async def set_filters(self, scripts: Sequence[tuple[Attachment, str]]) -> list[str]:
        """Run nft commands in the own places of pods, in each all of them or none.

        Returns:
            Why it could not be done, for each; an empty text where it was.
        """
        ...

    async def set_uplink_rate(self, node: str, bits_per_s: int | None) -> None:
        """Limit what a node sends to and gets from other nodes; None lifts the limit.

        Raises:
            EmbeddedClusterError: This network has no uplinks.
        """
        ...


def choose_kind(choice: NetworkChoice) -> NetworkKind:
    """Return which network to build here.

    Raises:
        EmbeddedClusterError: Namespaces were asked for, and something for them is missing.
    """
    if choice == "loopback":
        return "loopback"
    missing = _missing_for_namespaces()
    if not missing:
        return "namespaces"
    if choice == "namespaces":
        raise EmbeddedClusterError(f"network: namespaces need {', '.join(missing)}; or choose loopback")
    return "loopback"


def _missing_for_namespaces() -> list[str]:
    missing = [f"the program {program}" for program in ("ip", "tc", "nsenter") if not shutil.which(program)]
    status = Path("/proc/self/status").read_text()
    effective = int(next(line for line in status.splitlines() if line.startswith("CapEff:")).split()[1], 16)
    if not all(effective >> capability & 1 for capability in (_CAP_NET_ADMIN, _CAP_SYS_ADMIN)):
        missing.append("root (CAP_NET_ADMIN and CAP_SYS_ADMIN)")
    elif not os.access("/run", os.W_OK):
        missing.append("a writable /run")
    return missing
