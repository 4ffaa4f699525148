"""What kind of cluster a run met: versions, nodes, and the network as far as it can be told from outside."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final

from netcadence import quantity
from netcadence.kube.access import Access, Object
from netcadence.kube.resource import NODE
from netcadence.kube.worker_deployment import ZONE_LABEL
from netcadence.nodes import Site, Taint
from netcadence.record import NodeFacts

#: The embedded cluster's nodes carry this annotation: `namespaces` or `loopback`.
NETWORK_ANNOTATION: Final = "netcadence.io/network"
#: They also say which of `services`, `policies` and `dns` that network does; other clusters do not.
FEATURES_ANNOTATION: Final = "netcadence.io/network-features"
#: Marks that CNI plugins leave on nodes.
_CNI_MARKS: Final = {
    "aws-vpc-cni": "vpc.amazonaws.com",
    "kube-router": "kube-router.io",
    "cilium": "cilium.io",
    "calico": "projectcalico.org",
    "flannel": "flannel.alpha.coreos.com",
    "antrea": "antrea.io",
    "ovn-kubernetes": "k8s.ovn.org",
    "weave": "weave.works",
}


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """A cluster as it was when a run began.

    Attributes:
        sites: All nodes as places for workers.
        processors: How many a node has for pods, by its name; only where it says so.
        lacks: What its network is known not to do, out of `services`, `policies` and `dns`.
    """

    kubernetes_version: str
    nodes: tuple[NodeFacts, ...]
    cni: str
    network: str
    processors: Mapping[str, int]
    sites: tuple[Site, ...] = ()
    lacks: frozenset[str] = frozenset()

    @property
    def zones(self) -> Mapping[str, str]:
        """The zone of each node, empty where it has none."""
        return {site.name: site.zone for site in self.sites}

    def among(self, names: Collection[str]) -> ClusterFacts:
        """Leave out the nodes that take no part in a run."""
        return replace(self, nodes=tuple(node for node in self.nodes if node.name in names))


def cluster_facts(access: Access) -> ClusterFacts:
    """Read version and nodes, once for all that a run wants to know of them."""
    nodes, _ = access.list(NODE)
    networks = {
        node["metadata"].get("annotations", {}).get(NETWORK_ANNOTATION, "kubernetes") for node in nodes
    }
    return ClusterFacts(
        kubernetes_version=access.raw("/version").get("gitVersion", ""),
        nodes=tuple(_node(node) for node in nodes),
        cni=_cni(nodes),
        network=networks.pop() if len(networks) == 1 else "kubernetes",
        processors={node["metadata"]["name"]: count for node in nodes if (count := _processors(node))},
        sites=tuple(_site(node) for node in nodes),
        lacks=frozenset[str]().union(*(_lacks(node) for node in nodes)),
    )


def _lacks(node: Object) -> set[str]:
    features = node["metadata"].get("annotations", {}).get(FEATURES_ANNOTATION)
    return set() if features is None else {"services", "policies", "dns"} - set(features.split(","))


def _node(node: Object) -> NodeFacts:
    labels, info = node["metadata"].get("labels", {}), node.get("status", {}).get("nodeInfo", {})
    allocatable = node.get("status", {}).get("allocatable", {})
    return NodeFacts(
        name=node["metadata"]["name"],
        zone=labels.get(ZONE_LABEL, ""),
        instance_type=labels.get("node.kubernetes.io/instance-type", ""),
        kernel=info.get("kernelVersion", ""),
        os_image=info.get("osImage", ""),
        container_runtime=info.get("containerRuntimeVersion", ""),
        kubelet=info.get("kubeletVersion", ""),
        region=labels.get("topology.kubernetes.io/region", ""),
        architecture=info.get("architecture", ""),
        allocatable_cpu=quantity.parse(allocatable.get("cpu")),
        allocatable_memory_bytes=_whole(quantity.parse(allocatable.get("memory"))),
    )


def _site(node: Object) -> Site:
    return Site(
        name=node["metadata"]["name"],
        zone=node["metadata"].get("labels", {}).get(ZONE_LABEL, ""),
        labels=node["metadata"].get("labels", {}),
        room=_whole(quantity.parse(node.get("status", {}).get("allocatable", {}).get("pods"))),
        closed=_why_closed(node),
        taints=tuple(_taint(each) for each in node.get("spec", {}).get("taints") or ()),
        addresses=tuple(
            each["address"]
            for each in node.get("status", {}).get("addresses") or ()
            if each["type"] == "InternalIP"
        ),
    )


def _taint(taint: Object) -> Taint:
    return Taint(key=taint["key"], value=taint.get("value", ""), effect=taint["effect"])


def _why_closed(node: Object) -> str:
    """Say why no pod can be put on a node, whatever it tolerates."""
    if node.get("spec", {}).get("unschedulable"):
        return "cordoned"
    conditions = node.get("status", {}).get("conditions", ())
    ready = next((each["status"] for each in conditions if each["type"] == "Ready"), "Unknown")
    return "" if ready == "True" else "not ready"


def _processors(node: Object) -> int:
    """Return a node's allocatable processors, parts of one counted as one; 0 where it does not say."""
    return math.ceil(quantity.parse(node.get("status", {}).get("allocatable", {}).get("cpu")) or 0)


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _cni(nodes: list[Object]) -> str:
    """Guess the CNI plugin from what it writes on nodes; empty where nothing tells it."""
    keys = {
        key for node in nodes for part in ("labels", "annotations") for key in node["metadata"].get(part, {})
    }
    return next((name for name, mark in _CNI_MARKS.items() if any(mark in key for key in keys)), "")
