"""Who measures with whom."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcadence.pair import WorkerPod
from netcadence.pairing import Demand, PairingError, Placement, demand, plan

PORT = 5001

clusters = st.lists(st.integers(0, 12), min_size=1, max_size=8)


def cluster(counts):
    return [
        WorkerPod(name=f"w-{node}-{number}", uid=f"{node}/{number}", ip="198.18.0.1", node=f"n{node}")
        for node, count in enumerate(counts)
        for number in range(count)
    ]


def zoned(pods):
    """Put each node into a zone of its own."""
    return [replace(pod, zone=f"zone-{pod.node}") for pod in pods]


def node_pairs(pairs):
    return Counter(frozenset((pair.client.node, pair.server.node)) for pair in pairs)


@given(clusters, st.integers(1, 50))
def test_cross_node_pairs_are_made_exactly_when_they_exist(counts, pairs):
    pods = cluster(counts)
    exists = min(sum(counts) // 2, sum(counts) - max(counts)) >= pairs
    try:
        planned = plan(pods, pairs=pairs, base_port=PORT)
    except PairingError:
        assert not exists
    else:
        assert exists
        assert len(planned) == pairs


@given(clusters)
def test_every_pod_is_paired_where_no_node_holds_more_than_half(counts):
    pods = cluster(counts)
    if len(pods) % 2 or not pods or max(counts) > len(pods) // 2:
        pods = cluster([max(*counts, 1)] * 2)
    planned = plan(pods, pairs=len(pods) // 2, base_port=PORT)
    assert {pod for pair in planned for pod in (pair.client, pair.server)} == set(pods)


@given(clusters, st.sampled_from(Placement), st.randoms())
def test_the_plan_does_not_depend_on_the_order_of_the_pods(counts, placement, chance):
    pods = cluster(counts)
    shuffled = list(pods)
    chance.shuffle(shuffled)
    assert outcome_of(pods, placement) == outcome_of(shuffled, placement)


def outcome_of(pods, placement):
    try:
        return plan(pods, pairs=max(1, len(pods) // 3), base_port=PORT, placement=placement)
    except PairingError as error:
        return str(error)


@given(clusters, st.sampled_from(Placement))
def test_no_pod_is_in_two_pairs_and_every_pair_is_where_it_has_to_be(counts, placement):
    pods = zoned(cluster([*counts, 2, 2]))
    planned = plan(pods, pairs=2, base_port=PORT, placement=placement)
    used = Counter(pod.uid for pair in planned for pod in (pair.client, pair.server))
    assert set(used.values()) == {1}
    if placement is Placement.CROSS_ZONE:
        assert all(pair.client.zone != pair.server.zone for pair in planned)
    crossing = {pair.client.node != pair.server.node for pair in planned}
    assert crossing <= {
        Placement.CROSS_NODE: {True},
        Placement.CROSS_ZONE: {True},
        Placement.SAME_NODE: {False},
    }.get(placement, {True, False})


@given(st.integers(2, 8), st.integers(1, 12))
def test_load_spreads_evenly_over_all_pairs_of_equal_nodes(nodes, pods_each):
    pods = cluster([pods_each] * nodes)
    used = node_pairs(plan(pods, pairs=len(pods) // 2, base_port=PORT))
    combinations = nodes * (nodes - 1) // 2
    assert max(used.values()) <= -(-sum(used.values()) // combinations) + 1


def test_both_directions_between_two_nodes_carry_the_same_number_of_pairs():
    planned = plan(cluster([50, 50]), pairs=50, base_port=PORT)
    assert Counter(pair.client.node for pair in planned) == {"n0": 25, "n1": 25}


def test_rounds_repeat_the_pairs_under_new_indices():
    planned = plan(cluster([2, 2]), pairs=2, rounds=3, base_port=PORT)
    assert [pair.index for pair in planned] == list(range(6))
    assert [pair.round for pair in planned] == [0, 0, 1, 1, 2, 2]
    assert planned[0].client == planned[2].client == planned[4].client


def test_any_placement_crosses_nodes_as_far_as_it_can():
    planned = plan(cluster([5, 1]), pairs=3, base_port=PORT, placement=Placement.ANY)
    assert sorted(pair.client.node != pair.server.node for pair in planned) == [False, False, True]


def test_a_pod_listed_twice_is_one_pod():
    pods = cluster([1, 1])
    with pytest.raises(PairingError, match="needs 4 workers on at least 2 nodes; there are 2 on 2 nodes"):
        plan([*pods, *pods], pairs=2, base_port=PORT)


@pytest.mark.parametrize(
    ("counts", "pairs", "placement", "needs", "missing"),
    [
        (
            [100],
            50,
            Placement.CROSS_NODE,
            "100 workers on at least 2 nodes; there are 100 on 1 node",
            "no pair can cross nodes; 50 workers missing on other nodes than n0",
        ),
        (
            [4, 3],
            4,
            Placement.CROSS_NODE,
            "8 workers on at least 2 nodes; there are 7 on 2 nodes",
            "only 3 pairs can cross nodes; 1 worker missing",
        ),
        (
            [8, 1],
            4,
            Placement.CROSS_NODE,
            "8 workers on at least 2 nodes; there are 9 on 2 nodes",
            "only 1 pair can cross nodes; 3 workers missing on other nodes than n0, which has 8",
        ),
        (
            [],
            1,
            Placement.CROSS_NODE,
            "2 workers on at least 2 nodes; there are 0 on 0 nodes",
            "only 0 pairs can cross nodes; 2 workers missing",
        ),
        (
            [1, 1],
            1,
            Placement.SAME_NODE,
            "2 workers (same-node); there are 2 on 2 nodes",
            "only 0 pairs can stay on one node; nodes with an odd number leave one over",
        ),
        ([1], 1, Placement.ANY, "2 workers (any); there is 1 on 1 node", "1 worker missing"),
    ],
)
def test_a_shortage_says_what_is_needed_there_and_missing(counts, pairs, placement, needs, missing):
    with pytest.raises(PairingError) as caught:
        plan(cluster(counts), pairs=pairs, base_port=PORT, placement=placement, name="tcp-50:50")
    assert str(caught.value) == f"tcp-50:50 needs {needs}: {missing}"


@given(clusters, st.integers(1, 20))
def test_adding_the_workers_that_are_said_to_be_missing_is_enough(counts, pairs):
    lacking = 2 * pairs - sum(min(count, pairs) for count in counts)
    added = [1] * max(0, lacking)
    assert len(plan(cluster([*counts, *added]), pairs=pairs, base_port=PORT)) == pairs


def test_a_cross_node_run_demands_its_workers_on_two_nodes():
    assert demand(100, Placement.CROSS_NODE) == Demand(workers=100, nodes=2)
    assert demand(100, Placement.SAME_NODE) == Demand(workers=100, nodes=1)
