"""Where workers go, before they are made."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcadence.layout import MeshError, MeshWish, Wish, lay_out
from netcadence.nodes import Nodes, Pool, Site, Taint, Toleration
from netcadence.pair import WorkerPod
from netcadence.pairing import PairingError, Placement, seat
from netcadence.schedule import Mesh, Ratio

sites = st.lists(
    st.builds(
        lambda zone, pool, room: ("", zone, {"pool": pool}, room),
        st.sampled_from(["", "a", "b"]),
        st.sampled_from(["x", "y"]),
        st.integers(1, 200),
    ),
    max_size=6,
).map(lambda rows: [Site(f"n{number}", *row[1:]) for number, row in enumerate(rows)])
pools = st.sampled_from([Pool(), Pool(selector={"pool": "x"}), Pool(selector={"pool": "y"})])
sizes = st.one_of(
    st.integers(1, 60).map(lambda pairs: Ratio(pairs, pairs)),
    st.builds(Ratio, st.integers(1, 40), st.integers(1, 40), st.integers(1, 3)),
)
wishes = st.builds(
    lambda ratio, placement, clients, servers: Wish(
        "w", ratio, placement, Nodes(client_pool=clients, server_pool=servers)
    ),
    sizes,
    st.sampled_from(Placement),
    pools,
    pools,
)


def outcome_of(wish, sites):
    try:
        return lay_out(wish, sites)
    except PairingError as error:
        return str(error)


@given(wishes, sites)
def test_every_pair_has_its_two_nodes_or_it_is_said_what_is_missing(wish, sites):
    layout = outcome_of(wish, sites)
    if isinstance(layout, str):
        assert "missing" in layout
        return
    assert layout.workers == wish.workers
    if not layout.places:
        return
    assert len(layout.places) == wish.workers
    by_name = {site.name: site for site in sites}
    for match in layout.schedule.rounds[0]:
        client, server = (by_name[layout.places[number]] for number in (match.client, match.server))
        assert wish.nodes.client_pool.takes(client)
        assert wish.nodes.server_pool.takes(server)
        if wish.placement is Placement.CROSS_ZONE:
            assert {client.zone, server.zone} == {"a", "b"}
        elif wish.placement is not Placement.ANY:
            assert (client == server) == (wish.placement is Placement.SAME_NODE)


def landed(layout):
    """Return the workers of a layout whose nodes are decided, as they come up."""
    return [
        WorkerPod(f"{group.where.names[0]}-{number}", f"{number}", "", group.where.names[0])
        for group in layout.groups
        if group.where.names
        for number in range(group.workers)
    ]


@given(wishes, sites, st.randoms())
def test_workers_of_a_layout_are_paired_as_planned_whatever_their_order(wish, sites, chance):
    try:
        layout = lay_out(wish, sites)
    except PairingError:
        return
    if not layout.places:
        return
    pods = landed(layout)
    shuffled = list(pods)
    chance.shuffle(shuffled)
    pairs = seat(shuffled, layout.places, layout.schedule, base_port=5001)
    assert pairs == seat(pods, layout.places, layout.schedule, base_port=5001)
    assert [pair.index for pair in pairs] == list(range(wish.pairs * wish.ratio.rounds))
    for round_ in range(wish.ratio.rounds):
        measured = [pair for pair in pairs if pair.round == round_]
        clients = Counter(pair.client for pair in measured)
        servers = Counter(pair.server for pair in measured)
        assert (len(clients), len(servers)) == (wish.ratio.clients, wish.ratio.servers)
        assert {*clients, *servers} == set(pods)
        assert max(clients.values()) - min(clients.values()) <= 1
        assert max(servers.values()) - min(servers.values()) <= 1
        ports = {(pair.server, pair.port) for pair in measured}
        assert ports == {(server, 5001 + turn) for server, count in servers.items() for turn in range(count)}
    with pytest.raises(PairingError, match=f"1 worker missing on {pods[0].node}"):
        seat(pods[1:], layout.places, layout.schedule, base_port=5001)


@given(
    st.builds(Ratio, st.integers(1, 40), st.integers(1, 40)), st.integers(2, 8), st.sampled_from(Placement)
)
def test_nodes_of_two_zones_with_room_for_all_take_every_ratio(ratio, nodes, placement):
    layout = lay_out(
        Wish("w", ratio, placement, Nodes()), [Site(f"n{each}", "ab"[each % 2]) for each in range(nodes)]
    )
    assert layout.workers == ratio.workers


@given(st.integers(2, 12), st.integers(2, 8))
def test_the_clients_of_one_server_spread_evenly_over_all_other_nodes(clients, nodes):
    sites = [Site(f"n{each}") for each in range(nodes)]
    layout = lay_out(Wish("w", Ratio(clients, 1), Placement.CROSS_NODE, Nodes()), sites)
    *senders, server = layout.places
    counts = Counter(senders)
    assert server not in counts
    assert max(counts.values()) <= -(-clients // (nodes - 1))


def test_a_server_goes_to_a_small_node_where_its_clients_need_the_large_one():
    sites = [Site("n0", room=3), Site("n1", room=1)]
    layout = lay_out(Wish("w", Ratio(3, 1), Placement.CROSS_NODE, Nodes()), sites)
    assert layout.places == ("n0", "n0", "n0", "n1")


def test_workers_of_a_ratio_that_have_no_room_are_counted():
    sites = [Site("n0", room=2), Site("n1", room=1), Site("n2", closed="cordoned")]
    with pytest.raises(PairingError) as caught:
        lay_out(Wish("mine", Ratio(1, 4), Placement.CROSS_NODE, Nodes()), sites)
    assert str(caught.value) == (
        "mine needs room for 5 workers (cross-node); n0 takes 2, n1 takes 1: "
        "room for 2 workers missing, and n2 is cordoned"
    )


def test_one_node_is_too_few_for_a_ratio_that_crosses_nodes():
    with pytest.raises(PairingError, match=r"mine needs two nodes; .* 1 other node missing, for 3 workers"):
        lay_out(Wish("mine", Ratio(3, 1), Placement.CROSS_NODE, Nodes()), [Site("n0")])


@given(wishes, sites, st.randoms())
def test_a_layout_does_not_depend_on_the_order_of_the_nodes(wish, sites, chance):
    shuffled = list(sites)
    chance.shuffle(shuffled)
    assert outcome_of(wish, sites) == outcome_of(wish, shuffled)


def test_named_pairs_that_are_not_there_are_named_with_the_workers_that_have_nowhere_to_go():
    nodes = Nodes(pairs=({"client_node": "n0", "server_node": "n9"},))
    with pytest.raises(PairingError) as caught:
        lay_out(Wish("mine", Ratio(3, 3), Placement.CROSS_NODE, nodes), [Site("n0"), Site("n1")])
    assert str(caught.value) == (
        "mine needs the nodes of its pairs; n9 is not there (3 workers): 1 node missing, for 3 of 6 workers"
    )


def test_a_node_that_is_too_small_is_named_with_what_it_takes():
    with pytest.raises(PairingError, match="n0 takes 3 and has to take 4: room for 1 worker missing there"):
        lay_out(Wish("mine", Ratio(2, 2), Placement.SAME_NODE, Nodes()), [Site("n0", room=3)])


def test_one_zone_is_too_few_for_pairs_that_cross_zones():
    with pytest.raises(PairingError, match=r"needs nodes in two zones; .* 1 node missing outside zone a"):
        lay_out(Wish("mine", Ratio(1, 1), Placement.CROSS_ZONE, Nodes()), [Site("n0", "a"), Site("n1", "a")])


DEDICATED = Taint("dedicated", "NoSchedule", "db")


def two_of_which_one_is(*taints):
    return [Site("n0", taints=taints), Site("n1")]


@pytest.mark.parametrize(
    ("effect", "written"),
    [("NoSchedule", "dedicated=db:NoSchedule"), ("NoExecute", "dedicated=db:NoExecute")],
)
def test_a_taint_that_is_not_tolerated_closes_a_node_and_is_said(effect, written):
    wish = Wish("mine", Ratio(1, 1), Placement.CROSS_NODE, Nodes())
    with pytest.raises(
        PairingError, match=f"n0 is tainted {written}, which worker.tolerations does not name"
    ):
        lay_out(wish, two_of_which_one_is(Taint("dedicated", effect, "db")))


def test_a_named_node_that_is_tainted_is_refused_with_its_taint():
    nodes = Nodes(pairs=[{"client_node": "n0", "server_node": "n1"}])
    with pytest.raises(PairingError, match="n0 is tainted dedicated=db:NoSchedule"):
        lay_out(Wish("mine", Ratio(1, 1), Placement.CROSS_NODE, nodes), two_of_which_one_is(DEDICATED))


@pytest.mark.parametrize(
    "toleration",
    [
        {"key": "dedicated", "value": "db"},
        {"key": "dedicated", "operator": "Exists"},
        {"operator": "Exists"},
        {"key": "dedicated", "value": "db", "effect": "NoSchedule"},
    ],
)
def test_a_node_whose_taint_is_tolerated_is_open(toleration):
    wish = Wish("mine", Ratio(1, 1), Placement.CROSS_NODE, Nodes(), (Toleration(**toleration),))
    (group,) = lay_out(wish, two_of_which_one_is(DEDICATED)).groups
    assert group.workers == 2


@pytest.mark.parametrize(
    "toleration",
    [
        {"key": "dedicated", "value": "web"},
        {"key": "other", "operator": "Exists"},
        {"key": "dedicated", "operator": "Exists", "effect": "NoExecute"},
    ],
)
def test_a_toleration_of_something_else_opens_nothing(toleration):
    assert Site("n0", taints=(DEDICATED,)).facing((Toleration(**toleration),)).closed


def test_one_taint_of_two_that_is_not_tolerated_is_enough_and_a_mere_preference_is_none():
    both = Site("n0", taints=(DEDICATED, Taint("gpu", "NoExecute")))
    assert "gpu:NoExecute" in both.facing((Toleration(key="dedicated", value="db"),)).closed
    assert not Site("n0", taints=(Taint("spot", "PreferNoSchedule"),)).facing(()).closed


def test_a_mesh_has_a_worker_on_each_open_node_of_its_pool():
    sites = [Site("n2"), Site("n0"), Site("n1", closed="cordoned"), Site("n3", room=0), Site("n4", "a")]
    layout = lay_out(MeshWish("mine", Mesh(), Pool()), sites)
    assert layout.places == ("n0", "n2", "n4")
    assert layout.workers == layout.schedule.workers == 3
    with pytest.raises(MeshError) as caught:
        lay_out(MeshWish("mine", Mesh(), Pool(zones=["a"])), sites)
    assert str(caught.value) == (
        "mine needs at least 2 nodes in a, for a mesh measures them with each other; "
        "there is 1 of 5 nodes (n4), and n1 is cordoned"
    )


def test_a_mesh_of_more_than_a_run_can_hold_is_refused_and_a_sample_of_it_is_not():
    sites = [Site(f"n{number}") for number in range(1_100)]
    with pytest.raises(
        MeshError, match="1,208,900 pairs in 2,198 rounds; allowed: up to 1,000,000 in 10,000"
    ):
        lay_out(MeshWish("mine", Mesh(), Pool()), sites)
    assert lay_out(MeshWish("mine", Mesh(degree=4), Pool()), sites).schedule.pairs == 1_100 * 4
