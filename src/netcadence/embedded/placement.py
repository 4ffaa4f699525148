"""Where a pod may go, and where it goes best; no I/O.

What the Kubernetes scheduler looks at is a list of filters, each with a sentence of its own for the nodes
that it turns away, and scores for the rest. Here are those that spread workers over nodes and zones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from netcadence.embedded.api.selectors import Selector

_HOSTNAME: Final = "kubernetes.io/hostname"
_PREFERENCE_WEIGHT: Final = 10  # one weighted preference outdoes so many pods of imbalance


@dataclass(slots=True)
class NodeView:
    """A node and the pods that are bound to it, as far as placement goes."""

    name: str
    labels: Mapping[str, str]
    taints: Sequence[Mapping[str, Any]] = ()
    ready: bool = True
    unschedulable: bool = False
    max_pods: int = 110
    pods: list[Mapping[str, Any]] = field(default_factory=list)


class UnschedulableError(Exception):
    """No node takes the pod; the text says why, in the scheduler's own words."""


def place(pod: Mapping[str, Any], nodes: Sequence[NodeView]) -> str:
    """Return the name of the node that a pod goes to.

    Raises:
        UnschedulableError: There is none.
    """
    refusals: Counter[str] = Counter()
    possible = []
    for node in nodes:
        reason = next((reason for check in _FILTERS if (reason := check(pod, node, nodes))), "")
        if reason:
            refusals[reason] += 1
        else:
            possible.append(node)
    if not possible:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(refusals.items()))
        detail = f": {reasons}." if reasons else "."
        raise UnschedulableError(f"0/{len(nodes)} nodes are available{detail}")
    return min(possible, key=lambda node: (_cost(pod, node, nodes), node.name)).name


def _is_down(_pod: Mapping[str, Any], node: NodeView, _nodes: Sequence[NodeView]) -> str:
    if node.unschedulable:
        return "node(s) were unschedulable"
    return "" if node.ready else "node(s) were not ready"


def _is_tainted(pod: Mapping[str, Any], node: NodeView, _nodes: Sequence[NodeView]) -> str:
    tolerations = pod["spec"].get("tolerations") or []
    for taint in node.taints:
        hard = taint["effect"] in ("NoSchedule", "NoExecute")
        if hard and not any(_tolerates(toleration, taint) for toleration in tolerations):
            return f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"
    return ""


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return bool(
        toleration.get("key") == taint["key"] and toleration.get("value", "") == taint.get("value", "")
    )


def _is_not_selected(pod: Mapping[str, Any], node: NodeView, _nodes: Sequence[NodeView]) -> str:
    refusal = "node(s) didn't match Pod's node affinity/selector"
    wanted = pod["spec"].get("nodeSelector") or {}
    if any(node.labels.get(key) != value for key, value in wanted.items()):
        return refusal
    required = _affinity(pod, "nodeAffinity").get("requiredDuringSchedulingIgnoredDuringExecution")
    if required and not any(_term_holds(term, node) for term in required["nodeSelectorTerms"]):
        return refusal
    return ""


def _term_holds(term: Mapping[str, Any], node: NodeView) -> bool:
    by_field = {"metadata.name": node.name}
    return all(_expression_holds(each, node.labels) for each in term.get("matchExpressions") or []) and all(
        _expression_holds(each, by_field) for each in term.get("matchFields") or []
    )


def _expression_holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression["key"]), expression.get("values") or []
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt":
            return value is not None and int(value) > int(values[0])
        case "Lt":
            return value is not None and int(value) < int(values[0])
        case unknown:
            raise UnschedulableError(
                f"0 nodes are available: node affinity has an unknown operator {unknown}."
            )


def _is_full(_pod: Mapping[str, Any], node: NodeView, _nodes: Sequence[NodeView]) -> str:
    return "Too many pods" if len(node.pods) >= node.max_pods else ""


def _lacks_ports(pod: Mapping[str, Any], node: NodeView, _nodes: Sequence[NodeView]) -> str:
    wanted = _host_ports(pod)
    if wanted and any(wanted & _host_ports(other) for other in node.pods):
        return "node(s) didn't have free ports for the requested pod ports"
    return ""


def _host_ports(pod: Mapping[str, Any]) -> set[tuple[str, int]]:
    """Return the ports that a pod takes of its node, by protocol; as if all were of all its addresses."""
    return {
        (port.get("protocol", "TCP"), port["hostPort"])
        for container in pod["spec"].get("containers") or ()
        for port in container.get("ports") or ()
        if port.get("hostPort")
    }


def _repels(pod: Mapping[str, Any], node: NodeView, nodes: Sequence[NodeView]) -> str:
    key = "requiredDuringSchedulingIgnoredDuringExecution"
    for term in _affinity(pod, "podAntiAffinity").get(key) or []:
        if _count(_in_domain(term, node, nodes), pod, term.get("labelSelector")):
            return "node(s) didn't match pod anti-affinity rules"
    for other in nodes:
        for placed in other.pods:
            for term in _affinity(placed, "podAntiAffinity").get(key) or []:
                if _same_domain(term, node, other) and _count([pod], placed, term.get("labelSelector")):
                    return "node(s) didn't satisfy existing pods anti-affinity rules"
    return ""


