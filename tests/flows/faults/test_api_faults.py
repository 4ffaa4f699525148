"""An API server that fails: runs measure all the same, each figure is recorded once, and nothing stays."""

from __future__ import annotations

import pytest

from netcadence.kube.resource import REQUEST, RUN
from netcadence.record import Verdict

REQUESTS, RUNS = (kind.path("netcadence") for kind in (REQUEST, RUN))
#: The rounds of one run: in each the fault comes at another moment, and the run has recovered in between.
ROUNDS = 4


@pytest.fixture
def at_every_phase(as_reports_are_due, running, until):
    """Return a plan that has a fault as each phase begins, and once as reports are due."""

    def at_every_phase(fault):
        def as_traffic_flows():
            until(running)
            fault()

        once = dict.fromkeys(("prepare", "deploy", "ready", "pair", "clean up"), fault)
        by_round = {("arm", 0): fault, ("fire", 1): fault, ("traffic", 2): as_traffic_flows}
        return once | by_round | {("traffic", 3): as_reports_are_due(fault)}

    return at_every_phase


@pytest.fixture(params=["cut_watches", "restart_api"])
def fault(request):
    return request.getfixturevalue(request.param)


def test_a_fault_at_every_phase_costs_no_pair(sabotage, at_every_phase, fault, write_scenario, complete):
    scenario = write_scenario("tcp-cut", clients=2, rounds=ROUNDS)
    state = sabotage(scenario, at_every_phase(fault))
    report = state.result(raise_on_failure=False)
    rows = complete(report, Verdict.PASS)
    assert report.record.errors == ()
    assert (rows["metric"] == "throughput").sum() == 2 * ROUNDS
    assert rows["clock_offset_s"].notna().all(), "a clock was taken for right without a look at it"


@pytest.mark.parametrize("code", [429, 500])
def test_a_third_of_all_requests_refused_costs_no_pair(
    *, sabotage, strike, struck, write_scenario, complete, code
):
    """From the first change to the cluster to the end."""
    plan = {"prepare": lambda: strike(fraction=0.3, code=code, seed=code)}
    state = sabotage(write_scenario("tcp-refused", clients=2), plan)
    assert struck() > 5
    report = state.result(raise_on_failure=False)
    complete(report, Verdict.PASS)
    assert report.record.errors == ()


def test_a_start_that_cannot_be_written_for_longer_than_its_lead_is_published_anew(
    sabotage, strike, struck, write_scenario, complete
):
    def fault():
        strike(code=429, retry_after_s=1, verb="patch", path=RUNS, count=1)

    state = sabotage(write_scenario("tcp-held-up", clients=2), {"fire": fault})
    assert struck() == 1
    report = state.result(raise_on_failure=False)
    complete(report, Verdict.PASS)
    assert report.record.errors == ()


@pytest.mark.parametrize("fault", [{"code": 409}, {"effect": "lose-reply"}], ids=["conflict", "lost reply"])
def test_a_report_that_does_not_get_through_is_made_again_and_recorded_once(
    *, sabotage, strike, struck, until, running, write_scenario, complete, fault
):
    """That of being armed, and the final one: four workers, and eight tries that fail."""
    reports = fault | {"verb": "patch", "path": REQUESTS, "agent": "netcadence-worker", "count": 8}
    counts = []

    def as_they_arm():
        strike(**reports)

    def as_they_run():
        until(running)
        counts.append(struck())
        strike(**reports)

    state = sabotage(write_scenario("tcp-reports", clients=2), {"arm": as_they_arm, "traffic": as_they_run})
    counts.append(struck())
    assert counts == [8, 8]
    report = state.result(raise_on_failure=False)
    complete(report, Verdict.PASS)
    assert report.record.errors == ()


def test_a_write_of_which_the_reply_is_lost_is_made_once(
    *, sabotage, strike, struck, access, write_scenario, complete
):
    """A request is not taken for another's, and a round has one start even so."""
    counts, starts = [], []

    def as_requests_are_made():
        strike(effect="lose-reply", verb="create", path=REQUESTS, count=2)

    def as_the_start_is_published():
        counts.append(struck())
        strike(effect="lose-reply", verb="patch", path=RUNS, count=1)

    def once_published():
        counts.append(struck())
        ((run,), _) = access.list(RUN, "netcadence")
        starts.extend(run["spec"]["starts"])

    state = sabotage(
        write_scenario("tcp-lost-replies", clients=2),
        {"arm": as_requests_are_made, "fire": as_the_start_is_published, "traffic": once_published},
    )
    assert counts == [2, 1]
    assert [start["round"] for start in starts] == [0]
    report = state.result(raise_on_failure=False)
    complete(report, Verdict.PASS)
    assert report.record.errors == ()
