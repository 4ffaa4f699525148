"""What a pod's status says about its containers."""

from __future__ import annotations

import pytest

from netcadence.embedded.pod_status import phase, pod_status

RUNNING = {"running": {}}
WAITING = {"waiting": {"reason": "ContainerCreating"}}


def ended(code):
    return {"terminated": {"exitCode": code}}


def container(state, last=None, *, ready=False):
    return {"name": "c", "state": state, "lastState": last or {}, "ready": ready}


@pytest.mark.parametrize(
    ("policy", "containers", "expected"),
    [
        ("Always", [container(WAITING)], "Pending"),
        ("Always", [container(RUNNING), container(WAITING)], "Running"),
        ("Always", [container(ended(0))], "Running"),
        ("Always", [container(WAITING, ended(1))], "Running"),
        ("Never", [container(ended(0))], "Succeeded"),
        ("Never", [container(ended(0)), container(ended(3))], "Failed"),
        ("OnFailure", [container(ended(0))], "Succeeded"),
        ("OnFailure", [container(ended(1))], "Running"),
        ("Never", [container(ended(0)), container(WAITING)], "Pending"),
    ],
)
def test_the_phase_follows_from_states_and_restart_policy(policy, containers, expected):
    assert phase(containers, policy) == expected


def status(pod, *containers):
    return pod_status(pod, containers, ips=["198.18.1.0"], host_ips=["198.18.0.10"])


def ready(found):
    return next(each for each in found["conditions"] if each["type"] == "Ready")


def test_a_pod_is_ready_when_all_its_containers_are():
    pod = {"spec": {}}
    assert ready(status(pod, container(RUNNING, ready=True)))["status"] == "True"
    unready = ready(status(pod, container(RUNNING, ready=True), container(RUNNING)))
    assert (unready["status"], unready["reason"]) == ("False", "ContainersNotReady")
    assert unready["message"] == "containers with unready status: [c]"


def test_a_condition_keeps_its_time_until_it_changes():
    before = status({"spec": {}}, container(RUNNING, ready=True))
    long_ago = "2001-01-01T00:00:00Z"
    for condition in before["conditions"]:
        condition["lastTransitionTime"] = long_ago
    pod = {"spec": {}, "status": before}
    assert ready(status(pod, container(RUNNING, ready=True)))["lastTransitionTime"] == long_ago
    assert ready(status(pod, container(RUNNING)))["lastTransitionTime"] > long_ago
