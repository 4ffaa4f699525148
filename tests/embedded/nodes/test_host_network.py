"""Pods on their node's own network."""

from __future__ import annotations

import pytest

SERVER = """
import os, socket
one = socket.create_server(("::", int(os.environ["PORT"])), family=socket.AF_INET6, dualstack_ipv6=True)
while True:
    connection, peer = one.accept()
    connection.sendall(f"{os.environ['HOSTNAME']} {peer[0]}".encode())
    connection.close()
"""
ASK = """
import os, socket, time
server = os.environ["SERVER"], int(os.environ["PORT"])
deadline = time.monotonic() + 10
while True:
    try:
        with socket.create_connection(server, timeout=5) as connection:
            print(connection.recv(100).decode())
        break
    except ConnectionRefusedError:  # a Service that is not served yet
        if time.monotonic() > deadline:
            raise
        time.sleep(0.05)
"""


def container(number, **fields):
    return {"env": [{"name": "PORT", "value": str(number)}], **fields}


def serving(number):
    return container(
        number,
        ports=[{"containerPort": number}],
        readinessProbe={"tcpSocket": {"port": number}, "periodSeconds": 1, "timeoutSeconds": 10},
    )


@pytest.fixture
def hear(start_pod, until):
    """Return what a pod is told by a server."""

    def hear(address, number, **spec):
        asking = container(number)
        asking["env"].append({"name": "SERVER", "value": address})
        pod = start_pod(code=ASK, container=asking, restartPolicy="Never", **spec)
        until(lambda: pod.read().status.phase in ("Succeeded", "Failed"))
        return pod.log.strip().removeprefix("::ffff:")

    return hear


@pytest.mark.parametrize("cluster", ["namespaces"], indirect=True)
def test_a_pod_on_its_nodes_network_has_its_addresses_and_is_reached_there(core, start_pod, until, hear):
    pod = start_pod(code=SERVER, container=serving(7001), nodeName="node-0", hostNetwork=True)
    until(lambda: pod.ready)
    status = pod.read().status
    node = core.read_node("node-0").status
    expected = [each.address for each in node.addresses if each.type == "InternalIP"]
    assert [each.ip for each in status.pod_ips] == expected == [each.ip for each in status.host_ips]
    assert hear(status.pod_ip, 7001, nodeName="node-1").split()[0] == pod.name
    # Whoever asks from there is the node, to those asked.
    there = core.read_node("node-1").status.addresses[0].address
    heard = hear(status.pod_ip, 7001, nodeName="node-1", hostNetwork=True)
    assert heard == f"{pod.name} ::ffff:{there}"


@pytest.mark.parametrize("cluster", ["namespaces"], indirect=True)
def test_services_lead_to_pods_on_the_nodes_network_and_are_reached_from_there(core, start_pod, until, hear):
    labels = {"app": "on-host"}
    pod = start_pod(code=SERVER, container=serving(7003), nodeName="node-0", hostNetwork=True, labels=labels)
    until(lambda: pod.ready)
    spec = {"selector": labels, "ports": [{"port": 7003}]}
    made = core.create_namespaced_service("default", {"metadata": {"name": "on-host"}, "spec": spec})
    try:
        for node in ("node-0", "node-1"):
            for on_host in (True, False):
                heard = hear(made.spec.cluster_ip, 7003, nodeName=node, hostNetwork=on_host)
                assert heard.split()[0] == pod.name
    finally:
        core.delete_namespaced_service("on-host", "default")


def test_the_scheduler_gives_a_port_of_a_node_to_one_pod(cluster, start_pod, until):
    count = cluster.settings.nodes
    pods = [start_pod(code=SERVER, container=serving(7002), hostNetwork=True) for _ in range(count + 1)]

    def unscheduled():
        return [pod for pod in pods if not pod.read().spec.node_name]

    def told():
        (waiting,) = found if len(found := unscheduled()) == 1 else (None,)
        conditions = (waiting and waiting.read().status.conditions) or ()
        return next(((waiting, each) for each in conditions if each.type == "PodScheduled"), None)

    waiting, condition = until(told)
    assert "didn't have free ports" in condition.message
    next(pod for pod in pods if pod is not waiting).delete()
    until(lambda: waiting.read().spec.node_name)
