"""The network of namespaces: what crosses an uplink, what is limited, what is left afterwards."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netcadence.embedded.network import choose_kind, neighbours
from netcadence.embedded.network.addresses import Slot, claim_free_slot
from netcadence.embedded.network.forwards import Backend, Forward
from netcadence.embedded.network.namespaces import NamespaceNetwork, namespaces_of, remove_leftovers

pytestmark = pytest.mark.skipif(
    choose_kind("auto") != "namespaces", reason="network namespaces need root here"
)

NODES = ("node-0", "node-1")
SEND = "head -c {size} /dev/zero | timeout 20 bash -c 'cat > /dev/tcp/{ip}/{port}'"


@pytest.fixture
def claim():
    claim = claim_free_slot()
    yield claim
    remove_leftovers(claim.slot)
    claim.release()


@pytest.fixture
def runner():
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def network(claim, runner):
    network = NamespaceNetwork(claim.slot, NODES)
    runner.run(network.open())
    yield network
    runner.run(network.close())


def test_a_slot_is_held_against_other_network_namespaces_too_for_they_share_its_names(claim):
    code = (
        "from netcadence.embedded.network.addresses import claim_slot\n"
        f"print([number for number in {(claim.slot.number, 31)} if claim_slot(number)])"
    )
    command = ["unshare", "--net", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[31]\n"


def available_congestion_controls():
    return Path("/proc/sys/net/ipv4/tcp_available_congestion_control").read_text().split()


def inside(attachment, *argv):
    command = attachment.place.command(argv)
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)


def send(source, target, size):
    """Send so many bytes from pod to pod over TCP; return the seconds that it took."""
    listen = (
        "import socket\n"
        f"server = socket.create_server(('{target.ips[0]}', 5999))\n"
        "print('listening', flush=True)\n"
        "connection, _ = server.accept()\n"
        "total = 0\n"
        "while piece := connection.recv(1 << 20): total += len(piece)\n"
        "print(total, flush=True)\n"
    )
    with subprocess.Popen(
        target.place.command(["python3", "-c", listen]), stdout=subprocess.PIPE, text=True
    ) as receiver:
        assert receiver.stdout.readline() == "listening\n"
        began = time.monotonic()
        inside(source, "bash", "-c", SEND.format(size=size, ip=target.ips[0], port=5999))
        assert receiver.stdout.readline() == f"{size}\n"
        return time.monotonic() - began


def uplink_bytes(slot, node):
    """Return how much a node has sent over its uplink."""
    listed = subprocess.run(
        ["ip", "-n", f"nc-{slot.number}-{node}", "-j", "-s", "link", "show", "uplink"],
        capture_output=True,
        check=True,
    )
    return json.loads(listed.stdout)[0]["stats64"]["tx"]["bytes"]


def test_traffic_between_nodes_crosses_the_uplink_and_on_a_node_it_does_not(claim, runner, network):
    here, neighbour, far = (runner.run(network.attach(node)) for node in ("node-0", "node-0", "node-1"))
    before = uplink_bytes(claim.slot, "node-0")
    send(here, neighbour, 1_000_000)
    assert uplink_bytes(claim.slot, "node-0") - before < 10_000
    send(here, far, 1_000_000)
    assert uplink_bytes(claim.slot, "node-0") - before > 1_000_000


def test_an_uplink_rate_holds_between_nodes_only_and_can_be_lifted(runner, network):
    here, neighbour, far = (runner.run(network.attach(node)) for node in ("node-0", "node-0", "node-1"))
    size, rate = 1_000_000, 8_000_000
    limited_s = size * 8 / rate
    runner.run(network.set_uplink_rate("node-0", rate))
    assert send(here, far, size) > 0.8 * limited_s
    assert send(far, here, size) > 0.8 * limited_s
    assert send(here, neighbour, size) < 0.5 * limited_s
    runner.run(network.set_uplink_rate("node-0", None))
    assert send(here, far, size) < 0.5 * limited_s


@pytest.mark.skipif("cubic" not in available_congestion_controls(), reason="this kernel has no cubic")
def test_pods_speak_cubic_whatever_the_machines_default(runner, network):
    here, far = (runner.run(network.attach(node)) for node in NODES)
    control = (
        "import socket, sys\n"
        "connection = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)\n"
        "connection.connect_ex((sys.argv[1], 9))\n"
        "said = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16)\n"
        "print(said.split(b'\\0')[0].decode())\n"
    )
    for address in far.ips:
        assert inside(here, "python3", "-c", control, address).stdout == "cubic\n"


def test_a_pod_reaches_the_api_address_over_ipv4_and_ipv6(runner, network):
    pod = runner.run(network.attach("node-0"))
    for address in network.api_addresses:
        # Refused, because nobody listens there; an address out of reach would be another error.
        done = inside(pod, "bash", "-c", f"> /dev/tcp/{address}/6443")
        assert "Connection refused" in done.stderr


def test_nothing_leaves_the_machine(claim, runner, network):
    pod = runner.run(network.attach("node-0"))
    assert "Network is unreachable" in inside(pod, "bash", "-c", "> /dev/tcp/192.0.2.9/80").stderr
    foreign = Slot((claim.slot.number + 1) % 32)
    if not namespaces_of(foreign):
        with pytest.raises(OSError, match="No route to host"):
            runner.run(asyncio.open_connection(foreign.ipv4(300), 80))


def test_a_machine_without_ipv6_serves_services_over_ipv4_alone(claim, runner, monkeypatch):
    monkeypatch.setattr("netcadence.embedded.network.namespaces._ipv6_is_on", lambda: False)
    network = NamespaceNetwork(claim.slot, NODES)
    try:
        runner.run(network.open())
        assert "services" in network.features
        assert [each.version for each in network.service_ranges] == [4]
        pod = runner.run(network.attach("node-0"))
        backend = runner.run(network.attach("node-1"))
        assert [len(each.ips) for each in (pod, backend)] == [1, 1]
        served = Forward(
            version=4,
            protocol="tcp",
            address=str(network.service_ranges[0][9]),
            port=80,
            backends=(Backend(backend.ips[0], 5999),),
        )
        runner.run(network.set_services([served], {}))
        # Refused by the backend, where nobody listens; without rules nobody would say anything.
        assert "Connection refused" in inside(pod, "bash", "-c", f"> /dev/tcp/{served.address}/80").stderr
    finally:
        runner.run(network.close())


def test_closing_leaves_no_namespace_interface_or_address(claim, runner):
    network = NamespaceNetwork(claim.slot, NODES)
    runner.run(network.open())
    runner.run(network.attach("node-1"))
    assert len(namespaces_of(claim.slot)) == 4
    runner.run(network.close())
    assert namespaces_of(claim.slot) == []
    assert not Path(f"/sys/class/net/nc-{claim.slot.number}-api").exists()
    routes = subprocess.run(["ip", "route"], capture_output=True, text=True, check=True).stdout
    assert f"{claim.slot.ipv4(0)}/20" not in routes


def test_opening_removes_what_a_crashed_cluster_left(claim, runner):
    runner.run(NamespaceNetwork(claim.slot, ("node-0", "node-1", "node-2")).open())
    network = NamespaceNetwork(claim.slot, ("node-0",))
    runner.run(network.open())
    names = [path.name.removeprefix(f"nc-{claim.slot.number}-") for path in namespaces_of(claim.slot)]
    assert names == ["fabric", "node-0"]
    runner.run(network.close())


def test_a_detached_pod_is_gone_and_its_address_is_not_given_out_at_once(runner, network):
    first = runner.run(network.attach("node-0"))
    runner.run(network.detach(first))
    assert not first.namespace.exists()
    second = runner.run(network.attach("node-0"))
    assert second.ips != first.ips


def test_a_node_keeps_its_hardware_address_as_pods_come_and_go(claim, runner, network):
    def address():
        argv = ["ip", "-n", f"nc-{claim.slot.number}-node-0", "-j", "link", "show", "pods"]
        return json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)[0]["address"]

    before = address()
    pods = [runner.run(network.attach("node-0")) for _ in range(8)]
    assert address() == before
    for pod in pods:
        runner.run(network.detach(pod))
    assert address() == before


def test_a_few_hundred_pods_can_all_be_reached_at_once(runner, network):
    async def refused(pod):
        """Connect to a port where nobody listens; a neighbour that cannot be found would be another error."""
        connection = network.socket_at("node-1", socket.AF_INET)
        with connection, pytest.raises(ConnectionRefusedError):
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(connection, (pod.ips[0], 9)), 20)

    async def story():
        pods = await asyncio.gather(*(network.attach(NODES[number % 2]) for number in range(300)))
        for _ in range(2):
            await asyncio.gather(*(refused(pod) for pod in pods))

    runner.run(story())


@pytest.mark.alone
def test_the_machines_neighbour_limits_are_raised_for_clusters_and_put_back_by_the_last(claim, runner):
    if others_are_up():
        pytest.skip("another cluster is up on this machine and keeps the limits raised")
    before = neighbours.limits()
    second = claim_free_slot()
    networks = [NamespaceNetwork(each.slot, NODES) for each in (claim, second)]
    try:
        for network in networks:
            runner.run(network.open())
        assert all(most >= 65_536 for _, _, most in neighbours.limits().values())
        runner.run(networks[0].close())
        assert all(most >= 65_536 for _, _, most in neighbours.limits().values())
    finally:
        for network in networks:
            runner.run(network.close())
        second.release()
    if not others_are_up():
        assert neighbours.limits() == before


def others_are_up():
    return any(Path("/sys/class/net").glob("nc-*-api"))


def test_neighbour_limits_survive_being_written_down():
    limits = {"ipv4": (128, 512, 1024), "ipv6": (1, 2, 3)}
    assert neighbours.from_text(neighbours.to_text(limits)) == limits
    assert neighbours.from_text("") == {}
