"""Who starts at the instant itself, and who in turn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from netcadence.pair import Pair, WorkerPod
from netcadence.stagger import MOST_US, STEP_US, start_delays_us


def pair(index, node, round_=0):
    client = WorkerPod(f"c{index}", str(index), "198.18.0.1", node)
    server = WorkerPod(f"s{index}", str(index), "198.18.0.2", "elsewhere")
    return Pair(index, client, server, 5001, round_)


def test_a_processor_for_each_client_means_no_delay():
    """All start at the published instant."""
    pairs = [pair(0, "a"), pair(1, "a"), pair(2, "b")]
    assert start_delays_us(pairs, {"a": 2, "b": 1}) == {0: 0, 1: 0, 2: 0}


def test_clients_of_a_crowded_node_start_in_turn():
    """Only the node that is crowded; its first client starts at the instant itself."""
    pairs = [pair(0, "a"), pair(1, "b"), pair(2, "a"), pair(3, "a")]
    assert start_delays_us(pairs, {"a": 2, "b": 2}) == {0: 0, 2: STEP_US, 3: 2 * STEP_US, 1: 0}


def test_a_node_of_unknown_size_is_taken_to_be_large_enough():
    """Nothing is put off on a guess."""
    assert set(start_delays_us([pair(index, "a") for index in range(9)], {}).values()) == {0}


def test_rounds_do_not_crowd_each_other():
    """Two rounds never run at the same time."""
    assert start_delays_us([pair(0, "a", 0), pair(1, "a", 1)], {"a": 1}) == {0: 0, 1: 0}


@given(nodes=st.lists(st.sampled_from("abc"), max_size=700), size=st.integers(1, 8))
def test_every_pair_has_a_delay_within_bounds(nodes, size):
    """However large the crowd."""
    pairs = [pair(index, node) for index, node in enumerate(nodes)]
    delays = start_delays_us(pairs, dict.fromkeys("abc", size))
    assert delays.keys() == {each.index for each in pairs}
    assert all(0 <= delay <= MOST_US for delay in delays.values())
