"""Pods on real nodes, in namespaces and on loopback addresses, through the official client."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from kubernetes import client

SERVE = (
    "import http.server, os\n"
    "class Handler(http.server.SimpleHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        self.send_response(int(open('status').read()) if os.path.exists('status') else 200)\n"
    "        self.end_headers()\n"
    "    def log_message(self, *_): pass\n"
    "http.server.HTTPServer((os.environ['POD_IP'], 8000), Handler).serve_forever()\n"
)
POD_IP = {"env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]}
PROBE = {"httpGet": {"port": 8000}, "periodSeconds": 1}
SLEEP = "import time; time.sleep(600)"


def first_process(pod):
    """Return the pid of a pod's first process."""
    mark = f"NETCADENCE_CONTAINER={pod.read().metadata.uid}".encode()
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if mark in path.read_bytes():
                return int(path.parent.name)
        except OSError:
            continue
    raise AssertionError(f"no process of {pod.name}")


def test_two_pods_are_spread_ready_and_reach_each_other(start_pod, until):
    pods = [start_pod(code=SERVE, container={**POD_IP, "readinessProbe": PROBE}) for _ in range(2)]
    until(lambda: all(pod.ready for pod in pods))
    assert {pod.read().spec.node_name for pod in pods} == {"node-0", "node-1"}
    assert pods[0].ip != pods[1].ip
    get = f"import urllib.request; print(urllib.request.urlopen('http://{pods[0].ip}:8000/').status)"
    visitor = start_pod(code=get, restartPolicy="Never")
    until(lambda: visitor.read().status.phase == "Succeeded")
    assert visitor.log == "200\n"


def test_a_pod_is_not_ready_while_its_probe_fails(start_pod, until):
    pod = start_pod(code=SERVE, container={**POD_IP, "readinessProbe": {**PROBE, "failureThreshold": 1}})
    until(lambda: pod.ready)
    directory = Path(f"/proc/{first_process(pod)}/cwd").resolve()
    (directory / "status").write_text("503")
    until(lambda: not pod.ready)
    conditions = {each.type: each for each in pod.read().status.conditions}
    assert conditions["Ready"].reason == "ContainersNotReady"
    assert "HTTP probe failed with statuscode: 503" in " ".join(each.message for each in pod.events())
    (directory / "status").unlink()
    until(lambda: pod.ready)


def test_a_pod_that_fails_its_liveness_probe_is_started_again(start_pod, until):
    probe = {"tcpSocket": {"port": 8000}, "periodSeconds": 1, "failureThreshold": 1}
    pod = start_pod(code=SLEEP, container={"livenessProbe": probe})
    until(lambda: pod.container and pod.container.restart_count >= 1)
    assert any("failed liveness probe, will be restarted" in each.message for each in pod.events())


def test_a_pod_is_not_asked_for_readiness_before_its_startup_probe_is_content(start_pod, until):
    never = {"tcpSocket": {"port": 8001}, "periodSeconds": 1, "failureThreshold": 600}
    pod = start_pod(code=SERVE, container={**POD_IP, "startupProbe": never, "readinessProbe": PROBE})
    until(lambda: any("Startup probe failed" in each.message for each in pod.events()))
    assert (pod.container.started, pod.ready) == (False, False)


def test_the_downward_api_and_the_service_account_reach_the_process(start_pod, until):
    fields = {
        "NAME": "metadata.name",
        "NAMESPACE": "metadata.namespace",
        "UID": "metadata.uid",
        "NODE": "spec.nodeName",
        "IP": "status.podIP",
        "HOST": "status.hostIP",
    }
    env = [{"name": key, "valueFrom": {"fieldRef": {"fieldPath": path}}} for key, path in fields.items()]
    env.append({"name": "PLAIN", "value": "as it is"})
    ask = (
        "import json, os, pathlib, ssl, urllib.request\n"
        "account = pathlib.Path(os.environ['NETCADENCE_SERVICE_ACCOUNT'])\n"
        "host, port = os.environ['KUBERNETES_SERVICE_HOST'], os.environ['KUBERNETES_SERVICE_PORT']\n"
        "request = urllib.request.Request(\n"
        "    f'https://{host}:{port}/apis/authentication.k8s.io/v1/selfsubjectreviews', data=b'{}',\n"
        "    headers={'Authorization': 'Bearer ' + (account / 'token').read_text(),\n"
        "             'Content-Type': 'application/json'})\n"
        "context = ssl.create_default_context(cafile=account / 'ca.crt')\n"
        "review = json.load(urllib.request.urlopen(request, context=context))\n"
        "print(json.dumps({**os.environ, 'user': review['status']['userInfo']['username'],\n"
        "                  'account': (account / 'namespace').read_text()}))\n"
    )
    pod = start_pod(code=ask, container={"env": env}, restartPolicy="Never")
    until(lambda: pod.read().status.phase in ("Succeeded", "Failed"))
    told, found = json.loads(pod.log), pod.read()
    assert told["NAME"] == pod.name
    assert told["NAMESPACE"] == told["account"] == "default"
    assert told["UID"] == found.metadata.uid
    assert told["NODE"] == found.spec.node_name
    assert told["IP"] == found.status.pod_ip
    assert told["HOST"] == found.status.host_ip
    assert told["PLAIN"] == "as it is"
    assert told["user"] == "system:serviceaccount:default:default"
    assert "XDG_RUNTIME_DIR" not in told


