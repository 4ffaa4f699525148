"""The lead of a start: assumed in a run's first round, known in later ones."""

import pytest

from netcadence.kube.dispatch import Arming
from netcadence.promptness import Promptness


def arming(pairs, **fields):
    return Arming(frozenset(range(pairs)), **{"slowest_notice_s": 0.01} | fields)


@pytest.mark.parametrize(("pairs", "lead_s"), [(1, 0.42), (4, 0.48), (50, 1.4)])
def test_before_the_first_start_the_lead_is_assumed(pairs, lead_s):
    assert arming(pairs).lead_s == pytest.approx(lead_s)


@pytest.mark.parametrize(
    ("way_s", "lead_s"), [(0.0, 0.12), (0.02, 0.12), (0.1, 0.3), (0.2, 0.48), (7.0, 0.48), (-0.5, 0.12)]
)
def test_once_it_is_known_how_long_a_start_takes_the_lead_is_no_longer_than_that_asks_for(way_s, lead_s):
    """Nor ever longer than it was before: one start that came late does not slow down all that follow."""
    assert arming(4, slowest_start_s=way_s).lead_s == pytest.approx(lead_s)


def test_a_slow_api_server_lengthens_the_lead_whatever_was_known():
    assert arming(4, slowest_notice_s=1.0, slowest_start_s=0.01).lead_s == pytest.approx(2.0)


def test_a_wire_that_tells_nothing_has_its_own_least_lead():
    assert arming(1, least_lead_s=5.0, slowest_start_s=0.01).lead_s == pytest.approx(5.0)


def test_what_a_start_took_to_many_workers_is_known_of_fewer_and_what_it_took_to_few_is_not_of_more():
    promptness = Promptness()
    promptness.learn(4, 0.02)
    promptness.learn(10, 0.05)
    promptness.learn(50, None)
    assert [promptness.of(pairs) for pairs in (1, 4, 10, 11)] == [0.05, 0.05, 0.05, None]
