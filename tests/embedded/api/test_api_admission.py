"""Pods that a cluster's rules refuse, in the words that a real API server has for it."""

from __future__ import annotations

import pytest

LEVEL = "pod-security.kubernetes.io/enforce"
MERGE = {"Content_Type": "application/merge-patch+json"}
SAFE = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


@pytest.fixture
def pods(namespace):
    return f"/api/v1/namespaces/{namespace}/pods"


@pytest.fixture
def enforce(api, namespace):
    """Return what gives the namespace a Pod Security level."""

    def enforce(level):
        change = {"metadata": {"labels": {LEVEL: level}}}
        api.ask(f"/api/v1/namespaces/{namespace}", "PATCH", change, **MERGE)

    return enforce


@pytest.fixture
def limit(api, namespace):
    """Return what gives the namespace a quota."""

    def limit(**hard):
        quota = {"metadata": {"name": "q"}, "spec": {"hard": hard}}
        assert api.ask(f"/api/v1/namespaces/{namespace}/resourcequotas", "POST", quota).code == 201

    return limit


def pod(name="p", container=None, **spec):
    only = {"name": "c", "image": "example:1", **(container or {})}
    return {"metadata": {"name": name}, "spec": {"containers": [only], **spec}}


def refusal(api, pods, body):
    answer = api.ask(pods, "POST", body)
    assert (answer.code, answer.body["reason"]) == (403, "Forbidden")
    return answer.body["message"]


def test_a_restricted_namespace_names_all_that_a_careless_pod_violates(api, pods, enforce):
    enforce("restricted")
    assert refusal(api, pods, pod()) == (
        'pods "p" is forbidden: violates PodSecurity "restricted:latest": '
        'allowPrivilegeEscalation != false (container "c" must set '
        "securityContext.allowPrivilegeEscalation=false), "
        'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), '
        'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), '
        'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to '
        '"RuntimeDefault" or "Localhost")'
    )


@pytest.mark.parametrize("missing", SAFE)
def test_a_restricted_namespace_wants_each_part_of_a_safe_context(api, pods, enforce, missing):
    enforce("restricted")
    context = {key: value for key, value in SAFE.items() if key != missing}
    said = refusal(api, pods, pod(container={"securityContext": context}))
    assert said.count("must set") == 1
    assert missing in said


@pytest.mark.parametrize(
    "spec",
    [
        {"container": {"securityContext": SAFE}},
        {
            "container": {"securityContext": {**SAFE, "runAsNonRoot": None, "seccompProfile": None}},
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "Localhost"}},
            "volumes": [{"name": "v", "emptyDir": {}}],
        },
    ],
)
def test_a_restricted_namespace_takes_a_safe_pod(api, pods, enforce, spec):
    enforce("restricted")
    assert api.ask(pods, "POST", pod(**spec)).code == 201


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"hostNetwork": True}, "host namespaces (hostNetwork=true)"),
        (
            {"hostNetwork": True, "container": {"ports": [{"containerPort": 80}, {"containerPort": 81}]}},
            'host namespaces (hostNetwork=true), hostPort (container "c" uses hostPorts 80, 81)',
        ),
        ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, 'hostPath volumes (volume "v")'),
        (
            {"container": {"securityContext": {"privileged": True}}},
            'privileged (container "c" must not set securityContext.privileged=true)',
        ),
    ],
)
def test_a_baseline_namespace_refuses_what_reaches_the_node(api, pods, enforce, spec, said):
    enforce("baseline")
    assert refusal(api, pods, pod(**spec)).endswith(f'violates PodSecurity "baseline:latest": {said}')
    assert api.ask(pods, "POST", pod()).code == 201


def test_a_pod_on_the_hosts_network_takes_its_ports_there_and_no_others(api, pods):
    made = api.ask(
        pods, "POST", pod(hostNetwork=True, container={"ports": [{"containerPort": 80, "name": "http"}]})
    )
    assert made.body["spec"]["containers"][0]["ports"][0]["hostPort"] == 80
    other = pod("other", {"ports": [{"containerPort": 80, "hostPort": 81}]}, hostNetwork=True)
    answer = api.ask(pods, "POST", other)
    assert answer.code == 422
    assert "must match `containerPort` when `hostNetwork` is true" in answer.body["message"]


def test_a_quota_counts_pods_and_what_they_ask_for(api, pods, limit):
    limit(**{"pods": "2", "requests.cpu": "1"})
    half = {"resources": {"requests": {"cpu": "600m"}}}
    assert api.ask(pods, "POST", pod("a", half)).code == 201
    assert refusal(api, pods, pod("b", half)) == (
        'pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=0.6, '
        "used: requests.cpu=0.6, limited: requests.cpu=1"
    )
    assert api.ask(f"{pods}/a", "DELETE").code == 200
    assert api.ask(pods, "POST", pod("b", half)).code == 201


def test_a_quota_of_a_resource_wants_every_container_to_say_how_much(api, pods, limit):
    limit(**{"limits.cpu": "4"})
    assert refusal(api, pods, pod()).endswith("failed quota: q: must specify limits.cpu for: c")


def test_a_priority_class_that_nobody_made_is_refused_and_those_of_every_cluster_are_known(api, pods):
    assert refusal(api, pods, pod(priorityClassName="urgent")) == (
        'pods "p" is forbidden: no PriorityClass with name urgent was found'
    )
    known = api.ask(pods, "POST", pod(priorityClassName="system-node-critical"))
    assert known.body["spec"]["priority"] == 2_000_001_000


def test_a_deployment_says_why_its_pods_are_refused(api, namespace, pods, enforce, eventually):
    enforce("restricted")
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": pod()["spec"]}
    body = {"metadata": {"name": "web"}, "spec": {"selector": {"matchLabels": labels}, "template": template}}
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    api.ask(path, "POST", body)

    def failures():
        conditions = api.ask(f"{path}/web").body.get("status", {}).get("conditions", ())
        return [each for each in conditions if each["type"] == "ReplicaFailure"]

    (failure,) = eventually(failures)
    assert (failure["status"], failure["reason"]) == ("True", "FailedCreate")
    assert 'violates PodSecurity "restricted:latest"' in failure["message"]
    events = api.ask(f"/api/v1/namespaces/{namespace}/events").body["items"]
    assert any(each["reason"] == "FailedCreate" for each in events)
    enforce("privileged")
    eventually(lambda: not failures())
    assert len(api.ask(pods).body["items"]) == 1
