"""An orchestrator killed with SIGKILL: nothing half is visible, and what it left can be found and removed."""

from __future__ import annotations

import signal

import pytest

from netcadence import scenario as scenarios
from netcadence.kube.cleanup import clean_up
from netcadence.kube.run import Run
from netcadence.lake import Lake
from netcadence.record import Verdict

OWN = {"NetworkTestRun"}
WORKERS = OWN | {"Deployment", "ReplicaSet", "Pod"}
ALL = WORKERS | {"NetworkTestRequest"}

#: What kinds of object a run has left behind that was killed as the phase began.
LEFT = {
    "prepare": set(),
    "deploy": set(),
    "ready": WORKERS,
    "pair": WORKERS,
    "arm": WORKERS,
    "fire": ALL,
    "traffic": ALL,
    "clean up": ALL,
    "store": set(),
    "judge": set(),
}


@pytest.fixture
def cleaned(access):
    """Return what removes a run of which nothing but its id is known."""

    def cleaned(run_id, scenario):
        return clean_up(Run(access, "netcadence", run_id, scenarios.find(str(scenario))))

    return cleaned


@pytest.mark.parametrize("phase", LEFT)
def test_a_run_killed_at_a_phase_is_listed_nowhere_and_can_be_removed(
    *, doomed, home, objects, until, cleaned, write_scenario, phase
):
    """The lake lists whole runs only; each object that is left names its run."""
    scenario = write_scenario("tcp-doomed", clients=2)
    run_id = f"doomed-{phase.replace(' ', '-')}"
    assert doomed(scenario, phase, run_id) == -signal.SIGKILL

    def left():
        return {each.partition("/")[0] for each in objects()} == LEFT[phase]

    until(left)
    lake = Lake(home.lake)
    assert lake.runs(run_id=run_id).empty
    assert lake.verdicts(run_id=run_id).empty
    assert lake.results(run_id=run_id).empty == (phase != "judge")
    assert cleaned(run_id, scenario)


def test_a_run_that_was_killed_can_be_made_again_under_its_id(
    doomed, cleaned, measure, write_scenario, complete
):
    """What the first attempt stored is replaced."""
    scenario = write_scenario("tcp-doomed-once", clients=2)
    assert doomed(scenario, "judge", "doomed-once") == -signal.SIGKILL
    assert cleaned("doomed-once", scenario)
    state = measure(scenario, run_id="doomed-once")
    complete(state.result(raise_on_failure=False), Verdict.PASS)