@pytest.mark.parametrize(
    ("code", "phase", "exit_code"), [("pass", "Succeeded", 0), ("raise SystemExit(3)", "Failed", 3)]
)
def test_a_pod_that_runs_once_ends_with_its_exit_code(start_pod, until, code, phase, exit_code):
    pod = start_pod(code=code, restartPolicy="Never")
    until(lambda: pod.read().status.phase == phase)
    assert pod.container.state.terminated.exit_code == exit_code
    assert pod.container.restart_count == 0


def test_a_process_ended_by_a_signal_shows_128_and_its_number(start_pod, until):
    pod = start_pod(code="import os; os.kill(os.getpid(), 9)", restartPolicy="Never")
    until(lambda: pod.read().status.phase == "Failed")
    assert pod.container.state.terminated.exit_code == 137


def test_a_crashing_container_backs_off_and_shows_its_last_words(core, start_pod, until):
    code = "import os, sys; print('run of', os.getpid()); sys.exit('no such luck')"
    pod = start_pod(code=code, container={"terminationMessagePolicy": "FallbackToLogsOnError"})
    until(lambda: pod.waiting_for == "CrashLoopBackOff")
    container = pod.container
    assert container.restart_count >= 1
    assert container.last_state.terminated.exit_code == 1
    assert "no such luck" in container.last_state.terminated.message
    assert "restarting failed container=main" in container.state.waiting.message
    assert pod.read().status.phase == "Running"
    until(lambda: pod.container.restart_count >= 2)
    previous = core.read_namespaced_pod_log(pod.name, "default", previous=True)
    assert "no such luck" in previous


def test_an_unknown_image_is_said_at_once_with_those_that_are_known(start_pod, until):
    pod = start_pod(image="registry.test/nobody/knows:1")
    until(lambda: pod.waiting_for in ("ErrImagePull", "ImagePullBackOff"))
    assert '"registry.test/nobody/knows:1" is not known' in pod.container.state.waiting.message
    assert "known images: broken, obedient, python, sleeper" in pod.container.state.waiting.message
    until(lambda: pod.waiting_for == "ImagePullBackOff")
    assert pod.read().status.phase == "Pending"


def test_a_command_for_an_image_that_takes_none_is_refused_and_never_run(start_pod, until, tmp_path):
    proof = tmp_path / "proof"
    pod = start_pod(image="sleeper", container={"command": ["touch", str(proof)]})
    until(lambda: pod.waiting_for == "CreateContainerError")
    assert 'image "sleeper" does not take a command' in pod.container.state.waiting.message
    assert any(each.reason == "Failed" for each in pod.events())
    assert not proof.exists()


def test_what_nodes_do_not_offer_is_refused_by_name(start_pod, until):
    volumes = [{"name": "etc", "hostPath": {"path": "/etc"}}]
    container = {"volumeMounts": [{"name": "etc", "mountPath": "/mine"}]}
    pod = start_pod(code=SLEEP, container=container, hostPID=True, volumes=volumes)
    until(lambda: pod.read().status.phase == "Failed")
    assert "do not offer hostPID, volume etc" in pod.read().status.message


def test_a_folder_of_the_machine_is_offered_where_it_is_anyway(start_pod, until):
    """ClusterLoader2's workers want one for their log."""
    volumes = [{"name": "log", "hostPath": {"path": "/var/log"}}]
    container = {"volumeMounts": [{"name": "log", "mountPath": "/var/log"}]}
    pod = start_pod(code=SLEEP, container=container, volumes=volumes)
    until(lambda: pod.read().status.phase == "Running")


def test_a_pod_that_fits_nowhere_says_why_and_starts_when_it_fits(core, start_pod, until):
    pod = start_pod(image="sleeper", nodeSelector={"disk": "fast"})
    until(lambda: pod.read().status.conditions)
    (condition,) = pod.read().status.conditions
    assert (condition.type, condition.status, condition.reason) == ("PodScheduled", "False", "Unschedulable")
    assert condition.message == (
        "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."
    )
    assert [each.reason for each in pod.events()] == ["FailedScheduling"]
    core.patch_node("node-1", {"metadata": {"labels": {"disk": "fast"}}})
    until(lambda: pod.ready)
    assert pod.read().spec.node_name == "node-1"
    core.patch_node("node-1", {"metadata": {"labels": {"disk": None}}})


