"""Whole requests with the real fortio: what is measured, what is open, and when it starts."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
import shutil
import signal
from datetime import datetime
from pathlib import Path

import pytest

from netcadence_worker.contract import Mark, Phase, Reason

pytestmark = pytest.mark.skipif(
    shutil.which("fortio") is None, reason="fortio is not on the PATH; where Go is, make setup builds it"
)
LISTENING = "0A"


def spec_of(protocol, **options):
    return {
        "protocol": protocol,
        "tool": "fortio",
        "port": 5301,
        "numberOfClients": 2,
        "options": {"fortio": {"qps": 100, **options}},
    }


HTTP1 = spec_of("HTTP", payload=1000)
HTTP2 = spec_of("HTTP", httpVersion=2, payload=1000, uniform=True)
GRPC = spec_of("GRPC", payload=1000)
EACH = pytest.mark.parametrize("spec", [HTTP1, HTTP2, GRPC], ids=["http1", "http2", "grpc"])


def figures(status):
    return {result.metric: result.value for result in status.results}


def printed(side):
    return json.loads(gzip.decompress(base64.b64decode(side.output.data)))


def listening(pid):
    """Return where a process listens, as the kernel tells it: TCP and UDP, both families."""
    inodes = {
        found[1]
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if (found := re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink())))
    }
    rows = [
        row.split()
        for table in ("tcp", "tcp6", "udp", "udp6")
        for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
    ]
    own = [row for row in rows if row[9] in inodes]
    return [row[1] for row in own if row[3] == LISTENING], len([row for row in own if row[3] == "07"])


@EACH
def test_pair_goes_from_arming_to_figures_at_the_rate_asked_for(api, orchestra, spec):
    """Started at the published instant, not before; every request counted, none failed."""
    orchestra.request(duration=2, **spec)
    orchestra.armed()
    at = api.fire()
    status = orchestra.settled()
    assert (status.error, status.phase) == (None, Phase.SUCCEEDED)
    values = figures(status)
    assert 180 <= values["requests"] <= 200, "a crowded machine sends fewer"
    assert (values["failed_requests"], values["request_rate_asked"]) == (0, 100)
    assert values["request_rate"] == pytest.approx(100, rel=0.1)
    assert values["request_latency_min"] <= values["request_latency_p50"] <= values["request_latency_p999"]
    assert status.latencies.histogram.count == values["requests"]
    assert status.metrics == ()
    assert status.client.tool.name == status.server.tool.name == "fortio"
    result = json.loads(printed(status.client)["stdout"])
    began = datetime.fromisoformat(re.sub(r"(\.\d{6})\d*Z", r"\1+00:00", result["StartTime"]))
    assert 0 < (began - at).total_seconds() < 1.0
    assert values.get("response_size", 1000) == 1000
    assert not orchestra.server.tools()


@EACH
def test_the_server_listens_at_its_own_address_and_port_and_nowhere_else(orchestra, spec):
    """No page, no settings, no other protocol: one listener."""
    orchestra.request(**spec)
    orchestra.armed()
    (pid,) = orchestra.server.tools()
    octets = orchestra.server.ip.split(".")
    address = "".join(f"{int(octet):02X}" for octet in reversed(octets))
    assert listening(pid) == ([f"{address}:{5301:04X}"], 0)


def test_ipv6_is_served_too(ipv6_orchestra):
    """An address in brackets, on both sides."""
    status = ipv6_orchestra.run_to_the_end(**GRPC)
    assert (status.error, status.phase) == (None, Phase.SUCCEEDED)


def test_as_many_as_go_are_made_where_no_rate_is_asked_for(orchestra):
    """Then no rate can be missed. Here with the largest payload that there is, all of it in the output."""
    spec = {**HTTP1, "options": {"fortio": {"resolutionUs": 10, "payload": 65_536}}}
    status = orchestra.run_to_the_end(**spec)
    assert status.error is None
    values = figures(status)
    assert values["request_rate"] > 20
    assert values["response_size"] == 65_536
    assert "request_rate_asked" not in values
    assert not status.client.output.truncated


def test_a_rate_that_cannot_be_kept_is_marked(orchestra):
    """A million requests a second do not go over two connections here."""
    status = orchestra.run_to_the_end(**spec_of("HTTP", qps=1_000_000))
    assert status.marks == (Mark.RATE_MISSED,)
    assert figures(status)["request_rate"] < 900_000


def test_a_server_that_is_killed_in_flight_has_its_reason(orchestra):
    """What was answered before is no measurement."""
    orchestra.set_running(**GRPC)
    for pid in orchestra.server.tools():
        os.kill(pid, signal.SIGKILL)
    status = orchestra.settled(seconds=10)
    assert status.phase is Phase.FAILED
    assert status.server.error.reason is Reason.TOOL_FAILED
    assert "fortio's server ended by itself" in status.server.error.message
    assert not orchestra.client.tools()


def test_a_client_that_is_killed_in_flight_ends_its_server(orchestra):
    """The server, which would serve for ever, is ended by us."""
    orchestra.set_running(**HTTP2)
    for pid in orchestra.client.tools():
        os.kill(pid, signal.SIGKILL)
    status = orchestra.settled(seconds=10)
    assert (status.client.error.reason, status.server.error.reason) == (
        Reason.TOOL_FAILED,
        Reason.PEER_FAILED,
    )
    assert not orchestra.server.tools()


def test_a_request_that_is_withdrawn_while_armed_leaves_nothing(api, orchestra):
    """A client that waits at its gate is gone like any other."""
    orchestra.request(**GRPC)
    orchestra.armed()
    assert orchestra.client.tools()
    api.delete("networktestrequests", "a")
    orchestra.wait(
        lambda: not orchestra.client.tools() and not orchestra.server.tools(), what="the end of all tools"
    )
