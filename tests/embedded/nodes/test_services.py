"""Services on real nodes: each path carries real traffic, to the pods that are ready and to no others."""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import subprocess
import sys

import pytest
from kubernetes import client

from netcadence.embedded.network.addresses import BLOCK
from netcadence.embedded.node import FEATURES_ANNOTATION

#: Answers each connection, and each datagram, with the pod's name and the address that it sees.
SERVER = """
import os, selectors, socket
name = os.environ["HOSTNAME"]
chosen = selectors.DefaultSelector()
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    one = socket.socket(socket.AF_INET6, kind)
    one.bind(("::", 8080))
    if kind == socket.SOCK_STREAM:
        one.listen(64)
    chosen.register(one, selectors.EVENT_READ)
while True:
    for key, _ in chosen.select():
        if key.fileobj.type == socket.SOCK_STREAM:
            connection, peer = key.fileobj.accept()
            connection.sendall(f"{name} {peer[0]}".encode())
            connection.close()
        else:
            _, peer = key.fileobj.recvfrom(100)
            key.fileobj.sendto(f"{name} {peer[0]}".encode(), peer)
"""
#: Sends datagrams from one socket for ever, and prints each answer, or error, that is another than before.
KEEP_ASKING = """
import socket, sys, time
last = None
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
    connection.settimeout(0.5)
    connection.connect((sys.argv[1], 80))
    while True:
        try:
            connection.send(b"?")
            answer = connection.recv(100).decode().split()[0]
        except OSError as error:
            answer = type(error).__name__
        if answer != last:
            print(answer, flush=True)
        last = answer
        time.sleep(0.02)
"""
#: Asks so many times and prints one answer, or one error, a line.
ASK = """
import socket, sys
host, port, kind, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
for _ in range(count):
    try:
        if kind == "tcp":
            with socket.create_connection((host, port), timeout=5) as connection:
                print(connection.recv(100).decode())
        else:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as connection:
                connection.settimeout(5)
                connection.connect((host, port))
                connection.send(b"?")
                print(connection.recv(100).decode())
    except OSError as error:
        print(type(error).__name__)
"""
READY_WHEN_LISTENING = {"tcpSocket": {"port": 8080}, "periodSeconds": 1, "timeoutSeconds": 10}

pytestmark = pytest.mark.parametrize("cluster", ["namespaces"], indirect=True)
_numbers = itertools.count()


def namespace_at(ip):
    """Return the name of the network namespace of the pod or node that has an address."""
    slot, offset = divmod(int(ipaddress.ip_address(ip)) - int(BLOCK[0]), 4096)
    return f"nc-{slot}-pod-{offset}" if offset >= 256 else f"nc-{slot}-node-{offset - 10}"


def ask(namespace, host, port=80, kind="tcp", count=1):
    """Ask from a namespace, or from the machine; return the answers."""
    enter = ["nsenter", f"--net=/run/netns/{namespace}"] if namespace else []
    argv = [*enter, sys.executable, "-S", "-c", ASK, host, str(port), kind, str(count)]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout.splitlines()


def names(answers):
    return {answer.partition(" ")[0] for answer in answers}


@pytest.fixture
def start_server(start_pod):
    def start(labels, node, **fields):
        container = {"readinessProbe": READY_WHEN_LISTENING} | fields
        return start_pod(code=SERVER, container=container, nodeName=node, labels=labels)

    return start


@pytest.fixture
def servers(start_server, until):
    """One server on each node, ready, and the label that selects both."""
    labels = {"app": f"app-{next(_numbers)}"}
    pods = [start_server(labels, f"node-{index}") for index in range(2)]
    until(lambda: all(pod.ready for pod in pods))
    return pods, labels


@pytest.fixture
def make_service(core):
    with contextlib.ExitStack() as stack:

        def make(**spec):
            name = f"service-{next(_numbers)}"
            spec.setdefault("ports", [{"port": 80, "targetPort": 8080}])
            made = core.create_namespaced_service("default", {"metadata": {"name": name}, "spec": spec})
            stack.callback(_delete, core, name)
            return made

        yield make


def _delete(core, name):
    with contextlib.suppress(client.ApiException):
        core.delete_namespaced_service(name, "default")


@pytest.fixture
def node_ips(core):
    return [
        [each.address for each in node.status.addresses if each.type == "InternalIP"]
        for node in core.list_node().items
    ]


