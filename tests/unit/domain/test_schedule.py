"""Who measures with whom, before it is known where they are."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from netcadence.schedule import Match, Mesh, Ratio

several = st.integers(2, 41)


@given(several, st.integers(1, 3))
def test_a_mesh_measures_each_ordered_pair_of_nodes_as_often_as_it_is_repeated(nodes, repeats):
    schedule = Mesh(repeats=repeats).over(nodes)
    measured = Counter((match.client, match.server) for matches in schedule.rounds for match in matches)
    wanted = [(one, other) for one in range(nodes) for other in range(nodes) if one != other]
    assert measured == Counter(wanted * repeats)


@given(several, st.none() | st.integers(1, 50))
def test_no_node_is_in_two_pairs_of_a_round_and_at_most_one_sits_out(nodes, degree):
    for matches in Mesh(degree).over(nodes).rounds:
        met = [number for match in matches for number in (match.client, match.server)]
        assert len(set(met)) == len(met) == nodes - nodes % 2


@given(several)
def test_a_full_mesh_takes_no_more_rounds_than_a_tournament_needs_in_each_direction(nodes):
    assert len(Mesh().over(nodes).rounds) == 2 * (nodes - 1 + nodes % 2)


@given(several)
def test_each_round_is_followed_by_the_same_pairs_in_the_other_direction(nodes):
    rounds = Mesh().over(nodes).rounds
    for forth, back in zip(rounds[::2], rounds[1::2], strict=True):
        assert [(match.server, match.client) for match in forth] == [
            (match.client, match.server) for match in back
        ]


@given(several, st.integers(1, 50))
def test_in_a_sampled_mesh_each_node_meets_as_many_as_asked_for_in_both_directions(nodes, degree):
    measured = {
        (match.client, match.server) for matches in Mesh(degree).over(nodes).rounds for match in matches
    }
    asked = min(degree, nodes - 1)
    allowed = {asked} if nodes % 2 == 0 else {asked, min(asked + 1, nodes - 1)}
    assert {(server, client) for client, server in measured} == measured
    assert set(Counter(client for client, _ in measured).values()) <= allowed


@given(several, st.integers(2, 50))
def test_a_sampled_mesh_connects_all_nodes(nodes, degree):
    reached, edge = {0}, {0}
    matches = [match for matches in Mesh(degree).over(nodes).rounds for match in matches]
    while edge:
        edge = {match.server for match in matches if match.client in edge} - reached
        reached |= edge
    assert reached == set(range(nodes))


def test_a_ratio_deals_its_pairs_out_in_turn():
    (matches,) = Ratio(3, 2).schedule.rounds
    assert matches == (Match(0, 3), Match(1, 4), Match(2, 3, turn=1))
    assert Ratio(1, 2, rounds=2).schedule.rounds == ((Match(0, 1), Match(0, 2)),) * 2
