"""Arming, firing and collecting with real workers, some of which are frozen, killed or out of reach."""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace

import pytest

from netcadence.kube import dispatch, leftovers
from netcadence.kube.cleanup import clean_up
from netcadence.kube.collection import collect, conclude
from netcadence.kube.conduct import conduct_of
from netcadence.kube.facts import cluster_facts
from netcadence.kube.observation import Observation
from netcadence.kube.resource import POD, REQUEST
from netcadence.kube.worker_deployment import WorkerTemplate
from netcadence.kube.workers import wait_ready
from netcadence.layout import lay_out
from netcadence.pairing import plan
from netcadence_worker.contract import Reason, RequestStatus


@pytest.fixture
def arming(ready):
    """Return what readies a run and arms its pairs, after something was done to its workers."""

    def arming(before=lambda _pair: None, **fields):
        run, owner, workers = ready(**fields)
        pairs = plan(workers, pairs=run.scenario.pairs, base_port=run.scenario.port)
        observation = Observation(run, workers)
        opened.append(observation.__enter__())
        for pair in pairs:
            before(pair)
        dispatch.set_reference(run, pairs[0].client)
        arming = dispatch.arm(run, pairs, owner=owner, observation=observation)
        return run, pairs, arming, observation

    opened = []
    yield arming
    for observation in opened:
        observation.__exit__(None, None, None)


@pytest.fixture
def fired(arming):
    """Return what brings a run to its traffic; calling the result's last part gives the outcomes."""

    def fired(**fields):
        run, pairs, armed, observation = arming(**fields)
        assert armed.armed == {pair.index for pair in pairs}
        start = dispatch.fire(run, 0, arming=armed, observation=observation)

        def outcomes():
            traffic_s = run.scenario.duration_s + armed.lead_s
            collect(observation, pairs, traffic_s=traffic_s, grace_s=run.scenario.report_timeout_s)
            return conclude(observation, pairs, starts={0: start})

        return run, pairs, observation, outcomes

    return fired


def test_a_run_measures_with_another_runs_workers_leaves_them_there_and_hears_of_their_loss(
    ready, new_run, access
):
    first, _, workers = ready()
    second = replace(new_run(), workers_of=first.run_id)
    layout = lay_out(second.scenario.wish, cluster_facts(access).sites)
    owner = conduct_of(second).deploy(second, WorkerTemplate(), layout)
    assert [worker.uid for worker in wait_ready(second, replicas=2, timeout_s=10)] == [
        worker.uid for worker in workers
    ]
    (pair,) = plan(workers, pairs=1, base_port=second.scenario.port)
    dispatch.set_reference(second, pair.client)
    with Observation(second, workers) as observation:
        assert dispatch.arm(second, [pair], owner=owner, observation=observation).armed == {0}
        assert clean_up(second)
        assert len(access.list(POD, second.namespace, selector=first.selector)[0]) == 2
        assert not observation.lost
        clean_up(first)
        deadline = time.monotonic() + 10
        while not observation.lost_side(pair):
            assert observation.advance(deadline)


def error_of(observation, pairs):
    (outcome,) = conclude(observation, pairs, starts={})
    return outcome.error


def await_running(until, run, pair):
    """Wait until a pair's client has reported that its tool runs."""

    def running():
        request = run.access.get(REQUEST, f"{run.run_id}-{pair.index}", run.namespace)
        client = RequestStatus.model_validate(request.get("status", {})).client
        assert client is None or client.phase not in ("Succeeded", "Failed"), f"ended before: {client}"
        return client is not None and client.phase == "Running"

    until(running)


def test_pairs_start_together_and_all_report(fired):
    _, pairs, observation, outcomes = fired(clients=2)
    for outcome in outcomes():
        assert outcome.measured, outcome.error
        assert outcome.value("throughput") > 1000
        assert abs(outcome.start_offset_s) < 0.25
    for pair in pairs:
        notice_s = observation.requests[pair.index].status.client.start_notice
        assert notice_s < observation.leads_s[pair.index], "the start was seen before it was published"


def test_a_server_that_nobody_listens_at_is_refused(arming, freeze):
    _, pairs, armed, observation = arming(before=lambda pair: freeze(pair.server), arm_timeout_s=1)
    error = error_of(observation, pairs)
    assert armed.armed == set()
    assert error.reason is Reason.CONNECTION_REFUSED
    assert f"TCP {pairs[0].server.ip}:5001 after " in error.message


@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_a_server_whose_answers_are_lost_is_a_connection_that_timed_out(
    arming, cluster, process_of, protocol
):
    if cluster.network != "namespaces":
        pytest.skip("a route can only be removed from a pod that has a network of its own; needs root")

    def lose_answers(pair):
        inside = ["nsenter", f"--net=/proc/{process_of(pair.server).pid}/ns/net"]
        subprocess.run([*inside, "ip", "route", "add", "blackhole", pair.client.ip], check=True)

    options = {"options": {"iperf": {"bandwidth": 1_000_000}}} if protocol == "UDP" else {}
    _, pairs, armed, observation = arming(before=lose_answers, arm_timeout_s=1, protocol=protocol, **options)
    error = error_of(observation, pairs)
    assert armed.armed == set()
    assert error.reason is Reason.CONNECT_TIMEOUT
    assert error.message.endswith("no answer")


def test_a_killed_worker_costs_its_own_pair_and_no_other(fired, process_of, until):
    run, pairs, _, outcomes = fired(clients=2, duration_s=2)
    await_running(until, run, pairs[0])
    process_of(pairs[0].client).kill()
    lost, kept = outcomes()
    assert lost.error.reason is Reason.POD_LOST
    client = pairs[0].client
    assert f"worker {client.name} on {client.node} ended with exit code 137" in lost.error.message
    assert kept.measured, kept.error


def test_a_restart_of_the_api_server_in_the_middle_of_the_traffic_loses_nothing(fired, cluster, until):
    run, pairs, _, outcomes = fired(clients=2, duration_s=2)
    await_running(until, run, pairs[0])
    cluster.restart_api(0.5)
    assert [outcome.error for outcome in outcomes()] == [None, None]


def test_a_worker_that_says_nothing_is_a_missing_result_after_the_deadline(fired, freeze, until):
    run, pairs, _, outcomes = fired(report_timeout_s=1)
    await_running(until, run, pairs[0])
    freeze(pairs[0].server)
    began = time.monotonic()
    (outcome,) = outcomes()
    assert time.monotonic() - began < 10
    assert outcome.error.reason is Reason.RESULT_MISSING
    assert "no report in time; last seen: " in outcome.error.message


def test_cleaning_up_leaves_nothing_and_is_harmless_twice(fired):
    run, _, _, outcomes = fired()
    outcomes()
    assert len(leftovers.of(run)) == 5
    assert clean_up(run)
    assert clean_up(run)


def test_a_worker_that_does_not_listen_any_more_is_cleaned_up_all_the_same(ready, freeze):
    run, _, workers = ready()
    freeze(workers[0])
    assert clean_up(run)
