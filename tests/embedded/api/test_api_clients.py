"""The official Python client and the real kubectl, unchanged, against a served instance."""

from __future__ import annotations

import json
from pathlib import Path

import kubernetes
import pytest
import yaml

DEFINITIONS = sorted((Path(__file__).parents[3] / "deployments/kubernetes/crd").glob("*.yaml"))
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
        - {name: c, image: "example:1", ports: [{containerPort: 80}], env: [{name: A, value: "1"}]}
"""


@pytest.fixture(scope="module")
def client(kubeconfig):
    with kubernetes.config.new_client_from_config(config_file=str(kubeconfig)) as client:
        yield client


@pytest.fixture
def core(client):
    return kubernetes.client.CoreV1Api(client)


@pytest.fixture
def custom(client):
    return kubernetes.client.CustomObjectsApi(client)


@pytest.fixture(scope="module")
def requests_served(client):
    """Install the project's own definitions."""
    extensions = kubernetes.client.ApiextensionsV1Api(client)
    for path in DEFINITIONS:
        extensions.create_custom_resource_definition(yaml.safe_load(path.read_text()))


def _request(name="a", **spec):
    return {
        "apiVersion": "netcadence.io/v1alpha1",
        "kind": "NetworkTestRequest",
        "metadata": {"name": name, "labels": {"pod.netcadence.io/c": "client"}},
        "spec": {
            "runID": "r",
            "pairIndex": 0,
            "clientPodName": "c",
            "serverPodName": "s",
            "serverPodIP": "198.18.0.9",
            "port": 5001,
            "protocol": "TCP",
            "tool": "iperf",
            "duration": 3,
            **spec,
        },
    }


def test_the_client_creates_reads_lists_and_deletes_typed_objects(core, namespace):
    container = kubernetes.client.V1Container(name="c", image="example:1")
    pod = kubernetes.client.V1Pod(
        metadata=kubernetes.client.V1ObjectMeta(generate_name="p-"),
        spec=kubernetes.client.V1PodSpec(containers=[container]),
    )
    made = core.create_namespaced_pod(namespace, pod)
    assert core.read_namespaced_pod(made.metadata.name, namespace).status.phase == "Pending"
    assert [each.metadata.uid for each in core.list_namespaced_pod(namespace).items] == [made.metadata.uid]
    core.delete_namespaced_pod(made.metadata.name, namespace)
    assert core.list_namespaced_pod(namespace).items == []


def test_the_client_watches(core, namespace):
    body = {"metadata": {"name": "m"}}
    version = core.list_namespaced_config_map(namespace).metadata.resource_version
    core.create_namespaced_config_map(namespace, body)
    watch = kubernetes.watch.Watch()
    for event in watch.stream(
        core.list_namespaced_config_map, namespace, resource_version=version, timeout_seconds=5
    ):
        assert (event["type"], event["object"].metadata.name) == ("ADDED", "m")
        watch.stop()


def test_the_client_raises_an_expired_version_as_410(own_api):
    own_api.inside(own_api.store.forget_history)
    configuration = kubernetes.client.Configuration(host=own_api.url)
    configuration.ssl_ca_cert = str(own_api.certificate)
    configuration.api_key = {"authorization": f"Bearer {own_api.token}"}
    with kubernetes.client.ApiClient(configuration) as client:
        core = kubernetes.client.CoreV1Api(client)
        stream = kubernetes.watch.Watch().stream(core.list_namespace, resource_version="1", timeout_seconds=5)
        with pytest.raises(kubernetes.client.ApiException) as raised:
            list(stream)
    assert raised.value.status == 410


@pytest.mark.usefixtures("requests_served")
def test_the_client_writes_requests_and_workers_their_status(custom, namespace):
    where = ("netcadence.io", "v1alpha1", namespace, "networktestrequests")
    made = custom.create_namespaced_custom_object(*where, _request())
    assert made["spec"]["numberOfClients"] == 1
    status = {"status": {"phase": "Armed", "client": {"phase": "Armed"}}}
    custom.patch_namespaced_custom_object_status(*where, "a", status)
    found = custom.list_namespaced_custom_object(*where, label_selector="pod.netcadence.io/c")
    assert [item["status"]["phase"] for item in found["items"]] == ["Armed"]
    with pytest.raises(kubernetes.client.ApiException) as raised:
        custom.create_namespaced_custom_object(*where, _request("b", duration=0))
    assert raised.value.status == 422
    assert json.loads(raised.value.body)["details"]["causes"][0]["field"] == "spec.duration"


