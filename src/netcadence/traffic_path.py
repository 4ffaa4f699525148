"""The way that a pair's traffic takes from its client to its server."""

from __future__ import annotations

import enum
import ipaddress
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from netcadence.errors import PermanentError
from netcadence_worker.contract import PodIP, PodName


class AddressMissingError(PermanentError):
    """The way to a server has no address; the text says which, and what to do."""


class TrafficPath(enum.StrEnum):
    """Where a client connects to reach its server."""

    #: The server pod's own address.
    POD_IP = "pod-ip"
    #: A Service's address inside of the cluster.
    CLUSTER_IP = "cluster-ip"
    #: A Service's port on the server's node.
    NODE_PORT = "node-port"
    #: A Service's address from a load balancer.
    LOAD_BALANCER = "load-balancer"
    #: The name of a headless Service, which the client resolves once.
    DNS = "dns"
    #: The address of the server's node, for both pods are in their nodes' own networks.
    HOST_NETWORK = "host-network"
    #: A machine outside of the cluster, on which a person has started a worker.
    EXTERNAL = "external"

    @property
    def has_service(self) -> bool:
        """Whether each server gets a Service."""
        return self in (
            TrafficPath.CLUSTER_IP,
            TrafficPath.NODE_PORT,
            TrafficPath.LOAD_BALANCER,
            TrafficPath.DNS,
        )


class Baseline(enum.StrEnum):
    """What a path is compared with, in the same run."""

    #: The same pairs of nodes, without what pods have between them.
    HOST_NETWORK = "host-network"


class IPFamily(enum.StrEnum):
    """Which of its addresses a server listens at."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"

    @property
    def spelled(self) -> str:
        """The name as Kubernetes writes it."""
        return "IPv4" if self is IPFamily.IPV4 else "IPv6"

    @classmethod
    def of(cls, address: str) -> IPFamily:
        """Return the family of an address."""
        is_ipv4 = ipaddress.ip_address(address).version == 4  # noqa: PLR2004 - the protocol's name
        return cls.IPV4 if is_ipv4 else cls.IPV6


class External(BaseModel):
    """A worker outside of the cluster that serves every pair of a run.

    Attributes:
        name: By which it finds its requests, as it was started with.
        address: Where it listens, and the cluster's pods reach it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[PodName, Field()]
    address: PodIP