def test_nodes_say_that_services_are_served(core):
    for node in core.list_node().items:
        assert "services" in node.metadata.annotations[FEATURES_ANNOTATION].split(",")


def test_a_cluster_address_leads_to_every_ready_pod_in_both_families(servers, make_service, until):
    pods, labels = servers
    spec = make_service(selector=labels, ipFamilyPolicy="PreferDualStack").spec
    here = namespace_at(pods[0].ip)
    for address in spec.cluster_ips:
        until(lambda address=address: "ConnectionRefusedError" not in ask(here, address))
        # With two pods chosen at random, all of 24 go to one in fewer than one of a million cases.
        assert names(ask(here, address, count=24)) == {pod.name for pod in pods}


def test_datagrams_are_served_and_a_pod_reaches_itself(servers, make_service, until):
    (pod, _), labels = servers
    pod.label("alone", "yes")
    ports = [
        {"name": kind.lower(), "port": 80, "targetPort": 8080, "protocol": kind} for kind in ("TCP", "UDP")
    ]
    address = make_service(selector={**labels, "alone": "yes"}, ports=ports).spec.cluster_ip
    here = namespace_at(pod.ip)
    until(lambda: "ConnectionRefusedError" not in ask(here, address))
    assert names(ask(here, address, count=3)) == {pod.name}
    assert names(ask(here, address, kind="udp", count=3)) == {pod.name}


def test_datagrams_of_one_socket_follow_the_pods_as_they_come_and_go(servers, start_server, make_service):
    pods, _ = servers
    labels = {"app": f"app-{next(_numbers)}"}
    ports = [{"port": 80, "targetPort": 8080, "protocol": "UDP"}]
    address = make_service(selector=labels, ports=ports).spec.cluster_ip
    argv = [
        "nsenter",
        f"--net=/run/netns/{namespace_at(pods[0].ip)}",
        sys.executable,
        "-S",
        "-c",
        KEEP_ASKING,
    ]
    with subprocess.Popen([*argv, address], stdout=subprocess.PIPE, text=True) as asking:
        try:
            told = iter(asking.stdout.readline, "")
            assert any(line == "ConnectionRefusedError\n" for line in told)
            first = start_server(labels, "node-0")
            assert any(line == f"{first.name}\n" for line in told)
            first.delete()
            second = start_server(labels, "node-1")
            assert any(line == f"{second.name}\n" for line in told)
        finally:
            asking.kill()


def test_without_ready_pods_and_at_other_ports_connections_are_refused_at_once(servers, make_service, until):
    pods, labels = servers
    here = namespace_at(pods[0].ip)
    empty = make_service(selector={"app": "nobody"}).spec.cluster_ip
    assert until(lambda: ask(here, empty) == ["ConnectionRefusedError"])
    assert ask(here, empty, kind="udp") == ["ConnectionRefusedError"]
    served = make_service(selector=labels).spec.cluster_ip
    until(lambda: names(ask(here, served)) <= {pod.name for pod in pods})
    assert ask(here, served, port=81) == ["ConnectionRefusedError"]


def test_traffic_follows_pods_that_come_become_unready_and_go(servers, start_server, make_service, until):
    (first, second), labels = servers
    address = make_service(selector=labels).spec.cluster_ip
    here = namespace_at(first.ip)
    until(lambda: len(names(ask(here, address, count=12))) == 2)
    third = start_server(labels, "node-1")
    until(lambda: third.name in names(ask(here, address, count=12)))
    second.delete()
    third.delete()
    until(lambda: names(ask(here, address, count=12)) == {first.name})


def test_a_new_pod_has_the_rules_before_its_process_runs(servers, start_pod, make_service, until):
    pods, labels = servers
    address = make_service(selector=labels).spec.cluster_ip
    until(lambda: names(ask(namespace_at(pods[0].ip), address)) <= {pod.name for pod in pods})
    code = f"import sys\nsys.argv[1:] = ['{address}', '80', 'tcp', '1']\n{ASK}"
    asking = start_pod(code=code, restartPolicy="Never")
    until(lambda: asking.read().status.phase == "Succeeded")
    assert names(asking.log.splitlines()) <= {pod.name for pod in pods}


def test_a_node_port_answers_at_every_node_from_pods_nodes_and_the_machine(
    servers, make_service, node_ips, until
):
    pods, labels = servers
    expected = {pod.name for pod in pods}
    spec = make_service(selector=labels, type="NodePort", ipFamilyPolicy="PreferDualStack").spec
    port = spec.ports[0].node_port
    places = [namespace_at(pods[0].ip), namespace_at(node_ips[0][0]), None]
    until(lambda: names(ask(places[0], node_ips[1][0], port)) <= expected)
    for address in itertools.chain(*node_ips):
        for place in places:
            assert names(ask(place, address, port, count=2)) <= expected


