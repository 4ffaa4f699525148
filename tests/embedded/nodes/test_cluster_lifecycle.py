"""Up, down and everything that can happen between: nothing is ever left behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from netcadence.embedded import Cluster, EmbeddedClusterError, Settings
from netcadence.embedded.network import choose_kind
from netcadence.embedded.processes import ProcessIdentity

NEEDS_NAMESPACES = pytest.mark.skipif(choose_kind("auto") != "namespaces", reason="namespaces need root here")
NETWORKS = [pytest.param("namespaces", marks=NEEDS_NAMESPACES), "loopback"]
ORPHAN = (
    "import subprocess, time\n"
    "subprocess.Popen(['sh', '-c', 'sleep 600; : {mark}'], start_new_session=True)\n"
    "print('started')\n"
    "time.sleep(600)\n"
)
STARTER = (
    "import sys, time\n"
    "from netcadence.embedded import Cluster, Settings\n"
    "cluster = Cluster.up(Settings(name={name!r}, network='loopback'), detach={detach})\n"
    "print(cluster.pid, flush=True)\n"
    "time.sleep(600)\n"
)


@pytest.fixture
def up(images):
    """Return what brings clusters up; they are taken down after the test."""
    clusters = []

    def start(name, network="loopback", **options):
        clusters.append(Cluster.up(Settings(name=name, network=network, images=images), **options))
        return clusters[-1]

    yield start
    for cluster in clusters:
        cluster.down()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("network", NETWORKS)
def test_a_cluster_comes_up_with_all_nodes_ready_and_goes_without_a_trace(
    *, up, connect, root, network, networks_of, networks_left
):
    cluster = up("trace", network)
    made = networks_of(cluster)
    assert bool(made) == (network == "namespaces")
    assert cluster.network == network
    nodes = connect(cluster).list_node().items
    ready = [each.status for node in nodes for each in node.status.conditions if each.type == "Ready"]
    assert ready == ["True", "True"]
    daemon = ProcessIdentity.of(cluster.pid)
    cluster.down()
    assert not daemon.alive
    assert not (root / "trace").exists()
    assert not networks_left(made)


def test_only_its_owner_can_read_what_a_cluster_keeps(up, root):
    cluster = up("private")
    assert mode(root / "private") == 0o700
    assert mode(cluster.kubeconfig) == 0o600
    for path in (root / "private").iterdir():
        assert mode(path) & 0o077 == 0 or path.name == "daemon.log"


def test_the_api_listens_on_no_address_but_its_own(up):
    port = int(up("listens").api_url.rpartition(":")[2])
    socket.create_connection(("127.0.0.1", port)).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port))


@pytest.mark.parametrize("network", NETWORKS)
def test_clusters_stand_beside_each_other(up, connect, start_pod_on, until, network):
    cores = [connect(up(name, network)) for name in ("one", "two")]
    pods = [start_pod_on(core, image="sleeper") for core in cores]
    until(lambda: all(pod.ready for pod in pods))
    assert pods[0].ip != pods[1].ip
    assert [cluster.name for cluster in Cluster.all() if cluster.name in ("one", "two")] == ["one", "two"]


def test_a_name_that_is_taken_is_refused(up):
    first = up("taken")
    with pytest.raises(EmbeddedClusterError, match=rf'"taken" is up already \(process {first.pid}\)'):
        up("taken")
    assert Cluster.find("taken").pid == first.pid


def test_a_cluster_is_found_by_its_name_only_while_it_is_up(up):
    assert Cluster.find("found") is None
    cluster = up("found", detach=True)
    assert Cluster.find("found").api_url == cluster.api_url
    cluster.down()
    assert Cluster.find("found") is None


def test_down_may_be_said_again(up):
    cluster = up("again")
    cluster.down()
    cluster.down()
    assert Cluster.down_leftovers("again") is False


@pytest.fixture
def orphaning_pod(connect, start_pod_on, until, tmp_path, processes_with):
    """Return what starts a pod with a process that has left its session, and returns that process's mark."""

    def start(cluster):
        mark = str(tmp_path / "mark")
        pod = start_pod_on(connect(cluster), code=ORPHAN.format(mark=mark))
        until(lambda: pod.ready and pod.log == "started\n")
        assert len(processes_with(mark)) >= 2
        return mark

    return start


