"""Our worker under ClusterLoader2's orchestrator, which this test plays: its objects and its names."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from netcadence.kube.errors import ApiRefusedError
from netcadence.kube.installation import install
from netcadence.kube.resource import DEPLOYMENT, POD, UPSTREAM_REQUEST
from netcadence_worker.metrics import POSITIONS

MANIFESTS = Path(__file__).resolve().parents[3] / "deployments" / "clusterloader"
NETPERF = "netperf"
LABELS = {"group": "network", "name": "worker"}
DEPLOYED = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "worker", "labels": LABELS},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": LABELS},
        "template": {
            "metadata": {"labels": LABELS},
            "spec": {
                "containers": [
                    {
                        "name": "worker",
                        "image": "ours",
                        "args": [
                            "--log_file=/var/log/netperf.log",
                            "--v=4",
                            "--udpClientExtraArguments=-b 8M",
                        ],
                        "env": [
                            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
                        ],
                    }
                ]
            },
        },
    },
}


def request(client, server, protocol, **spec):
    return {
        "apiVersion": "clusterloader.io/v1alpha1",
        "kind": "NetworkTestRequest",
        "metadata": {
            "name": "network-test-0",
            "labels": {client[0]: "clientPodName", server[0]: "serverPodName"},
        },
        "spec": {
            "clientPodName": client[0],
            "serverPodName": server[0],
            "serverPodIP": server[1],
            "protocol": protocol,
            "duration": 2,
            "clientStartTimestamp": int(time.time()) + 4,
            "numberOfClients": 1,
            **spec,
        },
        "status": {"metrics": []},
    }


@pytest.fixture(scope="module")
def pods(access, until):
    """The two pods of its Deployment, by name and address."""
    install(access, NETPERF, MANIFESTS, resources=(UPSTREAM_REQUEST,))
    access.create(DEPLOYMENT, DEPLOYED, NETPERF)

    def running():
        found, _ = access.list(POD, NETPERF, selector="name=worker")
        ready = [pod for pod in found if pod.get("status", {}).get("phase") == "Running"]
        return [(pod["metadata"]["name"], pod["status"]["podIP"]) for pod in ready] if len(ready) == 2 else []

    yield until(running)
    access.delete(DEPLOYMENT, "worker", NETPERF)
    until(lambda: not access.list(POD, NETPERF, selector="name=worker")[0])


@pytest.fixture
def measured(access, pods, until):
    """Return what makes a request and gives its object after the first update."""

    def measured(protocol, **spec):
        made = access.create(UPSTREAM_REQUEST, request(*pods, protocol, **spec), NETPERF)

        def updated():
            seen = access.get(UPSTREAM_REQUEST, "network-test-0", NETPERF)
            return seen["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"] and seen

        return until(updated)

    yield measured
    access.delete(UPSTREAM_REQUEST, "network-test-0", NETPERF)


@pytest.mark.parametrize("protocol", ["TCP", "UDP", "HTTP"])
def test_one_update_brings_all_figures_one_test_after_another_on_the_same_pods(access, measured, protocol):
    status = measured(protocol)["status"]
    assert "error" not in status, status["error"]
    assert set(status) == {"metrics", "workerDelay"}
    assert len(status["metrics"]) == len(POSITIONS[protocol])
    assert access.get(UPSTREAM_REQUEST, "network-test-0", NETPERF)["metadata"]["generation"] <= 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("serverPodIP", "nowhere"),
        ("serverPodIP", "127.0.0.1"),
        ("serverPodIP", "$(reboot)"),
        ("duration", 10**9),
        ("clientStartTimestamp", 10**18),
    ],
)
def test_a_request_that_is_not_acceptable_is_answered_with_a_sentence(measured, field, value):
    status = measured("TCP", **{field: value})["status"]
    assert status["metrics"] == []
    assert status["error"].startswith(f"RequestRejected: spec.{field}")


def test_our_worker_uses_each_right_that_the_account_has_there_and_no_other(access, measured, granted):
    assert measured("TCP", serverPodIP="nowhere")
    used = {
        (each["verb"], f"{each['resource']}.{each['group']}", bool(each["namespace"]), "")
        for each in access.raw("/embedded/v1/uses")["uses"]
        if each["user"] == f"system:serviceaccount:{NETPERF}:default"
    }
    assert used == granted("../clusterloader/worker.yaml")


def test_what_its_schema_does_not_know_is_pruned_and_what_it_requires_is_asked_for(access, pods):
    whole = request(*pods, "TCP", bogus=1)
    whole["metadata"] = {"name": "unserved"}
    assert "bogus" not in access.create(UPSTREAM_REQUEST, whole, NETPERF)["spec"]
    access.delete(UPSTREAM_REQUEST, "unserved", NETPERF)
    del whole["spec"]["duration"]
    with pytest.raises(ApiRefusedError, match=r"spec\.duration"):
        access.create(UPSTREAM_REQUEST, whole, NETPERF)
    with pytest.raises(ApiRefusedError, match="status"):
        access.create(UPSTREAM_REQUEST, request(*pods, "TCP") | {"status": None}, NETPERF)
