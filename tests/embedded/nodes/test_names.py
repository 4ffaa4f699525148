"""Names of Services, as pods resolve them with what their system offers."""

from __future__ import annotations

import contextlib
import itertools
import json
from pathlib import Path

import pytest

from netcadence.embedded.node import FEATURES_ANNOTATION

pytestmark = pytest.mark.parametrize("cluster", ["namespaces"], indirect=True)

#: Prints what each of the names resolves to, by family, as JSON.
LOOK_UP = """
import json, os, socket
found = {}
for name in os.environ["NAMES"].split():
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            answers = socket.getaddrinfo(name, 80, family, socket.SOCK_STREAM)
            found[f"{name} {family.name}"] = sorted({answer[4][0] for answer in answers})
        except OSError:
            found[f"{name} {family.name}"] = []
print(json.dumps(found))
"""
SHOW = "print(open('/etc/resolv.conf').read())"
SLEEP = "import time; time.sleep(600)"

_numbers = itertools.count()


@pytest.fixture
def finished(start_pod, until):
    """Return what a pod has printed once it has ended."""

    def finished(code, **spec):
        pod = start_pod(code=code, restartPolicy="Never", **spec)
        until(lambda: pod.read().status.phase in ("Succeeded", "Failed"))
        return pod.log

    return finished


@pytest.fixture
def look_up(finished):
    def look_up(*names, **spec):
        container = {"env": [{"name": "NAMES", "value": " ".join(names)}]}
        return json.loads(finished(LOOK_UP, container=container, **spec))

    return look_up


@pytest.fixture
def make_service(core):
    with contextlib.ExitStack() as stack:

        def make(**spec):
            name = f"named-{next(_numbers)}"
            body = {"metadata": {"name": name}, "spec": {"ports": [{"name": "http", "port": 80}], **spec}}
            made = core.create_namespaced_service("default", body)
            stack.callback(core.delete_namespaced_service, name, "default")
            return made

        yield make


def test_a_service_is_found_by_each_of_its_names_in_both_families(core, make_service, look_up):
    for node in core.list_node().items:
        assert "dns" in node.metadata.annotations[FEATURES_ANNOTATION].split(",")
    made = make_service(ipFamilyPolicy="PreferDualStack")
    one = make_service()
    name = made.metadata.name
    forms = [name, f"{name}.default", f"{name}.default.svc", f"{name}.default.svc.cluster.local"]
    found = look_up(*forms, one.metadata.name, "nobody", "example.org")
    for form in forms:
        assert found[f"{form} AF_INET"] == [made.spec.cluster_ips[0]]
        assert found[f"{form} AF_INET6"] == [made.spec.cluster_ips[1]]
    assert found[f"{one.metadata.name} AF_INET"] == [one.spec.cluster_ip]
    assert found[f"{one.metadata.name} AF_INET6"] == []
    assert found["nobody AF_INET"] == found["example.org AF_INET"] == []


def test_a_headless_service_is_the_addresses_of_its_ready_pods(make_service, start_pod, look_up, until):
    labels = {"app": f"headless-{next(_numbers)}"}
    unready = {"readinessProbe": {"tcpSocket": {"port": 9}, "periodSeconds": 1}}
    pods = [start_pod(code=SLEEP, labels=labels) for _ in range(2)]
    start_pod(code=SLEEP, labels=labels, container=unready)
    name = make_service(clusterIP="None", selector=labels, ipFamilyPolicy="PreferDualStack").metadata.name
    until(lambda: all(pod.ready for pod in pods))
    until(lambda: len(look_up(name)[f"{name} AF_INET"]) == 2)
    found = look_up(name)
    statuses = [pod.read().status for pod in pods]
    assert found[f"{name} AF_INET"] == sorted(each.pod_ips[0].ip for each in statuses)
    assert found[f"{name} AF_INET6"] == sorted(each.pod_ips[1].ip for each in statuses)
    pods[0].delete()
    until(lambda: look_up(name)[f"{name} AF_INET"] == [statuses[1].pod_ip])


def test_a_pod_asks_as_its_dns_policy_says(finished):
    searched = "search default.svc.cluster.local svc.cluster.local cluster.local"
    usual = finished(SHOW)
    assert searched in usual
    assert "options ndots:5" in usual
    assert usual.count("nameserver ") == 2
    machines = Path("/etc/resolv.conf").read_text()
    assert finished(SHOW, hostNetwork=True).strip() == machines.strip()
    assert finished(SHOW, dnsPolicy="Default").strip() == machines.strip()
    assert searched in finished(SHOW, hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet")
    config = {"nameservers": ["192.0.2.1"], "searches": ["a.test"], "options": [{"name": "edns0"}]}
    own = finished(SHOW, dnsPolicy="None", dnsConfig=config)
    assert own.split("\n")[:3] == ["search a.test", "nameserver 192.0.2.1", "options edns0"]
    added = finished(SHOW, dnsConfig={"options": [{"name": "ndots", "value": "2"}]})
    assert "options ndots:2" in added


def test_a_pod_starts_in_its_own_directory_and_sees_no_namespaces_of_others(finished):
    assert finished("import os; print(os.getcwd() == os.environ['HOME'])").strip() == "True"
    assert "nsfs" not in finished("print(open('/proc/self/mountinfo').read())")


def pods_namespaces():
    return {path.name for path in Path("/run/netns").glob("*-pod-*")}


def test_a_pod_that_is_gone_leaves_no_namespace_behind_in_those_of_others(start_pod, until):
    """A mount of it that was copied would keep it, and all its interfaces, alive."""
    first, second = (start_pod(code=SLEEP) for _ in range(2))
    until(lambda: first.ready and second.ready)
    before = pods_namespaces()
    first.delete()
    until(lambda: first.gone and before - pods_namespaces())
    gone = before - pods_namespaces()
    for path in Path("/proc").glob("[0-9]*/mountinfo"):
        with contextlib.suppress(OSError):
            text = path.read_text()
            assert not any(f"/run/netns/{name} " in text for name in gone)
