"""Jobs; the test plays the node and says how their pods end."""

from __future__ import annotations

import pytest

MERGE = {"Content_Type": "application/merge-patch+json"}
JOB_NAME, UID = "batch.kubernetes.io/job-name", "batch.kubernetes.io/controller-uid"


class Batch:
    """Jobs of one namespace, and a node for their pods."""

    def __init__(self, api, namespace, eventually):
        self._api, self._eventually = api, eventually
        self.path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        self._pods_path = f"/api/v1/namespaces/{namespace}/pods"

    def create(self, policy="Never", **spec):
        container = {"name": "c", "image": "example:1"}
        template = {"spec": {"restartPolicy": policy, "containers": [container]}}
        body = {"metadata": {"name": "once"}, "spec": {"template": template, **spec}}
        return self._api.ask(self.path, "POST", body)

    def job(self):
        return self._api.ask(f"{self.path}/once").body

    def pods(self, count=None):
        def pods():
            found = self._api.ask(self._pods_path).body["items"]
            return [found] if count in (None, len(found)) else None

        return self._eventually(pods)[0]

    def end(self, pod, phase, **status):
        path = f"{self._pods_path}/{pod['metadata']['name']}/status"
        self._api.ask(path, "PATCH", {"status": {"phase": phase, **status}}, **MERGE)

    def delete_pod(self, pod):
        self._api.ask(f"{self._pods_path}/{pod['metadata']['name']}", "DELETE")

    def ended(self, *kinds):
        """Return the Job once these are its conditions."""

        def ended():
            job = self.job()
            found = [each["type"] for each in job.get("status", {}).get("conditions", ())]
            return job if found == list(kinds) else None

        return self._eventually(ended)

    def gone(self):
        return self._eventually(lambda: self._api.ask(f"{self.path}/once").code == 404)


@pytest.fixture
def batch(api, namespace, eventually):
    return Batch(api, namespace, eventually)