def test_a_load_balancer_gets_addresses_at_which_a_node_answers_everybody(
    core, servers, make_service, node_ips, until
):
    pods, labels = servers
    expected = {pod.name for pod in pods}
    name = make_service(selector=labels, type="LoadBalancer", ipFamilyPolicy="PreferDualStack").metadata.name

    def ingress():
        return core.read_namespaced_service(name, "default").status.load_balancer.ingress or []

    addresses = [each.ip for each in until(ingress)]
    assert [":" in address for address in addresses] == [False, True]
    places = [*(namespace_at(pod.ip) for pod in pods), namespace_at(node_ips[0][0]), None]
    until(lambda: all(names(ask(None, address)) <= expected for address in addresses))
    for address in addresses:
        for place in places:
            assert names(ask(place, address, count=2)) <= expected
    _delete(core, name)
    until(lambda: not any(announced(index, addresses) for index in range(2)))


def test_another_node_answers_for_a_load_balancer_when_its_node_is_lost(
    cluster, core, start_server, make_service, until
):
    labels = {"app": f"app-{next(_numbers)}"}
    pods = [start_server(labels, node) for node in ("node-0", "node-1")]
    name = make_service(selector=labels, type="LoadBalancer").metadata.name
    (only,) = until(lambda: core.read_namespaced_service(name, "default").status.load_balancer.ingress)
    until(lambda: names(ask(None, only.ip, count=8)) == {pod.name for pod in pods})
    first = next(index for index in range(2) if announced(index, [only.ip]))
    cluster.lose_node(f"node-{first}")
    try:
        until(lambda: announced(1 - first, [only.ip]))
        assert not announced(first, [only.ip])
        until(lambda: names(ask(None, only.ip, count=4)) == {pods[1 - first].name})
    finally:
        cluster.return_node(f"node-{first}")


def announced(node, addresses):
    """Return whether a node has one of these addresses, the first of which is IPv4."""
    slot = namespace_at(addresses[0]).split("-")[1]
    argv = ["ip", "-netns", f"nc-{slot}-node-{node}", "address", "show", "pods"]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return any(f" {address}/" in shown for address in addresses)


def test_endpoints_that_somebody_else_writes_are_served(core, servers, make_service, until):
    pods, _ = servers
    service = make_service()
    body = {
        "metadata": {
            "generateName": "mine-",
            "labels": {"kubernetes.io/service-name": service.metadata.name},
        },
        "addressType": "IPv4",
        "ports": [{"port": 8080}],
        "endpoints": [{"addresses": [pods[1].ip]}],
    }
    client.DiscoveryV1Api(core.api_client).create_namespaced_endpoint_slice("default", body)
    here = namespace_at(pods[0].ip)
    assert until(lambda: names(ask(here, service.spec.cluster_ip)) == {pods[1].name})


def test_a_client_with_affinity_stays_with_one_pod(servers, make_service, until):
    pods, labels = servers
    address = make_service(selector=labels, sessionAffinity="ClientIP").spec.cluster_ip
    here = namespace_at(pods[0].ip)
    until(lambda: names(ask(here, address)) <= {pod.name for pod in pods})
    until(lambda: len(pods) == 2 and len(names(ask(here, address, count=12))) == 1)


def test_local_traffic_stays_on_the_clients_node(servers, make_service, until):
    pods, labels = servers
    address = make_service(selector=labels, internalTrafficPolicy="Local").spec.cluster_ip
    for pod in pods:
        until(lambda pod=pod: names(ask(namespace_at(pod.ip), address, count=8)) == {pod.name})


def test_without_services_pods_have_no_rules_that_would_slow_them_down(core, servers, make_service, until):
    pods, labels = servers
    here = namespace_at(pods[0].ip)

    def rules():
        listed = ["nsenter", f"--net=/run/netns/{here}", "nft", "list", "ruleset"]
        return subprocess.run(listed, capture_output=True, text=True, check=True).stdout

    service = make_service(selector=labels)
    until(lambda: service.spec.cluster_ip in rules())
    for each in core.list_namespaced_service("default").items:
        _delete(core, each.metadata.name)
    until(lambda: not rules())