@NEEDS_NAMESPACES
def test_nothing_of_services_and_names_is_left_when_the_daemon_was_killed(up, connect, until):
    """Addresses and rules go with their namespaces, and the mounts of resolv.conf with the daemon."""
    cluster = up("balanced", "namespaces")
    core = connect(cluster)
    spec = {"type": "LoadBalancer", "selector": {"app": "web"}, "ports": [{"port": 80}]}
    core.create_namespaced_service("default", {"metadata": {"name": "web"}, "spec": spec})
    containers = [{"name": "main", "image": "sleeper"}]
    pod = {"metadata": {"name": "web", "labels": {"app": "web"}}, "spec": {"containers": containers}}
    core.create_namespaced_pod("default", pod)
    until(lambda: core.read_namespaced_pod("web", "default").status.phase == "Running")
    until(lambda: core.read_namespaced_service("web", "default").status.load_balancer.ingress)
    state = cluster.kubeconfig.parent
    os.kill(cluster.pid, signal.SIGKILL)
    assert Cluster.down_leftovers("balanced") is True
    assert not state.exists()
    assert not [process for process in Path("/proc").glob("[0-9]*/mountinfo") if str(state) in _text(process)]


def _text(path):
    try:
        return path.read_text()
    except OSError:  # the process has ended meanwhile
        return ""


@pytest.mark.parametrize("network", NETWORKS)
def test_nothing_is_left_after_down_when_the_daemon_was_killed(
    *, up, orphaning_pod, root, network, processes_with, networks_of, networks_left, until
):
    cluster = up("killed", network)
    mark = orphaning_pod(cluster)
    made = networks_of(cluster)
    os.kill(cluster.pid, signal.SIGKILL)
    assert Cluster.down_leftovers("killed") is True
    assert processes_with(mark) == []
    assert not (root / "killed").exists()
    # Another cluster that goes down at the same moment may be the one that removes them.
    until(lambda: not networks_left(made))


def test_a_crashed_cluster_is_replaced_by_the_next_of_its_name(up, until):
    first = up("phoenix")
    daemon = ProcessIdentity.of(first.pid)
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: not daemon.alive)
    assert Cluster.find("phoenix") is None
    assert up("phoenix").pid != first.pid


def test_a_daemon_cleans_up_when_it_is_asked_to_end(up, until, root):
    os.kill(up("asked").pid, signal.SIGTERM)
    until(lambda: not (root / "asked").exists())