def test_the_client_reads_logs(core, api, namespace):
    body = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "example:1"}]}}
    core.create_namespaced_pod(namespace, body)
    status = {"phase": "Running", "containerStatuses": [{"name": "c", "state": {"running": {}}}]}
    path = f"/api/v1/namespaces/{namespace}/pods/p/status"
    api.ask(path, "PATCH", {"status": status}, Content_Type="application/merge-patch+json")
    assert core.read_namespaced_pod_log("p", namespace, tail_lines=1) == "line 4 of c\n"


def test_the_dynamic_client_discovers_resources_and_applies(client, namespace):
    dynamic = kubernetes.dynamic.DynamicClient(client)
    maps = dynamic.resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": "b"}}
    applied = dynamic.server_side_apply(maps, body, name="m", namespace=namespace, field_manager="test")
    assert applied.data.a == "b"
    assert maps.get(name="m", namespace=namespace).data.a == "b"


def test_kubectl_applies_twice_and_the_second_changes_nothing(kubectl, namespace):
    assert "created" in kubectl("apply", "-n", namespace, "-f", "-", stdin=DEPLOYMENT)
    assert "unchanged" in kubectl("apply", "-n", namespace, "-f", "-", stdin=DEPLOYMENT)
    changed = DEPLOYMENT.replace("example:1", "example:2")
    assert "configured" in kubectl("apply", "-n", namespace, "-f", "-", stdin=changed)
    image = "jsonpath={.spec.template.spec.containers[0].image}"
    assert kubectl("get", "-n", namespace, "deployment", "web", "-o", image) == "example:2"
    assert "serverside-applied" in kubectl(
        "apply", "-n", namespace, "--server-side", "--force-conflicts", "-f", "-", stdin=DEPLOYMENT
    )


def test_kubectl_shows_tables(kubectl, api, namespace, eventually):
    kubectl("apply", "-n", namespace, "-f", "-", stdin=DEPLOYMENT)
    eventually(lambda: len(api.ask(f"/api/v1/namespaces/{namespace}/pods").body["items"]) == 2)
    header, *rows = kubectl("get", "-n", namespace, "pods", "-o", "wide").splitlines()
    assert header.split() == [
        "NAME",
        "READY",
        "STATUS",
        "RESTARTS",
        "AGE",
        "IP",
        "NODE",
        "NOMINATED",
        "NODE",
        "READINESS",
        "GATES",
    ]
    assert [row.split()[1:4] for row in rows] == [["0/1", "Pending", "0"]] * 2
    header, row = kubectl("get", "-n", namespace, "deployments").splitlines()
    assert header.split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert row.split()[:4] == ["web", "0/2", "2", "0"]


@pytest.mark.usefixtures("requests_served")
def test_kubectl_shows_printer_columns_and_short_names(kubectl, namespace):
    kubectl("apply", "-n", namespace, "-f", "-", stdin=json.dumps(_request()))
    kubectl(
        "patch",
        "-n",
        namespace,
        "ntr",
        "a",
        "--subresource=status",
        "--type=merge",
        "-p",
        '{"status":{"phase":"Armed"}}',
    )
    header, row = kubectl("get", "-n", namespace, "ntr").splitlines()
    assert header.split() == ["NAME", "CLIENT", "SERVER", "PROTOCOL", "PHASE", "AGE"]
    assert row.split()[:5] == ["a", "c", "s", "TCP", "Armed"]
    assert "REASON" in kubectl("get", "-n", namespace, "ntr", "-o", "wide").splitlines()[0]
    assert "Seconds of traffic." in kubectl("explain", "ntr.spec.duration")


@pytest.mark.usefixtures("requests_served")
def test_kubectl_refuses_a_misspelt_field_of_a_request(kubectl, namespace):
    said = kubectl(
        "create", "-n", namespace, "-f", "-", stdin=json.dumps(_request(durration=3)), succeeds=False
    )
    assert 'unknown field "spec.durration"' in said


def test_kubectl_describes_with_events(kubectl, api, namespace):
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "example:1"}]}}
    uid = api.ask(f"/api/v1/namespaces/{namespace}/pods", "POST", pod).body["metadata"]["uid"]
    involved = {"kind": "Pod", "namespace": namespace, "name": "p", "uid": uid}
    event = {
        "metadata": {"name": "p.1"},
        "involvedObject": involved,
        "reason": "Pulled",
        "message": "Image is there",
    }
    api.ask(f"/api/v1/namespaces/{namespace}/events", "POST", {**event, "type": "Normal", "count": 1})
    described = kubectl("describe", "-n", namespace, "pod", "p")
    assert "example:1" in described
    assert "Image is there" in described
    assert "pod/p" in kubectl("get", "-n", namespace, "events")


