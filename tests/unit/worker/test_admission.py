"""What a worker makes of a request at first sight."""

from __future__ import annotations

import pytest

from netcadence_worker.admission import Admitted, Refused, admit
from netcadence_worker.contract import POD_LABEL_PREFIX, Reason, Role

SPEC = {
    "runID": "r",
    "pairIndex": 0,
    "clientPodName": "c",
    "serverPodName": "s",
    "serverPodIP": "198.18.0.2",
    "port": 5001,
    "protocol": "TCP",
    "tool": "iperf",
    "duration": 10,
}


def request_of(spec=SPEC, label="client", status=None, **metadata):
    labels = {POD_LABEL_PREFIX + "c": label} if label else {}
    return {
        "metadata": {"name": "a", "uid": "u", "labels": labels, **metadata},
        "spec": spec,
        "status": status,
    }


@pytest.mark.parametrize(("pod", "role"), [("c", Role.CLIENT), ("s", Role.SERVER)])
def test_label_says_the_role(pod, role):
    """Each pod is admitted in the role that its label names."""
    request = request_of()
    request["metadata"]["labels"] = {POD_LABEL_PREFIX + "c": "client", POD_LABEL_PREFIX + "s": "server"}
    admitted = admit(request, pod)
    assert isinstance(admitted, Admitted)
    assert admitted.role is role


@pytest.mark.parametrize(
    "request_",
    [
        request_of(label=None),
        request_of(label="observer"),
        request_of(deletionTimestamp="2026-01-01T00:00:00Z"),
        request_of(status={"client": {"phase": "Succeeded"}}),
        request_of(status={"client": {"phase": "Failed"}}),
    ],
)
def test_nothing_to_do(request_):
    """Not ours, going away, or done already."""
    assert admit(request_, "c") is None


@pytest.mark.parametrize("phase", ["Armed", "Running"])
def test_begun_by_an_earlier_process(phase):
    """A request that this process did not begin, but its own side is under way: that worker is lost."""
    refused = admit(request_of(status={"client": {"phase": phase}}), "c")
    assert isinstance(refused, Refused)
    assert (refused.failure.reason, refused.reporter) == (Reason.POD_LOST, Role.SERVER)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"serverPodIP": "$(reboot)"}, "spec.serverPodIP"),
        ({"duration": 10**9}, "spec.duration"),
        ({"port": 22}, "spec.port"),
        ({"protocol": "ICMP"}, "spec.protocol"),
        ({"tool": "siege"}, "siege cannot make TCP traffic"),
        ({"tool": "iperf3", "protocol": "GRPC"}, "iperf3 cannot make GRPC traffic"),
        ({"clientPodName": "other"}, "spec.clientPodName is other"),
        ({"options": {"iperf": {"extra": "-x; id"}}}, "spec.options.iperf.extra"),
        ({"surplus": "x" * 10_000}, "spec.surplus"),
    ],
)
def test_unusable_spec_is_rejected_by_field(change, field):
    """Whatever is wrong, the message names it and stays short."""
    refused = admit(request_of({**SPEC, **change}), "c")
    assert isinstance(refused, Refused)
    assert refused.failure.reason is Reason.REQUEST_REJECTED
    assert field in str(refused.failure)
    assert len(str(refused.failure)) < 500


@pytest.mark.parametrize("spec", [None, [], "text", {}, {"protocol": ["TCP"]}, {"protocol": None}])
def test_spec_that_is_none_is_rejected(spec):
    """What is no spec at all is rejected like any other."""
    refused = admit(request_of(spec), "c")
    assert isinstance(refused, Refused)
    assert refused.reporter is None
