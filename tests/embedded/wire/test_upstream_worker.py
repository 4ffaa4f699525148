"""Driving ClusterLoader2's worker: our outcomes from its positional figures, or from their lack."""

from __future__ import annotations

import pytest

from netcadence.errors import InvalidInputError
from netcadence.kube.collection import collect, conclude
from netcadence.kube.conduct import conduct_of
from netcadence.kube.observation import Observation
from netcadence.kube.resource import DEPLOYMENT, NAMESPACE
from netcadence.kube.wire import CLUSTERLOADER
from netcadence.kube.worker_deployment import WorkerTemplate
from netcadence.kube.workers import WorkersFailedError, wait_ready
from netcadence.layout import Group, Layout
from netcadence.nodes import Pool
from netcadence.pairing import plan
from netcadence_worker.contract import Reason
from netcadence_worker.metrics import METRICS, POSITIONS


@pytest.fixture
def outcomes(new_run):
    """Return what conducts a run from its workers to its outcomes."""

    def outcomes(*args, **fields):
        run = new_run(*args, **fields)
        conduct, scenario = conduct_of(run), run.scenario
        whole = Layout((Group(scenario.demand.workers, Pool()),), scenario.schedule)
        owner = conduct.deploy(run, WorkerTemplate(scenario.worker), whole)
        workers = wait_ready(run, replicas=scenario.demand.workers, timeout_s=60)
        pairs = plan(workers, pairs=scenario.pairs, base_port=scenario.port)
        with Observation(run, workers) as observation:
            armed = conduct.arm(
                run,
                pairs,
                owner=owner,
                observation=observation,
                processors={},
                on_progress=lambda _done, _total: None,
            )
            start = conduct.fire(run, pairs, owner=owner, arming=armed, observation=observation)
            assert start.microsecond == 0
            collect(
                observation,
                pairs,
                traffic_s=scenario.duration_s + armed.lead_s,
                grace_s=scenario.report_timeout_s,
            )
            return conclude(observation, pairs, starts={0: start})

    return outcomes


@pytest.mark.parametrize("protocol", ["TCP", "UDP", "HTTP"])
def test_its_positional_figures_become_ours_with_their_units(outcomes, protocol):
    (outcome,) = outcomes(protocol=protocol)
    assert outcome.error is None
    assert [result.metric for result in outcome.results] == list(POSITIONS[protocol])
    assert all(result.unit == METRICS[result.metric].unit for result in outcome.results)


def test_several_pairs_each_have_fresh_pods_and_figures(outcomes):
    assert [outcome.error for outcome in outcomes(clients=2)] == [None, None]


def test_an_array_that_is_too_short_is_an_error_and_never_a_number(outcomes):
    (outcome,) = outcomes("short")
    assert outcome.results == ()
    assert outcome.error.reason is Reason.PARSE_FAILED
    assert "1 figures where TCP has 2" in outcome.error.message


def test_a_worker_that_says_nothing_is_a_missing_result(outcomes):
    (outcome,) = outcomes("silent", report_timeout_s=1)
    assert outcome.error.reason is Reason.RESULT_MISSING


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"clients": 2, "servers": 1}, "servers 1 cannot be asked"),
        ({"rounds": 2}, "rounds 2 cannot be asked"),
        ({"placement": "same-node"}, "placement 'same-node' cannot be asked"),
        ({"nodes": {"zones": ["zone-a"]}}, "nodes 'given' cannot be asked"),
    ],
)
def test_a_scenario_that_this_wire_has_no_words_for_is_refused(new_run, fields, said):
    with pytest.raises(InvalidInputError, match=said):
        CLUSTERLOADER.check(new_run(**fields).scenario)


def deployed(run):
    """Make a run's workers, and return what the API server says of their Deployment."""
    whole = Layout((Group(run.scenario.demand.workers, Pool()),), run.scenario.schedule)
    conduct_of(run).deploy(run, WorkerTemplate(run.scenario.worker), whole)
    (found,) = run.access.list(DEPLOYMENT, run.namespace)[0]
    return found


def test_what_the_scenario_says_of_its_workers_is_in_their_template(new_run):
    worker = {
        "tolerations": [{"operator": "Exists"}],
        "priority_class": "system-cluster-critical",
        "image_pull_secrets": ["registry"],
        "image_pull_policy": "Always",
        "cpu_limit": "1",
    }
    spec = deployed(new_run(worker=worker))["spec"]["template"]["spec"]
    assert spec["tolerations"] == [{"operator": "Exists"}]
    assert spec["priorityClassName"] == "system-cluster-critical"
    assert spec["imagePullSecrets"] == [{"name": "registry"}]
    assert spec["topologySpreadConstraints"][0]["topologyKey"] == "kubernetes.io/hostname"
    assert spec["containers"][0]["imagePullPolicy"] == "Always"
    assert spec["containers"][0]["resources"]["limits"] == {"cpu": "1", "memory": "256Mi"}


def test_workers_that_a_restricted_namespace_refuses_end_with_its_words(new_run):
    run = new_run()
    level = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    run.access.patch(NAMESPACE, run.namespace, level)
    deployed(run)
    try:
        with pytest.raises(WorkersFailedError, match=r"FailedCreate: .* violates PodSecurity"):
            wait_ready(run, replicas=2, timeout_s=60)
    finally:
        nothing = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": None}}}
        run.access.patch(NAMESPACE, run.namespace, nothing)
