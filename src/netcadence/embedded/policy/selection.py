"""What the policies of a cluster come to for each pod; no I/O."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from netcadence.embedded.api.selectors import Selector

Object = Mapping[str, Any]
Direction = Literal["Ingress", "Egress"]
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Where a policy keeps the rules of a direction, and a rule its peers.
_FIELDS: Final[Mapping[str, tuple[str, str]]] = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}
_HIGHEST_PORT: Final = 65_535


@dataclass(frozen=True, slots=True)
class PolicyPod:
    """A pod as policies see it.

    Attributes:
        ips: Its addresses.
        node_ips: Those of its node.
        ports: The numbers of its containers' named ports, by protocol and name.
    """

    uid: str
    namespace: str
    labels: Mapping[str, str]
    ips: tuple[str, ...]
    node_ips: tuple[str, ...]
    ports: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class Ports:
    """Ports of one protocol, from the first to the last."""

    protocol: str
    first: int = 0
    last: int = _HIGHEST_PORT

    @property
    def are_all(self) -> bool:
        return (self.first, self.last) == (0, _HIGHEST_PORT)

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@dataclass(frozen=True, slots=True)
class Block:
    """Addresses of a block without those of some blocks in it."""

    network: IPNetwork
    without: tuple[IPNetwork, ...] = ()


@dataclass(frozen=True, slots=True)
class Peers:
    """The other ends that a rule is about."""

    everybody: bool = False
    addresses: frozenset[str] = frozenset()
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Allowed:
    """What one rule lets through: traffic with these peers, on these ports; None are all of any protocol."""

    peers: Peers
    ports: tuple[Ports, ...] | None = None


@dataclass(frozen=True, slots=True)
class Isolation:
    """All that is let through to and from a pod; None where no policy isolates it."""

    ingress: tuple[Allowed, ...] | None = None
    egress: tuple[Allowed, ...] | None = None


def isolations(
    policies: Iterable[Object], pods: Sequence[PolicyPod], namespaces: Mapping[str, Mapping[str, str]]
) -> dict[str, Isolation]:
    """Return what the policies come to for each pod that they isolate, by its uid.

    Args:
        policies: NetworkPolicy objects.
        pods: All pods that have an address of their own.
        namespaces: The labels of each namespace.
    """
    ingress: dict[str, list[Allowed]] = defaultdict(list)
    egress: dict[str, list[Allowed]] = defaultdict(list)
    for policy in policies:
        spec, namespace = policy["spec"], policy["metadata"]["namespace"]
        selected = list(_in_namespace(pods, namespace, Selector.of(spec["podSelector"])))
        if not selected:
            continue
        cluster = _Cluster(pods, namespaces, namespace)
        if "Ingress" in spec["policyTypes"]:
            for pod, allowed in cluster.incoming(spec, selected):
                ingress[pod.uid] += allowed
        if "Egress" in spec["policyTypes"]:
            allowed = list(cluster.outgoing(spec))
            for pod in selected:
                egress[pod.uid] += allowed
    return {
        uid: Isolation(
            tuple(ingress[uid]) if uid in ingress else None, tuple(egress[uid]) if uid in egress else None
        )
        for uid in ingress.keys() | egress.keys()
    }


@dataclass(frozen=True, slots=True)
class _Cluster:
    """The cluster as the policies of one namespace see it."""

    pods: Sequence[PolicyPod]
    namespaces: Mapping[str, Mapping[str, str]]
    namespace: str

    def incoming(
        self, spec: Object, selected: Sequence[PolicyPod]
    ) -> Iterator[tuple[PolicyPod, list[Allowed]]]:
        """Yield what a policy lets in to each pod that it selects: a name means the pod's own port."""
        rules = [(self._peers(rule, "from"), rule.get("ports") or ()) for rule in spec.get("ingress") or ()]
        for pod in selected:
            yield (
                pod,
                [
                    Allowed(peers, ports)
                    for peers, named in rules
                    if (ports := _resolved(named, pod)) is None or ports
                ],
            )

    def outgoing(self, spec: Object) -> Iterator[Allowed]:
        """Yield what a policy lets out: a name means that port of the pod at the other end."""
        for rule in spec.get("egress") or ():
            peers, ports = self._peers(rule, "to"), rule.get("ports") or ()
            if not ports:
                yield Allowed(peers)
            if numbered := tuple(_numbered(each) for each in ports if not _is_named(each)):
                yield Allowed(peers, numbered)
            for port in filter(_is_named, ports):
                yield from self._named_at_the_other_end(peers, port)

    def _named_at_the_other_end(self, peers: Peers, port: Object) -> Iterator[Allowed]:
        addresses: dict[int, set[str]] = defaultdict(set)
        for pod in self.pods:
            number = pod.ports.get((port["protocol"], port["port"]))
            if number is not None and (peers.everybody or not peers.addresses.isdisjoint(pod.ips)):
                addresses[number].update(pod.ips)
        for number, found in addresses.items():
            yield Allowed(Peers(addresses=frozenset(found)), (Ports(port["protocol"], number, number),))

    def _peers(self, rule: Object, name: str) -> Peers:
        peers = rule.get(name) or ()
        if not peers:
            return Peers(everybody=True)
        blocks = tuple(_block(each["ipBlock"]) for each in peers if "ipBlock" in each)
        pods = (pod for each in peers if "ipBlock" not in each for pod in self._selected(each))
        return Peers(addresses=frozenset(ip for pod in pods for ip in pod.ips), blocks=blocks)

    def _selected(self, peer: Object) -> Iterator[PolicyPod]:
        selector = Selector.of(peer.get("podSelector"))
        if "namespaceSelector" not in peer:
            yield from _in_namespace(self.pods, self.namespace, selector)
            return
        wanted = Selector.of(peer["namespaceSelector"])
        for name, labels in self.namespaces.items():
            if _matches(wanted, labels):
                yield from _in_namespace(self.pods, name, selector)


def _in_namespace(pods: Iterable[PolicyPod], namespace: str, selector: Selector) -> Iterator[PolicyPod]:
    return (pod for pod in pods if pod.namespace == namespace and _matches(selector, pod.labels))


def _matches(selector: Selector, labels: Mapping[str, str]) -> bool:
    return all(requirement.holds(labels) for requirement in selector.labels)


def _is_named(port: Object) -> bool:
    return isinstance(port.get("port"), str)


def _numbered(port: Object) -> Ports:
    if "port" not in port:
        return Ports(port["protocol"])
    return Ports(port["protocol"], port["port"], port.get("endPort", port["port"]))


def _resolved(ports: Sequence[Object], pod: PolicyPod) -> tuple[Ports, ...] | None:
    """Return a rule's ports on a pod: None if it names none at all, nothing if the pod has none of them."""
    if not ports:
        return None
    found = []
    for port in ports:
        number = pod.ports.get((port["protocol"], port["port"])) if _is_named(port) else None
        if number is not None:
            found.append(Ports(port["protocol"], number, number))
        elif not _is_named(port):
            found.append(_numbered(port))
    return tuple(found)


def _block(block: Object) -> Block:
    network = ipaddress.ip_network(block["cidr"], strict=False)
    without = tuple(ipaddress.ip_network(each, strict=False) for each in block.get("except") or ())
    return Block(network, without)