def test_kubectl_waits_until_a_condition_holds(kubectl, api, namespace):
    path = f"/api/v1/namespaces/{namespace}/pods"
    api.ask(path, "POST", {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "x"}]}})
    ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
    kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/p", "--timeout=0s", succeeds=False)
    api.ask(f"{path}/p/status", "PATCH", ready, Content_Type="application/merge-patch+json")
    assert "condition met" in kubectl(
        "wait", "-n", namespace, "--for=condition=Ready", "pod/p", "--timeout=5s"
    )


def test_kubectl_follows_a_log(kubectl, api, namespace):
    path = f"/api/v1/namespaces/{namespace}/pods"
    api.ask(path, "POST", {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "x"}]}})
    status = {"phase": "Running", "containerStatuses": [{"name": "c", "state": {"running": {}}}]}
    api.ask(f"{path}/p/status", "PATCH", {"status": status}, Content_Type="application/merge-patch+json")
    assert kubectl("logs", "-n", namespace, "p", "--tail=1", "-f") == "line 4 of c\nfollowed\n"


def test_kubectl_deletes_and_waits_for_the_end(kubectl, api, namespace):
    kubectl("apply", "-n", namespace, "-f", "-", stdin=DEPLOYMENT)
    kubectl("delete", "-n", namespace, "deployment", "web", "--cascade=foreground")
    assert api.ask(f"/api/v1/namespaces/{namespace}/pods").body["items"] == []


def test_kubectl_creates_what_it_sends_as_protobuf(kubectl, api):
    kubectl("create", "namespace", "made-by-kubectl")
    kubectl("create", "-n", "made-by-kubectl", "configmap", "m", "--from-literal=a=b")
    path = "/api/v1/namespaces/made-by-kubectl/configmaps/m"
    assert api.ask(path).body["data"] == {"a": "b"}
    assert "yes" in kubectl("auth", "can-i", "create", "pods")
    kubectl("delete", "namespace", "made-by-kubectl")
    assert api.ask(path).code == 404


def test_a_go_client_of_long_ago_creates_a_namespace(api):
    # The body of client-go 0.18, recorded: it also sends the name of a cluster, which is empty.
    recorded = (
        "6b3873000a0f0a02763112094e616d65737061636512210a190a076e65747065726612001a00"
        "22002a003200380042007a0012001a020a001a002200"
    )
    answer = api.ask(
        "/api/v1/namespaces",
        "POST",
        bytes.fromhex(recorded),
        Content_Type="application/vnd.kubernetes.protobuf",
    )
    assert (answer.code, answer.body["metadata"]["name"]) == (201, "netperf")
    api.ask("/api/v1/namespaces/netperf", "DELETE")


def test_kubectl_makes_a_token_that_is_its_service_accounts(kubectl, api, namespace):
    kubectl("create", "-n", namespace, "serviceaccount", "watcher")
    token = kubectl("create", "token", "watcher", "-n", namespace, "--duration=20m").strip()
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    user = api.ask(path, "POST", review, token=token).body["status"]["userInfo"]
    assert user["username"] == f"system:serviceaccount:{namespace}:watcher"


def test_kubectl_refuses_a_token_that_lives_too_short(kubectl, namespace):
    kubectl("create", "-n", namespace, "serviceaccount", "hasty")
    said = kubectl("create", "token", "hasty", "-n", namespace, "--duration=1m", succeeds=False)
    assert "may not specify a duration less than 10 minutes" in said


def test_kubectl_lists_what_one_may_do(kubectl, namespace):
    header, *rules = kubectl("auth", "can-i", "--list", "-n", namespace).splitlines()
    assert header.split()[0] == "Resources"
    assert any(rule.startswith("*.*") for rule in rules)
    assert "yes" in kubectl("auth", "can-i", "get", "/healthz")


@pytest.mark.usefixtures("requests_served")
def test_kubectl_lists_what_is_served(kubectl):
    listed = kubectl("api-resources", "-o", "name").split()
    assert {
        "pods",
        "deployments.apps",
        "networktestrequests.netcadence.io",
        "leases.coordination.k8s.io",
    } <= {*listed}
