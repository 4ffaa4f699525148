"""The network of namespaces: traffic crosses real interfaces, and between nodes it crosses their uplinks.

Each pod has a namespace with an interface `eth0`, whose other end is in its node's namespace on the bridge
`pods`. The node's `uplink` is on that bridge too, and its other end on the bridge `fabric` in the fabric's
namespace. One more interface joins the machine itself to the fabric, for the API server. All of a cluster is
one subnet, and no pod has a route out of it. Node addresses sit on the bridges, so that what a node does for
its pods (service addresses, packet filters) has its place in the node's namespace.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import re
import socket
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.network import Attachment, NetworkFeature, neighbours, nftables
from netcadence.embedded.network.addresses import (
    API_OFFSET,
    BLOCK,
    BLOCK_V6,
    PREFIX,
    PREFIX_V6,
    PodOffsets,
    Slot,
    Subnet,
)
from netcadence.embedded.network.announcing import address_changes
from netcadence.embedded.network.entry import inside, make, remove
from netcadence.embedded.network.forwards import Forward
from netcadence.embedded.network.translation import Translation, refusal_of_translation
from netcadence.embedded.place import Place
from netcadence.embedded.settings import NetworkKind

_NAMESPACES: Final = Path("/run/netns")
_INTERFACES: Final = Path("/sys/class/net")
_OURS: Final = re.compile(r"nc-(\d+)-")
_AVAILABLE_CONTROLS: Final = Path("/proc/sys/net/ipv4/tcp_available_congestion_control")
_GUARDS: Final = (str(BLOCK), str(BLOCK_V6))
#: A limited uplink may send this long at full speed, and queues this long before it drops.
_BURST_S: Final = 0.005
_QUEUE_MS: Final = 50
_MIN_BURST_BYTES: Final = 16_384
_FILTERS_AT_ONCE: Final = 2
#: Has all that filters of pods need of the kernel, and leaves nothing behind.
_TRIAL_FILTER: Final = (
    "table inet netcadence-trial { chain input { type filter hook input priority filter; "
    "ct state established ct direction reply accept; }; }\n"
    "delete table inet netcadence-trial\n"
)
#: There are no loops, and without spanning tree a port forwards at once. Snooping would
#: only get in the way of IPv6's neighbour discovery.
_BRIDGE: Final = "type bridge stp_state 0 mcast_snooping 0"


_ROUTER: Final = (
    ("ipv4/ip_forward", "1"),
    ("ipv4/conf/all/send_redirects", "0"),
    ("ipv4/conf/pods/send_redirects", "0"),
    ("ipv6/conf/all/forwarding", "1"),
    ("bridge/bridge-nf-call-iptables", "0"),
    ("bridge/bridge-nf-call-ip6tables", "0"),
    ("bridge/bridge-nf-call-arptables", "0"),
)

_log = logging.getLogger("netcadence.embedded")


class NamespaceNetwork:
    """A `Network` of namespaces, virtual Ethernet pairs and bridges."""

    def __init__(self, slot: Slot, nodes: tuple[str, ...]) -> None:
        self._slot = slot
        self._nodes = nodes
        self._offsets = PodOffsets()
        self._fabric = f"nc-{slot.number}-fabric"
        self._ipv6 = _ipv6_is_on()
        self._features: set[NetworkFeature] = set()
        self._translation: Translation | None = None
        self._announcers: dict[str, str] = {}

    @property
    def kind(self) -> NetworkKind:
        return "namespaces"

    @property
    def features(self) -> frozenset[NetworkFeature]:
        return frozenset(self._features)

    @property
    def api_addresses(self) -> tuple[str, ...]:
        return self._ips(API_OFFSET)

    @property
    def service_ranges(self) -> tuple[Subnet, ...]:
        return self._slot.service_ranges()[: 2 if self._ipv6 else 1]

    @property
    def load_balancer_ranges(self) -> tuple[Subnet, ...]:
        return self._slot.load_balancer_ranges()[: 2 if self._ipv6 else 1]

    def node_ips(self, node: str) -> tuple[str, ...]:
        return self._ips(self._slot.node_offset(self._nodes.index(node)))

    async def open(self) -> None:
        """Make what all pods share. Leftovers of an earlier cluster in the same slot are removed first.

        Raises:
            EmbeddedClusterError: The system refused.
        """
        await asyncio.to_thread(remove_leftovers, self._slot)
        _NAMESPACES.mkdir(exist_ok=True)
        interface = _api_interface(self._slot)
        former = _former_neighbour_limits()
        await _ip(
            [f"netns add {name}" for name in (self._fabric, *map(self._namespace, self._nodes))]
            + [f"link add {interface} type veth peer name api netns {self._fabric}"]
            # Kept where it survives a crash of the daemon and goes with the cluster.
            + [f"link set {interface} alias {neighbours.to_text(former)}"] * bool(former)
            + self._up(interface, API_OFFSET)
            + [f"route replace unreachable {block}" for block in _GUARDS if self._ipv6 or ":" not in block]
        )
        neighbours.widen()
        fabric = [f"link add fabric {_BRIDGE}", *_bare_up("fabric"), *_bare_up("api", "fabric")]
        for node in self._nodes:
            fabric.append(f"link add {node} type veth peer name uplink netns {self._namespace(node)}")
            fabric += _bare_up(node, "fabric")
        await _ip(fabric, self._fabric)
        for index, node in enumerate(self._nodes):
            lines = [
                "link set lo up",
                f"link add pods address {_hardware_address(index)} {_BRIDGE}",
                *_bare_up("uplink", "pods"),
            ]
            await _ip(lines + self._up("pods", self._slot.node_offset(index)), self._namespace(node))
        await self._prepare_translation()
        await self._prepare_filters()

    async def _prepare_translation(self) -> None:
        paths = [_NAMESPACES / self._namespace(node) for node in self._nodes]
        versions = (4, 6) if self._ipv6 else (4,)
        if why := await asyncio.to_thread(refusal_of_translation, paths[0], versions):
            _log.warning("Services get addresses and are not served: %s", why)
            return
        await asyncio.to_thread(_become_routers, paths)
        self._translation = Translation(versions)
        for node, path in zip(self._nodes, paths, strict=True):
            await self._translation.add_node(node, path, self.node_ips(node))
        self._features.add("services")

    async def _prepare_filters(self) -> None:
        trial = _NAMESPACES / self._namespace(self._nodes[0])
        if why := await asyncio.to_thread(nftables.refusal, trial, _TRIAL_FILTER):
            _log.warning("network policies are kept and have no effect: %s", why)
            return
        self._features.add("policies")

    async def set_services(self, forwards: Sequence[Forward], announcers: Mapping[str, str]) -> None:
        if self._translation:
            await self._translation.set(forwards)
            await self._announce(announcers)

    async def _announce(self, announcers: Mapping[str, str]) -> None:
        """Let nodes answer at load balancers' addresses."""
        changes = address_changes(self._announcers, announcers)
        self._announcers = dict(announcers)
        for node, each in changes.items():
            try:
                await _ip(each, self._namespace(node), force=True)
            except EmbeddedClusterError as error:  # of one node, and no reason to leave out the others
                _log.error("load balancers: %s", error)

    async def close(self) -> None:
        """Remove everything; whatever still runs inside has to be ended before."""
        await asyncio.to_thread(remove_leftovers, self._slot)

    async def attach(self, node: str) -> Attachment:
        offset = self._offsets.take()
        path = _NAMESPACES / f"nc-{self._slot.number}-pod-{offset}"
        try:
            await asyncio.to_thread(self._join, self._namespace(node), path, offset)
            if self._translation:
                await self._translation.add_pod(node, path)
        except EmbeddedClusterError:
            await self._remove(path)
            self._offsets.give_back(offset)
            raise
        return Attachment(node, offset, self._ips(offset), Place(path), path)

    def _join(self, node: str, pod: Path, offset: int) -> None:
        """Make a pod's namespace, and what leads from there to its node's.

        Raises:
            EmbeddedClusterError: The system refused.
        """
        try:
            make(pod)
        except OSError as error:
            raise EmbeddedClusterError(f"the namespace {pod} cannot be made: {error.strerror}") from error
        end = f"p{offset}"
        lines = [f"link add {end} type veth peer name eth0 netns {pod.name}", *_bare_up(end, "pods")]
        _run(["ip", "-n", node, "-batch", "-"], lines)
        lines = ["link set lo up", *self._up("eth0", offset), *self._congestion_control(offset)]
        _run(["ip", "-n", pod.name, "-batch", "-"], lines)

    def attach_to_node(self, node: str) -> Attachment:
        place = Place(_NAMESPACES / self._namespace(node))
        return Attachment(node, None, self.node_ips(node), place)

    async def detach(self, attachment: Attachment) -> None:
        if attachment.namespace:
            if self._translation:
                self._translation.remove(attachment.namespace)
            await self._remove(attachment.namespace)
        if attachment.offset is not None:
            self._offsets.give_back(attachment.offset)

    def socket_at(self, node: str, family: int) -> socket.socket:
        with inside(_NAMESPACES / self._namespace(node)):
            connection = socket.socket(family, socket.SOCK_STREAM)
        connection.settimeout(0)
        return connection

    async def set_filters(self, scripts: Sequence[tuple[Attachment, str]]) -> list[str]:
        # A few threads with many pods each: changing threads for every pod takes longer than the change.
        parts = [scripts[start::_FILTERS_AT_ONCE] for start in range(_FILTERS_AT_ONCE)]
        faults = await asyncio.gather(*(asyncio.to_thread(_filter, part) for part in parts if part))
        found = [""] * len(scripts)
        for start, part in enumerate(faults):
            found[start::_FILTERS_AT_ONCE] = part
        return found

    async def set_uplink_rate(self, node: str, bits_per_s: int | None) -> None:
        for namespace, interface in ((self._namespace(node), "uplink"), (self._fabric, node)):
            # Removing what is not there is an error, and replacing always works.
            command = f"qdisc replace dev {interface} root {_shaper(bits_per_s)}"
            await asyncio.to_thread(_run, ["tc", "-n", namespace, *command.split()])

    def _namespace(self, node: str) -> str:
        return f"nc-{self._slot.number}-{node}"

    def _ips(self, offset: int) -> tuple[str, ...]:
        return (self._slot.ipv4(offset), self._slot.ipv6(offset))[: 2 if self._ipv6 else 1]

    def _up(self, interface: str, offset: int) -> list[str]:
        """Return the lines that address an interface and bring it up, without duplicate detection."""
        lines = [f"address add {self._slot.ipv4(offset)}/{PREFIX} dev {interface}"]
        if self._ipv6:
            lines.append(f"address add {self._slot.ipv6(offset)}/{PREFIX_V6} dev {interface} nodad")
        return lines + _bare_up(interface)

    def _congestion_control(self, offset: int) -> list[str]:
        """Return the lines that have a pod's TCP behave as on nearly every node, whatever the default here.

        With bbr, fifty pairs that are alike on two processors carry two thirds of what they do with cubic,
        and the slowest of them far less than the others. It is said on the routes, because a namespace may
        only choose as its default what the machine allows to every user.
        """
        if "cubic" not in _AVAILABLE_CONTROLS.read_text().split():
            return []
        lines = [
            self._subnet_route(self._slot.ipv4(offset), PREFIX, f"scope link src {self._slot.ipv4(offset)}")
        ]
        if self._ipv6:
            lines.append(self._subnet_route(self._slot.ipv6(offset), PREFIX_V6, "metric 256"))
        return lines

    @staticmethod
    def _subnet_route(address: str, prefix: int, attributes: str) -> str:
        subnet = ipaddress.ip_interface(f"{address}/{prefix}").network
        return f"route change {subnet} dev eth0 proto kernel {attributes} congctl cubic"

    async def _remove(self, namespace: Path) -> None:
        with contextlib.suppress(OSError):  # gone already: that is what was asked for
            await asyncio.to_thread(remove, namespace)


