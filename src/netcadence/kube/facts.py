"""What kind of cluster a run met: versions, nodes, and the network as far as it can be told from outside."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from netcadence.kube.access import Access, Object
from netcadence.kube.resource import NODE
from netcadence.kube.workers import ZONE_LABEL
from netcadence.record import NodeFacts

#: The embedded cluster's nodes carry this annotation: `namespaces` or `loopback`.
NETWORK_ANNOTATION: Final = "netcadence.io/network"
#: Marks that CNI plugins leave on nodes.
_CNI_MARKS: Final = {
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
        processors: How many a node has for pods, by its name; only where it says so.
    """

    kubernetes_version: str
    nodes: tuple[NodeFacts, ...]
    cni: str
    network: str
    processors: Mapping[str, int]


def cluster_facts(access: Access, names: frozenset[str]) -> ClusterFacts:
    """Read version and nodes.

    Args:
        names: The nodes that take part in the run; the others are left out.
    """
    nodes = [node for node in access.list(NODE)[0] if node["metadata"]["name"] in names]
    networks = {
        node["metadata"].get("annotations", {}).get(NETWORK_ANNOTATION, "kubernetes") for node in nodes
    }
    return ClusterFacts(
        kubernetes_version=access.raw("/version").get("gitVersion", ""),
        nodes=tuple(_node(node) for node in nodes),
        cni=_cni(nodes),
        network=networks.pop() if len(networks) == 1 else "kubernetes",
        processors={node["metadata"]["name"]: count for node in nodes if (count := _processors(node))},
    )


def _node(node: Object) -> NodeFacts:
    labels, info = node["metadata"].get("labels", {}), node.get("status", {}).get("nodeInfo", {})
    return NodeFacts(
        name=node["metadata"]["name"],
        zone=labels.get(ZONE_LABEL, ""),
        instance_type=labels.get("node.kubernetes.io/instance-type", ""),
        kernel=info.get("kernelVersion", ""),
        os_image=info.get("osImage", ""),
        container_runtime=info.get("containerRuntimeVersion", ""),
        kubelet=info.get("kubeletVersion", ""),
    )


def _processors(node: Object) -> int:
    """Return a node's allocatable processors, parts of one counted as one; 0 where it does not say."""
    quantity = str(node.get("status", {}).get("allocatable", {}).get("cpu", "0"))
    number = float(quantity.removesuffix("m")) / (1000 if quantity.endswith("m") else 1)
    return math.ceil(number)


def _cni(nodes: list[Object]) -> str:
    """Guess the CNI plugin from what it writes on nodes; empty where nothing tells it."""
    keys = {
        key for node in nodes for part in ("labels", "annotations") for key in node["metadata"].get(part, {})
    }
    return next((name for name, mark in _CNI_MARKS.items() if any(mark in key for key in keys)), "")
