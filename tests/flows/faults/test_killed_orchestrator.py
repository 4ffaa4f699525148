"""An orchestrator killed with SIGKILL: nothing half is visible, and what it left can be found and removed."""

from __future__ import annotations

import signal

import pytest

from netcadence.kube import lease, leftovers
from netcadence.kube.resource import LEASE
from netcadence.kube.wire import NETCADENCE
from netcadence.lake import Lake
from netcadence.record import Verdict

HELD = {"Lease"}
WORKERS = HELD | {"NetworkTestRun", "Deployment", "ReplicaSet", "Pod"}
ALL = WORKERS | {"NetworkTestRequest"}

#: What kinds of object a run has left behind that was killed as the phase began.
LEFT = {
    "prepare": set(),
    "deploy": HELD,
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
def clean(access):
    """Return what removes what a run has left, and its lease if it holds it; returns what is said of that."""

    def clean(run_id):
        if access.list(LEASE, "netcadence")[0]:
            # A lease lasts for 45 s; whoever watches it goes by what it says.
            access.patch(LEASE, lease.NAME, {"spec": {"leaseDurationSeconds": 1}}, "netcadence")
        return leftovers.clean(access, "netcadence", NETCADENCE, lease_namespace="netcadence", run_id=run_id)

    return clean


@pytest.mark.parametrize("phase", LEFT)
def test_a_run_killed_at_a_phase_is_listed_nowhere_and_can_be_removed(
    *, doomed, home, objects, until, clean, write_scenario, phase
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
    done = clean(run_id)
    assert {each.resource.kind for each in done.found} == LEFT[phase] - {"Lease", "ReplicaSet"}
    assert done.remaining == ()
    assert done.lease_of == (run_id if "Lease" in LEFT[phase] else "")


def test_a_run_that_was_killed_can_be_made_again_under_its_id(
    doomed, clean, measure, write_scenario, complete
):
    """What the first attempt stored is replaced."""
    scenario = write_scenario("tcp-doomed-once", clients=2)
    assert doomed(scenario, "judge", "doomed-once") == -signal.SIGKILL
    assert clean("doomed-once").remaining == ()
    state = measure(scenario, run_id="doomed-once")
    complete(state.result(raise_on_failure=False), Verdict.PASS)