def _filter(scripts: Sequence[tuple[Attachment, str]]) -> list[str]:
    """Run each pod's commands; return what went wrong with each."""
    faults = []
    for attachment, script in scripts:
        fault = ""
        try:
            if attachment.namespace:
                nftables.run(attachment.namespace, script)
            else:
                fault = f"{attachment.ips[0]} has no namespace of its own"
        except (EmbeddedClusterError, OSError) as error:
            fault = str(error)
        faults.append(fault)
    return faults


def namespaces_of(slot: Slot) -> list[Path]:
    """Return the files of all network namespaces that a slot's cluster has, or has left behind."""
    return sorted(_NAMESPACES.glob(f"nc-{slot.number}-*"))


def slots_in_sight() -> list[Slot]:
    """Return the slots of which this machine has any namespace or interface, whoever made it."""
    names = [path.name for path in (*_NAMESPACES.glob("nc-*"), *_INTERFACES.glob("nc-*-api"))]
    return [Slot(number) for number in sorted({int(found[1]) for found in map(_OURS.match, names) if found})]


def remove_leftovers(slot: Slot) -> None:
    """Remove every namespace, interface and route of a slot; the guard route goes with the last cluster."""
    interface = _api_interface(slot)
    lines = [f"link delete {interface}"] if (_INTERFACES / interface).exists() else []
    lines += [f"netns delete {path.name}" for path in namespaces_of(slot)]
    if not lines:
        return
    former = _former_neighbour_limits()
    # Forced: an interface vanishes with its peer, and a namespace with whoever else removes it.
    _run(["ip", "-force", "-batch", "-"], lines, check=False)
    if not _other_clusters():
        neighbours.restore(former)
        _run(
            ["ip", "-force", "-batch", "-"],
            [f"route delete unreachable {block}" for block in _GUARDS],
            check=False,
        )
        if _other_clusters():  # one that came up meanwhile has made its interface before its guard
            neighbours.widen()
            _run(["ip", "-force", "-batch", "-"], [f"route replace unreachable {block}" for block in _GUARDS])


