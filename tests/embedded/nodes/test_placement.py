"""Where the scheduler puts a pod, and what it says when it cannot."""

from __future__ import annotations

import pytest

from netcadence.embedded.placement import NodeView, UnschedulableError, place

HOST = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
WORKERS = {"matchLabels": {"app": "worker"}}


def node(name, zone="a", **more):
    return NodeView(name=name, labels={HOST: name, ZONE: zone}, **more)


def pod(namespace="default", **spec):
    return {"metadata": {"namespace": namespace, "labels": {"app": "worker"}}, "spec": spec}


def anti_affinity(topology=HOST):
    term = {"topologyKey": topology, "labelSelector": WORKERS}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def spread(key, **more):
    return [{"maxSkew": 1, "topologyKey": key, "labelSelector": WORKERS, **more}]


def test_the_least_loaded_node_is_taken():
    assert place(pod(), [node("n0", pods=[pod()]), node("n1")]) == "n1"


def test_a_node_selector_is_obeyed():
    assert place(pod(nodeSelector={HOST: "n0"}), [node("n0", pods=[pod()]), node("n1")]) == "n0"


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [("In", ["b"], "n1"), ("NotIn", ["a"], "n1"), ("Exists", [], "n0"), ("In", ["a", "b"], "n0")],
)
def test_required_node_affinity_is_obeyed(operator, values, expected):
    term = {"matchExpressions": [{"key": ZONE, "operator": operator, "values": values}]}
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
    asking = pod(affinity={"nodeAffinity": required})
    assert place(asking, [node("n0", "a"), node("n1", "b", pods=[pod()])]) == expected


def test_preferred_node_affinity_outweighs_load():
    preference = {"matchExpressions": [{"key": ZONE, "operator": "In", "values": ["b"]}]}
    preferred = [{"weight": 1, "preference": preference}]
    asking = pod(affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}})
    assert place(asking, [node("n0", "a"), node("n1", "b", pods=[pod()])]) == "n1"


def test_required_anti_affinity_keeps_pods_apart():
    nodes = [node("n0", pods=[pod()]), node("n1", pods=[pod(), pod()])]
    with pytest.raises(
        UnschedulableError, match=r"0/2 nodes are available: 2 node\(s\) didn't match pod anti-"
    ):
        place(pod(affinity=anti_affinity()), nodes)


def test_anti_affinity_of_a_pod_that_is_there_holds_against_a_newcomer():
    nodes = [node("n0", pods=[pod(affinity=anti_affinity())]), node("n1", pods=[{**pod("other")}] * 3)]
    assert place(pod(), nodes) == "n1"


def test_anti_affinity_over_zones_looks_at_all_nodes_of_a_zone():
    nodes = [node("n0", "a", pods=[pod()]), node("n1", "a"), node("n2", "b", pods=[pod("other")] * 5)]
    assert place(pod(affinity=anti_affinity(ZONE)), nodes) == "n2"


def test_pods_of_another_namespace_do_not_count():
    nodes = [node("n0", pods=[pod("other")])]
    assert place(pod(affinity=anti_affinity()), nodes) == "n0"


def test_preferred_anti_affinity_gives_way_when_it_must():
    term = {"weight": 100, "podAffinityTerm": {"topologyKey": HOST, "labelSelector": WORKERS}}
    wish = {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [term]}}
    strangers = [pod("other")] * 50
    assert place(pod(affinity=wish), [node("n0", pods=[pod()]), node("n1", pods=strangers)]) == "n1"
    assert place(pod(affinity=wish), [node("n0", pods=[pod()])]) == "n0"


def test_required_affinity_goes_where_company_is_and_the_first_starts_anywhere():
    term = {"topologyKey": HOST, "labelSelector": WORKERS}
    wish = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    assert place(pod(affinity=wish), [node("n0"), node("n1")]) == "n0"
    assert place(pod(affinity=wish), [node("n0"), node("n1", pods=[pod()])]) == "n1"


def test_a_spread_constraint_refuses_what_would_skew():
    nodes = [node("n0", pods=[pod()]), node("n1", pods=[pod("other")] * 9)]
    assert place(pod(topologySpreadConstraints=spread(HOST)), nodes) == "n1"


