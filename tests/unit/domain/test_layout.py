"""Where workers go, before they are made."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcadence.layout import Wish, lay_out
from netcadence.nodes import Nodes, Pool, Site, Taint, Toleration
from netcadence.pair import WorkerPod
from netcadence.pairing import PairingError, Placement, seat

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
wishes = st.builds(
    lambda pairs, placement, clients, servers: Wish(
        "w", pairs, placement, Nodes(client_pool=clients, server_pool=servers)
    ),
    st.integers(1, 60),
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
    assert sum(group.workers for group in layout.groups) == 2 * wish.pairs
    if not layout.seats:
        return
    assert len(layout.seats) == wish.pairs
    by_name = {site.name: site for site in sites}
    for each in layout.seats:
        client, server = by_name[each.client_node], by_name[each.server_node]
        assert wish.nodes.client_pool.takes(client)
        assert wish.nodes.server_pool.takes(server)
        if wish.placement is Placement.CROSS_ZONE:
            assert {client.zone, server.zone} == {"a", "b"}
        elif wish.placement is not Placement.ANY:
            assert (client == server) == (wish.placement is Placement.SAME_NODE)


@given(wishes, sites, st.randoms())
def test_workers_of_a_layout_fill_its_seats_whatever_their_order(wish, sites, chance):
    try:
        layout = lay_out(wish, sites)
    except PairingError:
        return
    pods = [
        WorkerPod(f"{group.where.names[0]}-{number}", f"{number}", "", group.where.names[0])
        for group in layout.groups
        if group.where.names
        for number in range(group.workers)
    ]
    if not layout.seats:
        return
    shuffled = list(pods)
    chance.shuffle(shuffled)
    pairs = seat(shuffled, layout.seats, base_port=5001)
    assert pairs == seat(pods, layout.seats, base_port=5001)
    assert Counter(pod for pair in pairs for pod in (pair.client, pair.server)) == Counter(pods)
    if pods:
        with pytest.raises(PairingError, match=f"1 worker missing on {pods[0].node}"):
            seat(pods[1:], layout.seats, base_port=5001)


@given(wishes, sites, st.randoms())
def test_a_layout_does_not_depend_on_the_order_of_the_nodes(wish, sites, chance):
    shuffled = list(sites)
    chance.shuffle(shuffled)
    assert outcome_of(wish, sites) == outcome_of(wish, shuffled)


def test_named_pairs_that_are_not_there_are_named_with_the_workers_that_have_nowhere_to_go():
    nodes = Nodes(pairs=({"client_node": "n0", "server_node": "n9"},))
    with pytest.raises(PairingError) as caught:
        lay_out(Wish("mine", 3, Placement.CROSS_NODE, nodes), [Site("n0"), Site("n1")])
    assert str(caught.value) == (
        "mine needs the nodes of its pairs; n9 is not there (3 workers): 1 node missing, for 3 of 6 workers"
    )


def test_a_node_that_is_too_small_is_named_with_what_it_takes():
    with pytest.raises(PairingError, match="n0 takes 3 and has to take 4: room for 1 worker missing there"):
        lay_out(Wish("mine", 2, Placement.SAME_NODE, Nodes()), [Site("n0", room=3)])


def test_one_zone_is_too_few_for_pairs_that_cross_zones():
    with pytest.raises(PairingError, match=r"needs nodes in two zones; .* 1 node missing outside zone a"):
        lay_out(Wish("mine", 1, Placement.CROSS_ZONE, Nodes()), [Site("n0", "a"), Site("n1", "a")])


DEDICATED = Taint("dedicated", "NoSchedule", "db")


def two_of_which_one_is(*taints):
    return [Site("n0", taints=taints), Site("n1")]


@pytest.mark.parametrize(
    ("effect", "written"),
    [("NoSchedule", "dedicated=db:NoSchedule"), ("NoExecute", "dedicated=db:NoExecute")],
)
def test_a_taint_that_is_not_tolerated_closes_a_node_and_is_said(effect, written):
    wish = Wish("mine", 1, Placement.CROSS_NODE, Nodes())
    with pytest.raises(
        PairingError, match=f"n0 is tainted {written}, which worker.tolerations does not name"
    ):
        lay_out(wish, two_of_which_one_is(Taint("dedicated", effect, "db")))


def test_a_named_node_that_is_tainted_is_refused_with_its_taint():
    nodes = Nodes(pairs=[{"client_node": "n0", "server_node": "n1"}])
    with pytest.raises(PairingError, match="n0 is tainted dedicated=db:NoSchedule"):
        lay_out(Wish("mine", 1, Placement.CROSS_NODE, nodes), two_of_which_one_is(DEDICATED))


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
    wish = Wish("mine", 1, Placement.CROSS_NODE, Nodes(), (Toleration(**toleration),))
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
