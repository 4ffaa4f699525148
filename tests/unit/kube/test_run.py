"""What a run's id tells."""

import pytest

from netcadence.kube.run import may_be_of, new_run_id


@pytest.mark.parametrize("scenario", ["tcp-50:50", "Ours, with a name that is longer than an id", "ü", "a_b"])
def test_a_made_up_id_tells_its_scenario(scenario):
    assert may_be_of(new_run_id(scenario), scenario)
    assert not may_be_of(new_run_id(scenario), "udp-1:1")


def test_an_id_that_somebody_gave_may_be_one_of_any_scenario():
    assert may_be_of("nightly-2026-01-31", "tcp-50:50")
