"""Pods that are forked from a process which has loaded their program: like any other, but for the time."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from netcadence.embedded import Image

TELL = """
import json, os, sys
from pathlib import Path
print(json.dumps({
    "loaded here": obedient.LOADED_BY == os.getpid(),
    "loaded": "obedient.sometimes" in sys.modules,
    "parent": os.getppid(),
    "group": os.getpgid(0) == os.getpid(),
    "environment": dict(os.environ),
    "directory": os.getcwd(),
    "network": os.readlink("/proc/self/ns/net"),
    "descriptors": [os.readlink(f"/proc/self/fd/{each}") for each in (0, 1, 2)],
    "others": [each for each in sorted(map(int, os.listdir("/proc/self/fd"))) if each > 2][:-1],
    "threads": len(os.listdir("/proc/self/task")),
    "names": Path("/etc/resolv.conf").read_text(),
    "program": sys.argv[0],
}))
sys.exit(7)
"""


@pytest.fixture
def start(start_pod):
    """Return what starts a pod of the preloaded image that runs some code."""

    def start(code, **spec):
        return start_pod(image="obedient", container={"args": [code]}, **spec)

    return start


def ended(pod):
    return pod.container and pod.container.state.terminated


def test_a_fork_is_a_process_as_any_other(start, until):
    """It has nothing of where it comes from but what was loaded there, which is all of its package."""
    pods = [start(TELL, restartPolicy="Never") for _ in range(2)]
    until(lambda: all(ended(pod) for pod in pods))
    assert {ended(pod).exit_code for pod in pods} == {7}
    told = [json.loads(pod.log) for pod in pods]
    assert len({each["parent"] for each in told}) == 1
    assert [(each["loaded"], each["loaded here"]) for each in told] == [(True, False)] * 2
    for pod, each in zip(pods, told, strict=True):
        uid = pod.read().metadata.uid
        assert each["environment"]["HOSTNAME"] == pod.name
        assert each["environment"]["NETCADENCE_CONTAINER"] == f"{uid}/main"
        assert each["environment"].keys() <= start_variables()
        assert Path(each["directory"]).name == uid
        assert each["descriptors"][0] == os.devnull
        assert {Path(log).name for log in each["descriptors"][1:]} == {"main.0.log"}
        assert (each["group"], each["others"], each["threads"]) == (True, [], 1)
        assert each["program"].endswith("obedient/__main__.py")


def start_variables():
    """Return the names of what a node gives to every container, and this image to its own."""
    service = {"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "KUBERNETES_SERVICE_PORT_HTTPS"}
    files = {"HOME", "TMPDIR", "NETCADENCE_CONTAINER", "NETCADENCE_SERVICE_ACCOUNT"}
    return service | files | {"PATH", "LANG", "HOSTNAME", "PYTHONPATH"}


def test_a_fork_is_in_its_pods_network_and_asks_the_clusters_name_server(start, until, cluster):
    if cluster.network != "namespaces":
        pytest.skip("on a loopback network pods share the machine's namespaces")
    pods = [start(TELL, restartPolicy="Never") for _ in range(2)]
    until(lambda: all(ended(pod) for pod in pods))
    told = [json.loads(pod.log) for pod in pods]
    assert len({each["network"] for each in told} | {str(Path("/proc/self/ns/net").readlink())}) == 3
    assert all("search default.svc.cluster.local" in each["names"] for each in told)


def test_a_fork_that_is_killed_is_started_again(start, until):
    pod = start("import os, time; print(os.getpid(), flush=True); time.sleep(600)")
    until(lambda: pod.container and pod.container.state.running and pod.log)
    os.kill(int(pod.log), signal.SIGKILL)
    until(lambda: pod.container.restart_count == 1 and pod.container.state.running)
    assert pod.container.last_state.terminated.exit_code == 137


def test_what_had_loaded_the_program_takes_its_forks_along_and_both_come_again(start, until):
    pod = start("import os, time; print(os.getppid(), flush=True); time.sleep(600)")
    until(lambda: pod.container and pod.container.state.running and pod.log)
    server = int(pod.log)
    os.kill(server, signal.SIGKILL)
    until(lambda: pod.container.restart_count == 1 and pod.container.state.running and pod.log)
    assert int(pod.log) != server


def test_a_pod_asked_to_end_ends_its_fork(start, until):
    pod = start("import os, time; print(os.getpid(), flush=True); time.sleep(600)")
    until(lambda: pod.container and pod.container.state.running and pod.log)
    process = Path(f"/proc/{pod.log.strip()}")
    pod.delete()  # at once: the object goes first
    until(lambda: pod.gone)
    until(lambda: not process.exists())


def test_a_program_that_cannot_be_loaded_is_a_start_error(start_pod, until):
    pod = start_pod(image="broken", restartPolicy="Never")
    until(lambda: ended(pod))
    assert (ended(pod).reason, ended(pod).exit_code) == ("StartError", 128)
    assert "the process that had loaded broken has ended, or could not" in ended(pod).message


@pytest.mark.parametrize("argv", [("sleep", "600"), ("python3", "-c", "pass"), ("python3", "-m", "a", "b")])
def test_only_a_package_can_be_preloaded(argv):
    with pytest.raises(ValueError, match="cannot be preloaded: python, -m and a package can"):
        Image(argv=argv, preloaded=True)
