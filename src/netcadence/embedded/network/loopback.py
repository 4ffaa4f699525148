"""The network that needs no privilege: one loopback address a pod.

Traffic never crosses an interface, same-node and cross-node are alike, and nothing can be limited. Figures
measured here say something about the tools and the machine's memory, not about a network.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence

from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.network import Attachment, NetworkFeature
from netcadence.embedded.network.addresses import PodOffsets, Slot, Subnet
from netcadence.embedded.network.forwards import Forward
from netcadence.embedded.settings import NetworkKind


class LoopbackNetwork:
    """A `Network` of addresses in 127.18.0.0/15."""

    def __init__(self, slot: Slot, nodes: tuple[str, ...]) -> None:
        self._slot = slot
        self._nodes = nodes
        self._offsets = PodOffsets()

    @property
    def kind(self) -> NetworkKind:
        return "loopback"

    @property
    def features(self) -> frozenset[NetworkFeature]:
        return frozenset()  # a packet between two loopback addresses crosses nothing that could be told apart

    @property
    def api_addresses(self) -> tuple[str, ...]:
        return ()

    @property
    def service_ranges(self) -> tuple[Subnet, ...]:
        return self._slot.service_ranges()[:1]

    @property
    def load_balancer_ranges(self) -> tuple[Subnet, ...]:
        return self._slot.load_balancer_ranges()[:1]

    def node_ips(self, node: str) -> tuple[str, ...]:
        return (self._slot.loopback(self._slot.node_offset(self._nodes.index(node))),)

    async def attach(self, node: str) -> Attachment:
        offset = self._offsets.take()
        return Attachment(node, offset, (self._slot.loopback(offset),))

    def attach_to_node(self, node: str) -> Attachment:
        return Attachment(node, None, self.node_ips(node))

    async def detach(self, attachment: Attachment) -> None:
        if attachment.offset is not None:
            self._offsets.give_back(attachment.offset)

    async def set_services(self, forwards: Sequence[Forward], announcers: Mapping[str, str]) -> None:
        del forwards, announcers  # nothing here could translate them

    def socket_at(self, node: str, family: int) -> socket.socket:
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.settimeout(0)
        connection.bind((self.node_ips(node)[0], 0))
        return connection

    async def set_filters(self, scripts: Sequence[tuple[Attachment, str]]) -> list[str]:
        return ["a loopback network has no filters"] * len(scripts)

    async def set_uplink_rate(self, node: str, bits_per_s: int | None) -> None:
        raise EmbeddedClusterError(
            f"the uplink of {node} cannot be set to {bits_per_s} bits/s: a loopback network has no uplinks"
        )
