"""Deployments and ReplicaSets; the test plays the node and reports pods as ready."""

from __future__ import annotations

import time

import pytest

MERGE = {"Content_Type": "application/merge-patch+json"}
STRATEGIC = {"Content_Type": "application/strategic-merge-patch+json"}
LABELS = {"app": "web"}


class Workload:
    """One deployment, and a node for its pods."""

    def __init__(self, api, namespace):
        self.api = api
        self.namespace = namespace
        self.path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
        self.sets = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
        self.pods_path = f"/api/v1/namespaces/{namespace}/pods"

    def create(self, replicas=2, **spec):
        container = {"name": "c", "image": "example:1", "env": [{"name": "A", "value": "1"}]}
        template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}
        body = {
            "metadata": {"name": "web"},
            "spec": {"replicas": replicas, "selector": {"matchLabels": LABELS}, "template": template, **spec},
        }
        return self.api.ask(self.path, "POST", body)

    def pods(self):
        return self.api.ask(self.pods_path).body["items"]

    def images(self):
        return sorted(pod["spec"]["containers"][0]["image"] for pod in self.pods())

    def status(self):
        return self.api.ask(f"{self.path}/web").body.get("status", {})

    def make_ready(self):
        ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        for pod in self.pods():
            if "conditions" not in pod["status"]:
                path = f"{self.pods_path}/{pod['metadata']['name']}/status"
                self.api.ask(path, "PATCH", {"status": ready}, **MERGE)
        return True


@pytest.fixture
def workload(api, namespace):
    return Workload(api, namespace)


def test_a_deployment_becomes_a_replica_set_and_pods(workload, eventually):
    workload.create(replicas=3)
    pods = eventually(lambda: len(workload.pods()) == 3 and workload.pods())
    owner = pods[0]["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["controller"]) == ("ReplicaSet", True)
    assert pods[0]["metadata"]["name"].startswith(f"{owner['name']}-")
    assert pods[0]["metadata"]["labels"].keys() == {"app", "pod-template-hash"}


def test_conditions_tell_when_enough_pods_are_ready(workload, eventually):
    workload.create()
    eventually(lambda: workload.status().get("unavailableReplicas") == 2)
    workload.make_ready()
    status = eventually(lambda: workload.status().get("readyReplicas") == 2 and workload.status())
    conditions = {each["type"]: (each["status"], each["reason"]) for each in status["conditions"]}
    assert conditions == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }
    assert (status["replicas"], status["updatedReplicas"], status["availableReplicas"]) == (2, 2, 2)
    assert status["observedGeneration"] == 1


def test_a_pod_that_goes_is_replaced(workload, eventually):
    workload.create()
    first = eventually(lambda: len(workload.pods()) == 2 and workload.pods()[0]["metadata"]["name"])
    workload.api.ask(f"{workload.pods_path}/{first}", "DELETE")
    eventually(
        lambda: (
            first not in [pod["metadata"]["name"] for pod in workload.pods()] and len(workload.pods()) == 2
        )
    )


def test_scaling_adds_pods_and_takes_those_not_ready_first(workload, eventually):
    workload.create(replicas=1)
    eventually(workload.pods)
    workload.make_ready()
    scale = f"{workload.path}/web/scale"
    answer = workload.api.ask(scale, "PATCH", {"spec": {"replicas": 4}}, **MERGE)
    assert (answer.body["kind"], answer.body["spec"]) == ("Scale", {"replicas": 4})
    eventually(lambda: len(workload.pods()) == 4)
    workload.api.ask(scale, "PUT", {"metadata": {"name": "web"}, "spec": {"replicas": 1}})
    pods = eventually(lambda: len(workload.pods()) == 1 and workload.pods())
    assert "conditions" in pods[0]["status"]


def test_a_new_template_rolls_while_enough_pods_stay_ready(workload, eventually):
    workload.create(replicas=4)
    eventually(lambda: len(workload.pods()) == 4)
    workload.make_ready()
    eventually(lambda: workload.status().get("readyReplicas") == 4)
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "example:2"}]}}}}
    changed = workload.api.ask(f"{workload.path}/web", "PATCH", patch, **STRATEGIC)
    assert changed.body["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "A", "value": "1"}]
    eventually(lambda: "example:2" in workload.images())
    ready = [pod for pod in workload.pods() if "conditions" in pod["status"]]
    assert len(ready) >= 3
    assert len(workload.pods()) <= 5
    eventually(lambda: workload.make_ready() and workload.images() == ["example:2"] * 4)
    sets = workload.api.ask(workload.sets).body["items"]
    assert sorted(each["spec"]["replicas"] for each in sets) == [0, 4]


def test_recreate_ends_the_old_pods_before_the_new_begin(workload, eventually):
    workload.create(strategy={"type": "Recreate"})
    eventually(lambda: len(workload.pods()) == 2)
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "example:2"}]}}}}
    workload.api.ask(f"{workload.path}/web", "PATCH", patch, **STRATEGIC)
    eventually(lambda: workload.images() == ["example:2"] * 2)


def test_pods_that_a_node_refuses_are_replaced_more_and_more_slowly(workload, eventually):
    begun = time.monotonic()
    workload.create(replicas=1)
    for number in range(1, 6):
        made = eventually(lambda number=number: len(workload.pods()) == number and workload.pods())
        for pod in made:
            path = f"{workload.pods_path}/{pod['metadata']['name']}/status"
            workload.api.ask(path, "PATCH", {"status": {"phase": "Failed"}}, **MERGE)
    assert time.monotonic() - begun >= 0.1 + 0.2 + 0.4 + 0.8


def test_deleting_a_deployment_takes_everything_with_it(workload, eventually):
    workload.create()
    eventually(workload.pods)
    workload.api.ask(f"{workload.path}/web", "DELETE")
    eventually(lambda: not workload.pods() and not workload.api.ask(workload.sets).body["items"])


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"selector": {"matchLabels": {"app": "other"}}}, "spec.template.metadata.labels"),
        ({"selector": None}, "spec.selector"),
        ({"replicas": -1}, "spec.replicas"),
        ({"strategy": {"type": "Hope"}}, "spec.strategy.type"),
        ({"strategy": {"rollingUpdate": {"maxSurge": "many"}}}, "spec.strategy.rollingUpdate.maxSurge"),
    ],
)
def test_a_deployment_that_makes_no_sense_is_invalid(workload, spec, field):
    answer = workload.create(**spec)
    assert answer.code == 422
    assert answer.body["details"]["causes"][0]["field"] == field


def test_an_object_that_a_controller_cannot_handle_stops_no_other(workload, api, eventually, caplog):
    broken = {"metadata": {"name": "broken", "namespace": workload.namespace}, "spec": {}}
    spec = {"replicas": 1, "selector": {"matchLabels": LABELS}, "template": {"metadata": {"labels": LABELS}}}
    broken["spec"] = {
        **spec,
        "template": {**spec["template"], "spec": {"containers": [{"name": "c", "image": "x"}]}},
    }
    broken["spec"]["revisionHistoryLimit"] = "many"
    api.inside(api.store.create, "deployments.apps", broken)
    eventually(lambda: any("broken" in record.getMessage() for record in caplog.records))
    workload.create(replicas=1)
    eventually(lambda: "readyReplicas" in (workload.make_ready() and workload.status()))
    api.ask(f"{workload.path}/broken", "DELETE")
