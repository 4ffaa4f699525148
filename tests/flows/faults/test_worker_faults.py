"""Workers and nodes that are lost half-way, and workers that err: each pair says what became of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from netcadence.kube.access import Access
from netcadence.kube.resource import POD, REQUEST
from netcadence.record import Verdict
from netcadence_worker.contract import Mark, Reason, Role


def reasons_of(report):
    return {outcome.pair.index: outcome.error.reason for outcome in report.record.errors}


@pytest.fixture
def worker(access, worker_processes):
    """Return what finds the worker in a role of pair 1; the reference for clocks is in pair 0."""

    def worker(role):
        (request,) = (
            each for each in access.list(REQUEST, "netcadence")[0] if each["spec"]["pairIndex"] == 1
        )
        return worker_processes()[request["spec"][f"{role}PodName"]]

    return worker


@pytest.fixture
def meanwhile():
    """Return what does something in a thread, which has ended well when the test has."""
    with ThreadPoolExecutor() as threads:
        begun = []
        yield lambda act: begun.append(threads.submit(act))
        for each in begun:
            each.result(timeout=30)


@pytest.fixture
def as_it_arms(worker, meanwhile, until, access):
    """Kill a client as soon as its request is there."""

    def requested():
        return len(access.list(REQUEST, "netcadence")[0]) == 2

    def once_requested():
        until(requested)
        worker(Role.CLIENT).kill()

    return {"arm": lambda: meanwhile(once_requested)}


@pytest.fixture
def once_armed(worker):
    """Kill a client that waits for the start."""
    return {"fire": lambda: worker(Role.CLIENT).kill()}


@pytest.fixture
def once_running(worker, until, running):
    """Kill a client whose tool runs."""

    def act():
        until(running)
        worker(Role.CLIENT).kill()

    return {"traffic": act}


@pytest.fixture
def as_it_reports(*, worker, until, running, tools, strike, cluster):
    """Kill a server that has the figures and cannot get rid of them."""

    def ended():
        return not tools()

    def act():
        until(running)
        server = worker(Role.SERVER)
        strike(code=503)
        until(ended)
        server.kill()
        cluster.set_faults()

    return {"traffic": act}


@pytest.mark.parametrize(
    ("moment", "role"),
    [
        ("as_it_arms", Role.CLIENT),
        ("once_armed", Role.CLIENT),
        ("once_running", Role.CLIENT),
        ("as_it_reports", Role.SERVER),
    ],
)
def test_a_killed_worker_costs_its_own_pair_alone(
    *, request, moment, role, sabotage, write_scenario, complete
):
    state = sabotage(write_scenario("tcp-killed", clients=2), request.getfixturevalue(moment))
    report = state.result(raise_on_failure=False)
    complete(report, Verdict.INVALID)
    assert reasons_of(report) == {1: Reason.POD_LOST}
    killed = getattr(report.record.outcomes[1].pair, role)
    message = report.record.errors[0].error.message
    assert message.startswith(f"{role}: worker {killed.name} on {killed.node} ended with exit code 137")
    assert state.name == "InvalidMeasurement"


@pytest.fixture
def lose_and_return(access, cluster, until):
    """Return what takes the power of node-1 and gives it back; then all its workers have other addresses."""

    def addresses():
        return {
            pod["metadata"]["name"]: pod.get("status", {}).get("podIP")
            for pod in access.list(POD, "netcadence")[0]
            if pod["spec"].get("nodeName") == "node-1"
        }

    def lose_and_return():
        before = addresses()
        assert len(before) == 2

        def changed():
            now = addresses()
            return now.keys() == before.keys() and all(now[name] not in (None, before[name]) for name in now)

        cluster.lose_node("node-1")
        cluster.return_node("node-1")
        until(changed)

    return lose_and_return


@pytest.mark.parametrize("phase", ["arm", "traffic"])
def test_a_node_that_is_lost_and_returns_costs_the_pairs_on_it(
    sabotage, lose_and_return, write_scenario, complete, phase
):
    """Its workers are there again with other addresses, and are not taken for those that were paired."""
    scenario = write_scenario("tcp-node", clients=2, placement="same-node", duration_s=2)
    state = sabotage(scenario, {phase: lose_and_return})
    report = state.result(raise_on_failure=False)
    complete(report, Verdict.INVALID)
    assert reasons_of(report) == {1: Reason.POD_LOST}
    assert " on node-1 " in report.record.errors[0].error.message
    assert state.name == "InvalidMeasurement"


def test_a_node_that_is_lost_and_returns_before_pairing_costs_nothing(
    *, sabotage, lose_and_return, until, access, write_scenario, complete
):
    def placed():
        pods, _ = access.list(POD, "netcadence")
        return len([pod for pod in pods if pod.get("status", {}).get("podIP")]) == 4

    def act():
        until(placed)
        lose_and_return()

    state = sabotage(write_scenario("tcp-node-early", clients=2), {"ready": act})
    report = state.result(raise_on_failure=False)
    assert report.record.errors == ()
    complete(report, Verdict.PASS)


def test_a_clock_three_seconds_fast_is_seen_and_marked_and_corrected(
    measure, write_scenario, write_sla, complete
):
    """The start is right all the same, for it is told by the reference's clock; and so is the latency."""
    scenario = write_scenario("udp-clock", "UDP", clients=2, worker={"image": "wrong_clock"})
    sla = write_sla(latency_max_ms=1_000)
    state = measure(scenario, sla=sla)
    report = state.result(raise_on_failure=False)
    figures = complete(report, Verdict.PASS)
    rows = figures.drop_duplicates("pair_index").set_index("pair_index")
    assert report.record.errors == ()
    of_clocks = {Mark.CLOCKS_CORRECTED, Mark.CLOCKS_DISAGREE}  # a busy machine has others
    assert [of_clocks & set(rows["marks"][index]) for index in (0, 1)] == [set(), {Mark.CLOCKS_CORRECTED}]
    assert rows["clock_offset_s"].to_dict() == pytest.approx({0: 0, 1: -3}, abs=0.05)
    assert (rows["start_offset_s"].abs() < 0.25).all()
    values = figures[figures["pair_index"] == 1].set_index("metric")["value"]
    assert values["latency_avg_uncorrected"] == pytest.approx(-3000, abs=50)
    assert values["latency_avg"] - values["latency_avg_uncorrected"] == pytest.approx(3000, abs=50)
    assert -values["latency_uncertainty"] <= values["latency_min"] <= values["latency_avg"] < 1000


@pytest.fixture
def deliver_twice(monkeypatch):
    """Have every event of the orchestrator's own watches delivered twice."""
    once = Access.watch

    @contextmanager
    def watch(*args, **options):
        with once(*args, **options) as events:
            yield (event for each in events for event in (each, each))

    monkeypatch.setattr(Access, "watch", watch)


def test_events_that_are_delivered_twice_are_acted_on_once(measure, write_scenario, complete, deliver_twice):
    del deliver_twice
    state = measure(write_scenario("tcp-twice", clients=2, worker={"image": "hears_twice"}))
    report = state.result(raise_on_failure=False)
    complete(report, Verdict.PASS)
    assert report.record.errors == ()