def test_a_spread_constraint_counts_a_full_domain():
    nodes = [node("n0", pods=[pod()]), node("n1", max_pods=0)]
    with pytest.raises(UnschedulableError, match=r"1 Too many pods, 1 node\(s\) didn't match pod topology"):
        place(pod(topologySpreadConstraints=spread(HOST)), nodes)


def test_a_soft_spread_constraint_is_a_wish():
    nodes = [node("n0", pods=[pod()]), node("n1", max_pods=0)]
    soft = spread(HOST, whenUnsatisfiable="ScheduleAnyway")
    assert place(pod(topologySpreadConstraints=soft), nodes) == "n0"


def test_a_spread_constraint_does_not_count_pods_on_their_way_out():
    leaving = pod()
    leaving["metadata"]["deletionTimestamp"] = "2026-11-25T12:00:00Z"
    nodes = [node("n0", pods=[pod()]), node("n1", pods=[leaving] * 9)]
    assert place(pod(topologySpreadConstraints=spread(HOST)), nodes) == "n1"


def test_a_spread_over_more_domains_than_there_are_bounds_each_of_them():
    """Pods of others do not count, and a node that takes nothing does not lower it."""
    bounded = pod(topologySpreadConstraints=spread(HOST, minDomains=1_000))
    others = [pod("other")] * 9
    assert place(bounded, [node("n0", pods=[pod()]), node("n1", pods=others), node("n2", max_pods=0)]) == "n1"
    with pytest.raises(UnschedulableError, match=r"2 node.* topology spread"):
        place(bounded, [node("n0", pods=[pod()]), node("n1", pods=[pod()])])


def test_pods_are_dealt_out_over_zones():
    nodes = [node("n0", "a"), node("n1", "a"), node("n2", "b")]
    asking = pod(topologySpreadConstraints=spread(ZONE))
    for _ in range(6):
        chosen = place(asking, nodes)
        next(each for each in nodes if each.name == chosen).pods.append(asking)
    assert [len(each.pods) for each in nodes] == [2, 1, 3]


def test_a_taint_keeps_out_who_does_not_tolerate_it():
    taint = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
    nodes = [node("n0", taints=[taint])]
    with pytest.raises(UnschedulableError, match=r"1 node\(s\) had untolerated taint \{dedicated: db\}"):
        place(pod(), nodes)
    assert place(pod(tolerations=[{"key": "dedicated", "operator": "Exists"}]), nodes) == "n0"
    assert place(pod(tolerations=[{"key": "dedicated", "value": "db"}]), nodes) == "n0"


def test_a_toleration_of_one_effect_does_not_help_against_another():
    nodes = [node("n0", taints=[{"key": "dedicated", "effect": "NoExecute"}])]
    tolerant = {"key": "dedicated", "operator": "Exists"}
    with pytest.raises(UnschedulableError, match="untolerated taint"):
        place(pod(tolerations=[{**tolerant, "effect": "NoSchedule"}]), nodes)
    assert place(pod(tolerations=[{**tolerant, "effect": "NoExecute"}]), nodes) == "n0"


def test_a_taint_that_only_asks_keeps_nobody_out():
    assert place(pod(), [node("n0", taints=[{"key": "spot", "effect": "PreferNoSchedule"}])]) == "n0"


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"ready": False}, "1 node(s) were not ready"),
        ({"unschedulable": True}, "1 node(s) were unschedulable"),
        ({"max_pods": 0}, "1 Too many pods"),
    ],
)
def test_a_node_that_takes_nothing_is_named_with_its_reason(state, reason):
    with pytest.raises(UnschedulableError) as caught:
        place(pod(), [node("n0", **state)])
    assert str(caught.value) == f"0/1 nodes are available: {reason}."


def test_two_pods_do_not_take_the_same_port_of_a_node():
    def taking(number, protocol="TCP"):
        ports = [{"containerPort": number, "hostPort": number, "protocol": protocol}]
        return pod(containers=[{"name": "main", "ports": ports}])

    nodes = [node("n0", pods=[taking(80)]), node("n1", pods=[taking(80), taking(81)])]
    assert place(taking(81), nodes) == "n0"
    assert place(taking(80, "UDP"), nodes) == "n0"
    with pytest.raises(
        UnschedulableError,
        match=r"0/2 nodes .*: 2 node\(s\) didn't have free ports for the requested pod ports",
    ):
        place(taking(80), nodes)