def test_a_deleted_pod_has_its_grace_and_then_ends(start_pod, until, tmp_path, processes_with):
    farewell = tmp_path / "farewell"
    code = (
        "import pathlib, signal, time\n"
        f"signal.signal(signal.SIGTERM, lambda *_: pathlib.Path({str(farewell)!r}).write_text('bye'))\n"
        "print('listening')\n"
        "while True: time.sleep(600)\n"
    )
    pod = start_pod(code=code)
    until(lambda: pod.ready and pod.log == "listening\n")
    pod.delete(grace_s=1)
    until(farewell.exists)
    assert not pod.gone
    until(lambda: pod.gone)
    assert processes_with(str(farewell)) == []


def test_nothing_that_a_pod_started_outlives_it(start_pod, until, tmp_path, processes_with):
    mark = str(tmp_path / "mark")
    child = (
        f"import subprocess; subprocess.Popen(['sh', '-c', 'sleep 600; : {mark}'], start_new_session=True)"
    )
    pod = start_pod(code=f"{child}; print('started'); {SLEEP}")
    until(lambda: pod.ready and pod.log == "started\n")
    assert len(processes_with(mark)) >= 2
    pod.delete()
    until(lambda: processes_with(mark) == [])


def test_what_a_container_left_behind_is_gone_before_it_runs_again(
    start_pod, until, tmp_path, processes_with
):
    mark = str(tmp_path / "mark")
    code = (
        "import os, subprocess\n"
        f"subprocess.Popen(['sh', '-c', 'sleep 600; : {mark}'], start_new_session=True)\n"
        "os._exit(1)\n"
    )
    pod = start_pod(code=code, restartPolicy="OnFailure")
    until(lambda: pod.waiting_for == "CrashLoopBackOff")
    assert [pid for pid in processes_with(mark) if is_sleeping_shell(pid)] == []


def is_sleeping_shell(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sh\0")
    except OSError:
        return False


def test_a_log_can_be_followed_until_its_container_ends(core, start_pod, until):
    code = "import time\nfor number in range(5): print('line', number); time.sleep(0.05)"
    pod = start_pod(code=code, restartPolicy="Never")
    until(lambda: pod.container and pod.container.container_id)
    stream = core.read_namespaced_pod_log(pod.name, "default", follow=True, _preload_content=False)
    assert stream.read().decode().splitlines() == [f"line {number}" for number in range(5)]
    assert core.read_namespaced_pod_log(pod.name, "default", tail_lines=2) == "line 3\nline 4\n"


def test_a_log_of_a_container_that_never_ran_is_an_error(core, start_pod, until):
    pod = start_pod(image="unknown")
    until(lambda: pod.waiting_for)
    with pytest.raises(client.ApiException) as caught:
        core.read_namespaced_pod_log(pod.name, "default")
    assert caught.value.status == 400


def test_events_tell_a_pods_story(start_pod, until):
    pod = start_pod(image="sleeper")
    until(lambda: pod.ready)
    assert [each.reason for each in pod.events()] == ["Scheduled", "Pulled", "Started"]


def test_a_node_describes_itself(cluster, core):
    nodes = {node.metadata.name: node for node in core.list_node().items}
    assert set(nodes) == {"node-0", "node-1"}
    node = nodes["node-0"]
    assert node.metadata.labels["kubernetes.io/hostname"] == "node-0"
    assert node.metadata.labels["topology.kubernetes.io/zone"] == "zone-0"
    assert node.metadata.annotations["netcadence.io/network"] == cluster.network
    assert node.status.allocatable["pods"] == "110"
    assert node.status.node_info.kubelet_version.endswith("-netcadence")
    assert {each.type: each.status for each in node.status.conditions}["Ready"] == "True"


READ_AS = """
import os
account = os.environ["NETCADENCE_SERVICE_ACCOUNT"]
folder = os.open(account, os.O_RDONLY)  # as a container's runtime mounts it

def reads(path, user, **where):
    child = os.fork()
    if not child:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
        try:
            os.close(os.open(path, os.O_RDONLY, **where))
        except PermissionError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0

print(reads("token", 65532, dir_fd=folder), reads("token", 65533, dir_fd=folder), reads(account, 65532))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other users")
def test_a_pods_credentials_are_its_users_and_nobody_elses(start_pod, until):
    pod = start_pod(code=READ_AS, restartPolicy="Never", securityContext={"runAsUser": 65532})
    until(lambda: pod.read().status.phase == "Succeeded")
    assert pod.log == "True False False\n"


def test_nodes_say_what_their_network_has(cluster, core):
    for node in core.list_node().items:
        features = node.metadata.annotations["netcadence.io/network-features"].split(",")
        assert ("policies" in features) == (cluster.network == "namespaces")