def start_elsewhere(name, *, detach):
    """Bring a cluster up in another process; return that process and the daemon."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER.format(name=name, detach=detach)], stdout=subprocess.PIPE, text=True
    )
    pid = starter.stdout.readline()
    assert pid, starter.communicate()
    return starter, ProcessIdentity.of(int(pid))


def kill(process):
    process.kill()
    process.communicate()


def test_a_cluster_ends_with_the_process_that_started_it(until, root):
    starter, daemon = start_elsewhere("bound", detach=False)
    assert daemon.alive
    kill(starter)
    until(lambda: not daemon.alive)
    assert not (root / "bound").exists()


def test_a_detached_cluster_outlives_the_process_that_started_it():
    starter, daemon = start_elsewhere("free", detach=True)
    try:
        kill(starter)
        assert daemon.alive
        assert Cluster.find("free").pid == daemon.pid
    finally:
        Cluster.down_leftovers("free")
    assert not daemon.alive


@pytest.mark.parametrize(
    ("programs", "words"),
    [
        ([], r"pods are started by setpriv \(package util-linux\)"),
        (["setpriv"], "namespaces need the program ip, the program tc, the program nsenter"),
    ],
)
def test_a_cluster_that_cannot_come_up_says_why_and_leaves_nothing(
    monkeypatch, tmp_path, root, programs, words
):
    for program in programs:
        (tmp_path / program).symlink_to(shutil.which(program))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedClusterError, match=words):
        Cluster.up(Settings(name="hopeless", network="namespaces"))
    assert not (root / "hopeless").exists()


def said_without_privilege(code):
    unprivileged = ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all", "--ambient-caps", "-all"]
    argv = [*(unprivileged if os.geteuid() == 0 else []), sys.executable, "-c", code]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_without_privilege_a_cluster_comes_up_on_loopback_and_says_so():
    code = (
        "from netcadence.embedded import Cluster, Settings\n"
        "with Cluster.up(Settings(name='unprivileged')) as cluster:\n"
        "    print(cluster.network)\n"
    )
    assert said_without_privilege(code) == "loopback\n"


def test_without_privilege_a_pod_s_credentials_are_made_all_the_same(tmp_path):
    code = (
        "from pathlib import Path\n"
        "from netcadence.embedded.service_accounts import ServiceAccountFiles\n"
        f"files = ServiceAccountFiles(Path({str(tmp_path)!r}), b'authority', lambda *_: None)\n"
        "print(*sorted(path.name for path in files('default', 'worker', 65532).iterdir()))\n"
    )
    assert said_without_privilege(code) == "ca.crt namespace token\n"


def test_a_directory_that_others_can_read_is_refused(monkeypatch, tmp_path):
    tmp_path.chmod(0o755)
    monkeypatch.setenv("NETCADENCE_EMBEDDED_ROOT", str(tmp_path))
    with pytest.raises(EmbeddedClusterError, match="closed to others"):
        Cluster.up(Settings(name="open"))


@pytest.mark.parametrize("lead", ["", ".", "..", "../outside", "{outside}", "a/../../outside", "Default"])
def test_a_name_that_leads_elsewhere_removes_nothing(monkeypatch, tmp_path, lead):
    root, outside = tmp_path / "clusters", tmp_path / "outside"
    root.mkdir(mode=0o700)
    outside.mkdir()
    for folder in (root, outside):
        (folder / "kept").touch()
    monkeypatch.setenv("NETCADENCE_EMBEDDED_ROOT", str(root))
    name = lead.format(outside=outside)
    for ask in (Cluster.down_leftovers, Cluster.find):
        with pytest.raises(EmbeddedClusterError, match="is not a DNS label of at most 32 characters"):
            ask(name)
    assert (root / "kept").exists()
    assert (outside / "kept").exists()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"name": "../etc"}, "name: '../etc'"),
        ({"name": "x" * 33}, "at most 32 characters"),
        ({"nodes": 0}, "nodes: 0 is not between 1 and 64"),
        ({"network": "wifi"}, "network: 'wifi' is not one of auto, namespaces, loopback"),
    ],
)
def test_settings_that_make_no_sense_are_refused(values, words):
    with pytest.raises(EmbeddedClusterError, match=words):
        Settings(**values)


def test_settings_survive_the_way_to_the_daemon(images):
    settings = Settings(name="way", nodes=5, images=images, network="loopback")
    assert Settings.from_json(settings.to_json()) == settings


def test_a_restarted_api_serves_the_same_objects_again(up, connect, until):
    cluster = up("restarted")
    port = int(cluster.api_url.rpartition(":")[2])
    uid = connect(cluster).read_node("node-0").metadata.uid

    def listens():
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            return False
        return True

    cluster.restart_api(down_s=0.3)
    until(lambda: not listens())
    until(listens)
    assert connect(cluster).read_node("node-0").metadata.uid == uid


def test_a_lost_node_is_noticed_and_its_pods_return_with_another_address(up, connect, start_pod_on, until):
    cluster = up("lossy")
    core = connect(cluster)
    pod = start_pod_on(core, image="sleeper", nodeName="node-1")
    until(lambda: pod.ready)
    address = pod.ip

    def node_is(status):
        conditions = core.read_node("node-1").status.conditions
        return any(each.type == "Ready" and each.status == status for each in conditions)

    cluster.lose_node("node-1")
    until(lambda: node_is("Unknown"))
    assert {each.type: each.status for each in pod.read().status.conditions}["Ready"] == "False"
    cluster.return_node("node-1")
    until(lambda: node_is("True") and pod.ready and pod.ip != address)
    assert pod.container.restart_count == 1


def test_an_operation_on_what_is_not_there_is_an_error(up):
    cluster = up("operated")
    with pytest.raises(EmbeddedClusterError, match='nodes "node-7" not found'):
        cluster.lose_node("node-7")
    with pytest.raises(EmbeddedClusterError, match="a loopback network has no uplinks"):
        cluster.set_uplink_rate("node-0", 1_000_000)


@pytest.mark.parametrize("network", NETWORKS[:1])
def test_an_uplink_is_limited_through_the_api(up, network, networks_of):
    cluster = up("uplink", network)
    (node,) = (name for name, _ in networks_of(cluster) if name.endswith("node-0"))
    cluster.set_uplink_rate("node-0", 50_000_000)
    command = ["tc", "-n", node, "qdisc", "show", "dev", "uplink"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "tbf" in shown
    assert "rate 50Mbit" in shown
    with pytest.raises(EmbeddedClusterError, match="bits_per_s: 5 is not a whole number"):
        cluster.set_uplink_rate("node-0", 5)