def _lacks_company(pod: Mapping[str, Any], node: NodeView, nodes: Sequence[NodeView]) -> str:
    key = "requiredDuringSchedulingIgnoredDuringExecution"
    for term in _affinity(pod, "podAffinity").get(key) or []:
        selector = term.get("labelSelector")
        anywhere = _count((each for other in nodes for each in other.pods), pod, selector)
        # The first of a group that wants its own kind for company has to start somewhere.
        starts = not anywhere and _count([pod], pod, selector)
        if not starts and not _count(_in_domain(term, node, nodes), pod, selector):
            return "node(s) didn't match pod affinity rules"
    return ""


def _skews(pod: Mapping[str, Any], node: NodeView, nodes: Sequence[NodeView]) -> str:
    for constraint in pod["spec"].get("topologySpreadConstraints") or []:
        if constraint.get("whenUnsatisfiable", "DoNotSchedule") != "DoNotSchedule":
            continue
        if constraint["topologyKey"] not in node.labels:
            return "node(s) didn't match pod topology spread constraints (missing required label)"
        if _skew(pod, node, nodes, constraint) > constraint["maxSkew"]:
            return "node(s) didn't match pod topology spread constraints"
    return ""


def _skew(
    pod: Mapping[str, Any], node: NodeView, nodes: Sequence[NodeView], constraint: Mapping[str, Any]
) -> int:
    """Return by how many the pods of the node's domain would outnumber those of the emptiest one."""
    key, selector = constraint["topologyKey"], constraint.get("labelSelector")
    counts: Counter[str] = Counter()
    for other in nodes:
        # As in Kubernetes by default: nodes that the pod's own selector excludes do not count as domains. Nor
        # do pods that are on their way out, unlike everywhere else.
        if key in other.labels and not _is_not_selected(pod, other, nodes):
            staying = (each for each in other.pods if "deletionTimestamp" not in each["metadata"])
            counts[other.labels[key]] += _count(staying, pod, selector)
    too_few = len(counts) < constraint.get("minDomains", 1)
    least = 0 if too_few else min(counts.values(), default=0)
    return counts[node.labels[key]] + _count([pod], pod, selector) - least


_FILTERS: Final[tuple[Callable[[Mapping[str, Any], NodeView, Sequence[NodeView]], str], ...]] = (
    _is_down,
    _is_tainted,
    _is_not_selected,
    _is_full,
    _lacks_ports,
    _repels,
    _lacks_company,
    _skews,
)


def _cost(pod: Mapping[str, Any], node: NodeView, nodes: Sequence[NodeView]) -> float:
    """Return what speaks against a node: the pods it has, and preferences that it does not meet."""
    cost = float(len(node.pods))
    key = "preferredDuringSchedulingIgnoredDuringExecution"
    for preference in _affinity(pod, "nodeAffinity").get(key) or []:
        cost -= _PREFERENCE_WEIGHT * preference["weight"] * _term_holds(preference["preference"], node)
    for kind, sign in (("podAntiAffinity", 1), ("podAffinity", -1)):
        for preference in _affinity(pod, kind).get(key) or []:
            term = preference["podAffinityTerm"]
            company = _count(_in_domain(term, node, nodes), pod, term.get("labelSelector"))
            cost += sign * _PREFERENCE_WEIGHT * preference["weight"] * company
    for constraint in pod["spec"].get("topologySpreadConstraints") or []:
        if constraint["topologyKey"] in node.labels:
            cost += _PREFERENCE_WEIGHT * _skew(pod, node, nodes, constraint)
    return cost


def _affinity(pod: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = (pod["spec"].get("affinity") or {}).get(kind) or {}
    return found


def _same_domain(term: Mapping[str, Any], one: NodeView, other: NodeView) -> bool:
    key = term.get("topologyKey", _HOSTNAME)
    return key in one.labels and one.labels[key] == other.labels.get(key)


def _in_domain(
    term: Mapping[str, Any], node: NodeView, nodes: Sequence[NodeView]
) -> Iterable[Mapping[str, Any]]:
    return (pod for other in nodes if _same_domain(term, node, other) for pod in other.pods)


def _count(
    pods: Iterable[Mapping[str, Any]], beside: Mapping[str, Any], selector: Mapping[str, Any] | None
) -> int:
    """Return how many of the pods a label selector means; it means those in the namespace of `beside`."""
    if selector is None:
        return 0  # no selector selects nothing, and an empty one everything
    wanted, namespace = Selector.of(selector), beside["metadata"].get("namespace")
    return sum(pod["metadata"].get("namespace") == namespace and wanted.matches(pod) for pod in pods)
