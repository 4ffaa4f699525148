"""Workers of a run: ready, or the reason why not in the pod's own words and at once."""

from __future__ import annotations

import time

import pytest

from netcadence.kube.conduct import conduct_of
from netcadence.kube.facts import cluster_facts
from netcadence.kube.resource import NAMESPACE as NAMESPACE_KIND
from netcadence.kube.resource import POD, Resource
from netcadence.kube.worker_deployment import WorkerTemplate
from netcadence.kube.workers import WorkersFailedError, WorkersLateError, wait_ready
from netcadence.layout import lay_out

NAMESPACE = "benchmarks"
LEVEL = "pod-security.kubernetes.io/enforce"
QUOTA = Resource("", "v1", "resourcequotas", "ResourceQuota")
PRIORITY_CLASS = Resource("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False)
#: None of the failures is found out by waiting for this.
LONG_S = 60


def trouble_of(run, workers=2):
    """Wait for workers that will not come; return what is said, long before the time is up."""
    began = time.monotonic()
    with pytest.raises(WorkersFailedError) as failure:
        wait_ready(run, replicas=workers, timeout_s=LONG_S)
    assert time.monotonic() - began < LONG_S / 2
    return str(failure.value)


def test_ready_workers_are_on_both_nodes_with_addresses_of_their_own(ready):
    _, _, workers = ready(clients=2)
    assert sorted(worker.node for worker in workers) == ["node-0", "node-0", "node-1", "node-1"]
    assert len({worker.ip for worker in workers}) == 4
    assert {worker.zone for worker in workers} == {"zone-0", "zone-1"}


def test_progress_is_told_up_to_the_number_wanted(deployed):
    run, _ = deployed()
    told = []
    wait_ready(run, replicas=2, timeout_s=LONG_S, on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (2, 2)


def test_an_image_that_nobody_has_is_reported_with_its_name(deployed):
    run, _ = deployed(image="registry.example/nothing:1")
    assert 'ImagePullBackOff: Back-off pulling image "registry.example/nothing:1"' in trouble_of(run)


def test_a_worker_without_its_tool_says_which(deployed):
    run, _ = deployed(tools=("fortio",), image="toolless")
    said = trouble_of(run)
    assert (
        "CrashLoopBackOff (exit code 78): ToolMissing: not on the PATH: fortio (go install fortio.org" in said
    )
    assert run.workers_name in said


@pytest.fixture
def ruled(access, deployed):
    """Return what begins a run in a namespace with a rule of its own, gone after the test."""
    made = []

    def ruled(resource, body, **fields):
        access.create(resource, body, NAMESPACE)
        made.append((resource, body["metadata"]["name"]))
        return deployed(**fields)[0]

    yield ruled
    for resource, name in made:
        access.delete(resource, name, NAMESPACE)


def quota(**hard):
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": {"hard": hard}}


def test_pods_that_a_quota_refuses_are_reported_in_the_servers_words(ruled):
    said = trouble_of(ruled(QUOTA, quota(pods="1")))
    assert "FailedCreate: pods " in said
    assert "is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1" in said


def test_a_quota_that_wants_a_cpu_limit_is_met_by_saying_one(ruled):
    run = ruled(QUOTA, quota(**{"limits.cpu": "2"}))
    assert "failed quota: q: must specify limits.cpu for: worker" in trouble_of(run)


def test_workers_with_a_cpu_limit_fit_such_a_quota(ruled):
    run = ruled(QUOTA, quota(**{"limits.cpu": "2"}), worker={"cpu_limit": "500m"})
    assert len(wait_ready(run, replicas=2, timeout_s=LONG_S)) == 2


def test_an_unknown_priority_class_is_reported_in_the_servers_words(deployed):
    run, _ = deployed(worker={"priority_class": "urgent"})
    assert "is forbidden: no PriorityClass with name urgent was found" in trouble_of(run)


def test_workers_of_a_namespace_with_a_restricted_security_level_are_let_in(access, deployed):
    access.patch(NAMESPACE_KIND, NAMESPACE, {"metadata": {"labels": {LEVEL: "restricted"}}})
    run, _ = deployed()
    assert len(wait_ready(run, replicas=2, timeout_s=LONG_S)) == 2


def test_a_pull_secret_that_is_missing_stops_no_pod_whose_image_is_there(access, deployed):
    worker = {"image_pull_secrets": ["nowhere"], "image_pull_policy": "Never"}
    run, _ = deployed(worker=worker)
    assert len(wait_ready(run, replicas=2, timeout_s=LONG_S)) == 2
    pods, _ = access.list(POD, NAMESPACE, selector=run.selector)
    assert all(pod["spec"]["imagePullSecrets"] == [{"name": "nowhere"}] for pod in pods)


def test_what_the_scenario_says_of_its_workers_is_in_their_pods(access, deployed):
    access.create(PRIORITY_CLASS, {"metadata": {"name": "calm"}, "value": -5})
    worker = {
        "tolerations": [{"key": "dedicated", "value": "bench", "effect": "NoSchedule"}],
        "priority_class": "calm",
        "cpu_limit": "2",
        "cpu_request": "100m",
        "memory_request": "80Mi",
        "memory_limit": "300Mi",
        "topology_spread": [
            {"topology_key": "topology.kubernetes.io/zone", "when_unsatisfiable": "DoNotSchedule"}
        ],
    }
    run, _ = deployed(worker=worker)
    wait_ready(run, replicas=2, timeout_s=LONG_S)
    pods, _ = access.list(POD, NAMESPACE, selector=run.selector)
    assert len(pods) == 2
    for pod in pods:
        spec = pod["spec"]
        (toleration,), (spread,), (container,) = (
            spec[key] for key in ("tolerations", "topologySpreadConstraints", "containers")
        )
        assert toleration == {
            "key": "dedicated",
            "operator": "Equal",
            "value": "bench",
            "effect": "NoSchedule",
        }
        assert (spec["priorityClassName"], spec["priority"]) == ("calm", -5)
        assert container["resources"] == {
            "requests": {"cpu": "100m", "memory": "80Mi"},
            "limits": {"cpu": "2", "memory": "300Mi"},
        }
        assert container["imagePullPolicy"] == "IfNotPresent"
        assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == (
            "topology.kubernetes.io/zone",
            "DoNotSchedule",
        )
        assert spread["labelSelector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    access.delete(PRIORITY_CLASS, "calm")


@pytest.fixture
def crowded(access):
    """One of the nodes with pods of others on it, which wait for an image, and are gone after the test."""
    names = [f"other-{number}" for number in range(15)]
    for name in names:
        spec = {"nodeName": "node-1", "containers": [{"name": "main", "image": "registry.example/other:1"}]}
        access.create(POD, {"metadata": {"name": name}, "spec": spec}, "default")
    yield
    for name in names:
        access.delete(POD, name, "default")


@pytest.mark.usefixtures("crowded")
def test_the_two_workers_of_a_pair_are_on_two_nodes_however_crowded_one_of_them_is(access, new_run):
    """Evenness is a wish that other pods outweigh; that nobody is left without a partner is none."""
    run = new_run()
    layout = lay_out(run.scenario.wish, cluster_facts(access).sites)
    conduct_of(run).deploy(run, WorkerTemplate(tools=("iperf",)), layout)
    workers = wait_ready(run, replicas=2, timeout_s=LONG_S)
    assert {worker.node for worker in workers} == {"node-0", "node-1"}


def test_a_bound_of_the_scenario_s_own_takes_the_place_of_that(access, new_run):
    own = {"when_unsatisfiable": "DoNotSchedule", "max_skew": 7}
    run = new_run(worker={"topology_spread": [own]})
    layout = lay_out(run.scenario.wish, cluster_facts(access).sites)
    conduct_of(run).deploy(run, WorkerTemplate(run.scenario.worker, ("iperf",)), layout)
    wait_ready(run, replicas=2, timeout_s=LONG_S)
    for pod in access.list(POD, NAMESPACE, selector=run.selector)[0]:
        (spread,) = pod["spec"]["topologySpreadConstraints"]
        assert (spread["maxSkew"], "minDomains" in spread) == (7, False)


@pytest.fixture(scope="module")
def cramped(up, connect):
    """Access to a cluster whose two nodes take one pod each."""
    with up(max_pods=1) as cluster:
        access = connect(cluster)
        yield access
        access.close()


def test_more_workers_than_nodes_take_are_reported_as_unschedulable(cramped, deployed):
    run, _ = deployed(workers=3, access=cramped)
    assert "Unschedulable: 0/2 nodes are available" in trouble_of(run, workers=3)


def test_workers_that_take_too_long_are_counted_and_one_is_named(deployed):
    run, _ = deployed()
    with pytest.raises(WorkersLateError, match=r"^0 of 2 workers were ready within 0 s"):
        wait_ready(run, replicas=2, timeout_s=0.01)