def _api_interface(slot: Slot) -> str:
    return f"nc-{slot.number}-api"


def _other_clusters() -> bool:
    return any(_INTERFACES.glob("nc-*-api"))


def _former_neighbour_limits() -> dict[str, tuple[int, ...]]:
    """Return the machine's limits from before any cluster; each keeps them with its interface."""
    for interface in _INTERFACES.glob("nc-*-api"):
        with contextlib.suppress(OSError, ValueError):  # going down right now, or without
            if kept := neighbours.from_text((interface / "ifalias").read_text().strip()):
                return kept
    return neighbours.limits()


def _hardware_address(index: int) -> str:
    """Return a node's own, of those that are nobody's.

    A bridge that is given none takes one of its ports': it would change as pods come and go, and whoever
    talks to the node's address would talk to nobody for a while.
    """
    return f"02:00:00:00:{index >> 8:02x}:{index & 255:02x}"


def _bare_up(interface: str, bridge: str = "") -> list[str]:
    """Return the lines that bring an interface up without an address of its own making."""
    master = f" master {bridge}" if bridge else ""
    return [f"link set {interface} addrgenmode none", f"link set {interface}{master} up"]


def _shaper(bits_per_s: int | None) -> str:
    if bits_per_s is None:
        return "noqueue"
    burst_bytes = max(_MIN_BURST_BYTES, int(bits_per_s / 8 * _BURST_S))
    return f"tbf rate {bits_per_s}bit burst {burst_bytes} latency {_QUEUE_MS}ms"


def _become_routers(nodes: Iterable[Path]) -> None:
    """Let nodes pass on what they translate, and keep packet filters off what only crosses their bridges."""
    for node in nodes:
        with inside(node):
            for name, value in _ROUTER:
                with contextlib.suppress(FileNotFoundError):  # without IPv6, or without filters on bridges
                    (Path("/proc/sys/net") / name).write_text(value)


def _ipv6_is_on() -> bool:
    try:
        return Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").read_text().strip() == "0"
    except FileNotFoundError:
        return False


async def _ip(lines: Iterable[str], namespace: str | None = None, *, force: bool = False) -> None:
    """Run `ip` commands; with `force` those after one that fails, too."""
    options = [*(["-n", namespace] if namespace else []), *(["-force"] if force else [])]
    await asyncio.to_thread(_run, ["ip", *options, "-batch", "-"], list(lines))


def _run(argv: Sequence[str], lines: Sequence[str] = (), *, check: bool = True) -> None:
    done = subprocess.run(
        argv, input="".join(f"{line}\n" for line in lines), capture_output=True, text=True, check=False
    )
    if check and done.returncode:
        raise EmbeddedClusterError(f"{' '.join(argv)} failed: {done.stderr.strip()}")