def test_a_job_makes_a_pod_that_carries_its_name_and_its_uid(batch):
    job = batch.create().body
    (pod,) = batch.pods(1)
    name, uid = job["metadata"]["name"], job["metadata"]["uid"]
    own = {JOB_NAME: name, "job-name": name, UID: uid, "controller-uid": uid}
    assert pod["metadata"]["labels"] == own
    assert job["spec"]["selector"] == {"matchLabels": {UID: uid}}
    (owner,) = pod["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("Job", uid, True)
    assert pod["metadata"]["name"].startswith("once-")


def test_a_pod_that_succeeds_completes_its_job(batch):
    batch.create()
    (pod,) = batch.pods(1)
    job = batch.job()
    assert (job["status"]["active"], job["status"]["ready"]) == (1, 0)
    batch.end(pod, "Succeeded")
    status = batch.ended("SuccessCriteriaMet", "Complete")["status"]
    assert status.pop("conditions")[1]["reason"] == "CompletionsReached"
    assert status.pop("startTime") <= status.pop("completionTime")
    assert status == {"succeeded": 1, "ready": 0, "terminating": 0, "uncountedTerminatedPods": {}}
    (pod,) = batch.pods(1)  # to be looked at
    assert "finalizers" not in pod["metadata"] or pod["metadata"]["finalizers"] == []


def test_as_many_pods_run_at_once_as_are_asked_for_until_enough_have_succeeded(batch):
    batch.create(completions=3, parallelism=2)
    for pod in batch.pods(2):
        batch.end(pod, "Succeeded")
    batch.end(next(pod for pod in batch.pods(3) if pod["status"]["phase"] == "Pending"), "Succeeded")
    assert batch.ended("SuccessCriteriaMet", "Complete")["status"]["succeeded"] == 3


@pytest.mark.parametrize("how", ["failed", "deleted"])
def test_more_failures_than_the_backoff_limit_fail_a_job_and_a_deleted_pod_is_one(batch, how):
    batch.create(backoffLimit=0)
    (pod,) = batch.pods(1)
    if how == "failed":
        batch.end(pod, "Failed")
    else:
        batch.delete_pod(pod)
    job = batch.ended("FailureTarget", "Failed")
    assert job["status"]["failed"] == 1
    assert "completionTime" not in job["status"]
    assert {each["reason"] for each in job["status"]["conditions"]} == {"BackoffLimitExceeded"}
    assert len(batch.pods()) == (how == "failed")


def test_within_the_backoff_limit_another_pod_follows_but_not_at_once(batch, eventually):
    batch.create(backoffLimit=1)
    (pod,) = batch.pods(1)
    batch.end(pod, "Failed")
    eventually(lambda: batch.job()["status"].get("failed") == 1)
    assert "conditions" not in batch.job()["status"]
    assert len(batch.pods()) == 1


def test_restarts_in_place_count_against_the_limit_too(batch):
    batch.create("OnFailure", backoffLimit=2)
    (pod,) = batch.pods(1)
    batch.end(pod, "Running", containerStatuses=[{"name": "c", "restartCount": 2}])
    batch.ended("FailureTarget", "Failed")
    assert batch.pods(0) == []


def test_after_its_deadline_a_job_fails_and_its_pod_goes(batch):
    batch.create(activeDeadlineSeconds=1)
    batch.pods(1)
    job = batch.ended("FailureTarget", "Failed")
    assert {each["reason"] for each in job["status"]["conditions"]} == {"DeadlineExceeded"}
    assert batch.pods(0) == []


def test_a_finished_job_goes_with_its_pod_when_its_time_to_live_is_over(batch):
    batch.create(ttlSecondsAfterFinished=0)
    (pod,) = batch.pods(1)
    batch.end(pod, "Succeeded")
    assert batch.gone()
    assert batch.pods(0) == []


def test_a_suspended_job_has_no_pod_until_it_is_resumed(api, batch):
    batch.create(suspend=True)
    batch.ended("Suspended")
    assert batch.pods() == []
    api.ask(f"{batch.path}/once", "PATCH", {"spec": {"suspend": False}}, **MERGE)
    batch.pods(1)
    api.ask(f"{batch.path}/once", "PATCH", {"spec": {"suspend": True}}, **MERGE)
    assert batch.pods(0) == []
    assert "failed" not in batch.job()["status"]
    assert "startTime" not in batch.job()["status"]


@pytest.mark.parametrize(
    ("policy", "pods_left"), [(None, 1), ("Orphan", 1), ("Background", 0), ("Foreground", 0)]
)
def test_a_deleted_job_takes_its_pods_along_only_if_it_is_told_to(api, batch, policy, pods_left):
    batch.create()
    batch.pods(1)
    options = {"propagationPolicy": policy} if policy else None
    answer = api.ask(f"{batch.path}/once", "DELETE", options)
    assert [each for each in answer.warnings if "child pods are preserved" in each] == answer.warnings
    assert bool(answer.warnings) == (policy is None)
    assert batch.gone()
    for pod in batch.pods(pods_left):
        assert not pod["metadata"].get("ownerReferences")
        batch.delete_pod(pod)
    assert batch.pods(0) == []  # nothing holds them


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ({"policy": "Always"}, 'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure"'),
        ({"backoffLimit": -1}, "spec.backoffLimit: Invalid value: -1: must be greater than or equal to 0"),
        ({"completionMode": "Indexed"}, 'spec.completionMode: Unsupported value: "Indexed"'),
        ({"parallelism": 2}, "spec.completions: Required value"),
        ({"podFailurePolicy": {}}, "spec.podFailurePolicy: Forbidden: an embedded cluster does not offer it"),
        ({"selector": {"matchLabels": {"a": "b"}}}, "spec.selector: Invalid value"),
        ({"template": {"spec": {"restartPolicy": "Never"}}}, "spec.template.spec.containers: Required value"),
    ],
)
def test_a_job_that_is_none_is_refused(batch, spec, complaint):
    refused = batch.create(**spec)
    assert refused.code == 422
    assert complaint in refused.body["message"]


def test_what_a_job_runs_does_not_change(api, batch):
    batch.create()
    other = {"spec": {"template": {"spec": {"restartPolicy": "OnFailure"}}, "completions": 2}}
    refused = api.ask(f"{batch.path}/once", "PATCH", other, **MERGE)
    assert [each["field"] for each in refused.body["details"]["causes"]] == [
        "spec.completions", "spec.template",
    ]  # fmt: skip


def test_kubectl_waits_for_a_job_describes_it_and_deletes_it(kubectl, batch, namespace):
    batch.create()
    (pod,) = batch.pods(1)
    batch.end(pod, "Succeeded")
    kubectl("-n", namespace, "wait", "--for=condition=complete", "--timeout=10s", "job/once")
    row = kubectl("-n", namespace, "get", "job").splitlines()[1].split()
    assert row[:3] == ["once", "Complete", "1/1"]
    described = kubectl("-n", namespace, "describe", "job", "once")
    assert "Pods Statuses:" in described
    assert "0 Active (0 Ready) / 1 Succeeded / 0 Failed" in described
    assert f"Created pod: {pod['metadata']['name']}" in described
    kubectl("-n", namespace, "delete", "job", "once")
    assert batch.pods(0) == []
