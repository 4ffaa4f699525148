"""What each side writes of a status."""

from __future__ import annotations

import base64
import gzip
import json
import os
from datetime import UTC, datetime

import pytest

from netcadence_worker.contract import (
    Mark,
    Phase,
    Reason,
    ReportedError,
    RequestStatus,
    Result,
    Role,
)
from netcadence_worker.failure import FailureError
from netcadence_worker.parsing import Measurement, ToolOutput
from netcadence_worker.report import Report, pack

MEASUREMENT = Measurement(
    (Result.of("transferred", 10.0), Result.of("throughput", 5.0)), (), (Mark.CPU_BOUND,)
)


@pytest.fixture
def sent():
    return []


@pytest.fixture
def report(sent):
    return lambda role, reporter=Role.SERVER: Report(role, reporter, pod_uid="uid", send=sent.append)


def test_reporting_side_writes_the_whole(report, sent):
    """The side that reports writes phase, figures by name and position, marks and delay."""
    report(Role.SERVER).succeeded(MEASUREMENT, worker_delay_s=0.001)
    (status,) = sent
    assert (status["phase"], status["server"]["phase"]) == ("Succeeded", "Succeeded")
    assert status["results"][1] == {"metric": "throughput", "value": 5.0, "unit": "KBytes/s"}
    assert (status["metrics"], status["marks"], status["workerDelay"]) == ([10.0, 5.0], ["CpuBound"], 0.001)
    RequestStatus.model_validate(status)


def test_other_side_writes_only_its_own_key(report, sent):
    """The other side touches nothing but its own part, at no step."""
    client = report(Role.CLIENT)
    client.armed(None, None)
    client.running(datetime.now(UTC))
    client.succeeded()
    assert [set(status) for status in sent] == [{"client"}] * 3
    assert [status["client"]["phase"] for status in sent] == ["Armed", "Running", "Succeeded"]


def test_other_side_keeps_its_figures_under_its_own_key(report, sent):
    """What the client alone knows of two-way traffic is for the server's worker to add."""
    report(Role.CLIENT).succeeded(MEASUREMENT)
    assert set(sent[0]) == {"client"}
    assert [each["metric"] for each in sent[0]["client"]["results"]] == ["transferred", "throughput"]


def test_steps_keep_what_was_said_before(report, sent):
    """The last report holds all of a side's instants."""
    client = report(Role.CLIENT, Role.CLIENT)
    client.armed(None, None)
    client.running(datetime.now(UTC))
    client.succeeded(MEASUREMENT)
    assert {"podUID", "armedAt", "startedAt", "endedAt"} <= set(sent[-1]["client"])


@pytest.mark.parametrize("role", Role)
def test_unknown_tool_is_reported_by_both(report, sent, role):
    """Where nobody knows who reports, the request still gets its phase and error."""
    report(role, None).failed(FailureError(Reason.REQUEST_REJECTED, "spec.protocol: ..."))
    assert sent[0]["error"]["reason"] == sent[0][role]["error"]["reason"] == "RequestRejected"


def test_cause_stands_for_the_request(report, sent):
    """A server whose client failed says so of itself, and gives the client's reason for the whole."""
    error = ReportedError(reason=Reason.CONNECTION_REFUSED, message="TCP 198.18.0.2:5001: connection refused")
    report(Role.SERVER).failed(FailureError.of_peer(Role.CLIENT, error))
    (status,) = sent
    assert status["server"]["error"]["reason"] == "PeerFailed"
    assert status["error"]["reason"] == "ConnectionRefused"
    assert status["error"]["message"].startswith("client: TCP 198.18.0.2")


def test_long_message_keeps_head_and_tail(report, sent):
    """What happened stands first, the tool's last lines last; the contract's bound holds."""
    report(Role.CLIENT).failed(FailureError(Reason.TOOL_FAILED, "first " + "x" * 10_000 + " last"))
    message = sent[0]["client"]["error"]["message"]
    assert len(message) <= 4_096
    assert message.startswith("first ")
    assert message.endswith(" last")


def test_output_is_packed_whole():
    """What was printed comes back out of the pack."""
    output = ToolOutput(("iperf", "-s"), "out\n", "err\n", -2)
    packed = pack(output, truncated=False)
    content = json.loads(gzip.decompress(base64.b64decode(packed.data)))
    assert content == {"argv": ["iperf", "-s"], "stdout": "out\n", "stderr": "err\n", "exit_code": -2}
    assert not packed.truncated


def test_output_too_large_to_pack_loses_its_middle():
    """Noise that does not compress is cut until it fits, and marked."""
    noise = os.urandom(400_000).hex()
    packed = pack(ToolOutput(("x",), f"head{noise}tail", "", 0), truncated=False)
    stdout = json.loads(gzip.decompress(base64.b64decode(packed.data)))["stdout"]
    assert packed.truncated
    assert stdout.startswith("head")
    assert stdout.endswith("tail")


def test_phase_of_a_fresh_side_is_pending(report):
    """Before anything happened a side is pending, and says whose it is."""
    side = report(Role.CLIENT).side
    assert (side.phase, side.pod_uid) == (Phase.PENDING, "uid")
