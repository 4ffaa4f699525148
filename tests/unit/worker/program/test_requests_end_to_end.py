"""Whole requests: two real workers and real tools, from arming to figures or to a reason."""

from __future__ import annotations

import base64
import gzip
import json
import os
import signal
from pathlib import Path

import pytest

from netcadence_worker.contract import REQUESTS, RUNS, Phase, Reason
from netcadence_worker.http_server import TrafficServers

UDP = {"protocol": "UDP", "options": {"iperf": {"bandwidth": 8_000_000}}}
HTTP = {"protocol": "HTTP", "tool": "siege", "port": 5301, "options": {"siege": {"delay": 0.05}}}
IPERF3 = {"tool": "iperf3", "duration": 2}
IPERF3_UDP = IPERF3 | {"protocol": "UDP", "options": {"iperf3": {"bandwidth": 8_000_000}}}
EACH_TOOL = pytest.mark.parametrize(
    "spec", [{}, UDP, HTTP, IPERF3, IPERF3_UDP], ids=["tcp", "udp", "http", "iperf3-tcp", "iperf3-udp"]
)
EACH_PROTOCOL = pytest.mark.parametrize("spec", [{}, UDP, HTTP], ids=["tcp", "udp", "http"])


@EACH_TOOL
def test_pair_goes_from_arming_to_figures(api, orchestra, spec):
    """Both sides arm, start at the published instant and report the catalogue's figures."""
    orchestra.request(**spec)
    orchestra.armed()
    at = api.fire()
    status = orchestra.settled()
    assert (status.phase, status.error) == (Phase.SUCCEEDED, None)
    assert (status.client.phase, status.server.phase) == (Phase.SUCCEEDED, Phase.SUCCEEDED)
    figures = {"TCP": 2, "UDP": 6 if spec.get("tool") == "iperf3" else 11, "HTTP": 11}
    assert len(status.metrics) == figures[spec.get("protocol", "TCP")]
    late_s = (status.client.started_at - at).total_seconds()
    # Never early; how late is a matter of how busy this machine is.
    assert -0.001 < late_s < 1.0
    assert status.worker_delay == pytest.approx(late_s, abs=0.001)


@EACH_TOOL
def test_pair_may_speak_ipv6(ipv6_orchestra, spec):
    """An IPv6 address is listened on, checked and measured like any other."""
    status = ipv6_orchestra.run_to_the_end(**spec)
    assert (status.error, status.phase) == (None, Phase.SUCCEEDED)
    assert status.client.clock.reference == "server"


def test_clocks_are_compared_with_the_reference(orchestra):
    """The reference is exact by definition; the other side is within its own uncertainty."""
    orchestra.request()
    orchestra.armed()
    status = orchestra.api.status("a")
    exact = status.client.clock
    assert (exact.reference, exact.offset, exact.uncertainty) == ("client", 0.0, 0.0)
    other = status.server.clock
    assert abs(other.offset) <= other.uncertainty + 1e-6


@EACH_PROTOCOL
def test_clocks_are_compared_again_after_the_traffic_and_machines_are_watched(orchestra, spec):
    """Each side says how far its clock had drifted, and what its tool and machine did meanwhile."""
    status = orchestra.run_to_the_end(**spec | {"duration": 2})
    for side in (status.client, status.server):
        assert side.clock_after.at > side.ended_at if side.output else side.clock_after
        assert side.clock_after.at > side.clock.at
        assert abs(side.clock_after.offset) <= side.clock_after.uncertainty + 1e-6
        assert 0 < side.usage.node_busy <= 100
        assert 0 < side.usage.seconds < 5


def test_raw_output_and_version_are_kept(orchestra):
    """Each side keeps what its tool printed, as it was started, so that a parser can be corrected later."""
    status = orchestra.run_to_the_end()
    for side in (status.client, status.server):
        content = json.loads(gzip.decompress(base64.b64decode(side.output.data)))
        assert content["argv"][0] == "iperf"
        assert "KBytes/sec" in content["stdout"]
        assert side.tool.version.startswith("2.")


def test_a_threadless_tool_starts_on_time_and_says_how_its_connection_fared(api, orchestra):
    """iperf3 waits at its first socket: what is left between start and traffic is connecting."""
    orchestra.request(**IPERF3)
    orchestra.armed()
    (pid,) = orchestra.client.tools()
    assert Path(f"/proc/{pid}/comm").read_text() == "iperf3\n"
    assert len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
    assert any("socket" in str(each.readlink()) for each in Path(f"/proc/{pid}/fd").iterdir())
    at = api.fire()
    status = orchestra.settled()
    assert status.error is None
    assert -0.001 < (status.client.started_at - at).total_seconds() < 1.0
    assert {"tcp_retransmits", "tcp_rtt_avg", "congestion_window"} <= {each.metric for each in status.results}
    assert all({"throughput", "congestion_window"} <= each.values.keys() for each in status.intervals)
    assert status.client.tool.version == status.server.tool.version


def test_two_way_traffic_has_both_ways_in_one_result(orchestra):
    """The server's worker reports what it received, and what the client's told it of the way back."""
    status = orchestra.run_to_the_end(options={"iperf": {"fullDuplex": True}})
    assert status.error is None
    values = {each.metric: each.value for each in status.results}
    assert values.keys() == {"transferred", "throughput", "transferred_reverse", "throughput_reverse"}
    assert [each.metric for each in status.client.results] == ["transferred_reverse", "throughput_reverse"]
    assert len(status.metrics) == 2


def test_round_trips_are_reported_by_the_side_that_waits_for_the_answers(orchestra):
    """Requests go one after another, so many each second, at times also in the last instant."""
    status = orchestra.run_to_the_end(options={"iperf": {"bounceback": 50}})
    assert (status.error, status.phase) == (None, Phase.SUCCEEDED)
    values = {each.metric: each.value for each in status.results}
    assert 49 <= values["round_trips"] <= 101
    assert 0 < values["round_trip_min"] <= values["round_trip_avg"] <= values["round_trip_max"]
    assert status.server.phase is Phase.SUCCEEDED


def test_streams_share_a_request(orchestra):
    """Several streams are one result: the server waits for all of them."""
    status = orchestra.run_to_the_end(numberOfClients=4, **UDP)
    total = next(result.value for result in status.results if result.metric == "total_packets")
    assert total == pytest.approx(4 * 8_000_000 / 8 / 1470, rel=0.1)


def test_requests_run_side_by_side_and_one_after_the_other(api, orchestra):
    """A worker serves both roles at once on different ports, and more requests after that."""
    orchestra.request("a", **UDP)
    api.request("b", client="server", server="client", serverPodIP=orchestra.client.ip, port=5002, **UDP)
    orchestra.armed("a", "b")
    api.fire()
    assert (orchestra.settled("a").error, orchestra.settled("b").error) == (None, None)
    assert orchestra.run_to_the_end("c", round=1, **UDP).error is None


@EACH_PROTOCOL
def test_server_that_is_not_there_is_refused(api, orchestra, address, spec):
    """A client that is refused until its deadline says so, and the request carries its reason."""
    api.request("a", client="client", server="absent", serverPodIP=address(), armTimeout=1, **spec)
    error = orchestra.wait(lambda: (side := api.status("a").client) and side.error)
    assert error.reason is Reason.CONNECTION_REFUSED
    assert "attempts: connection refused" in error.message


def test_published_start_that_is_past_is_missed(api, orchestra):
    """A client that hears of its start too late does not start at all."""
    orchestra.request()
    orchestra.armed()
    api.fire(lead_s=-1.0)
    status = orchestra.settled()
    assert (status.client.error.reason, status.error.reason) == (Reason.START_MISSED, Reason.START_MISSED)
    assert status.client.started_at is None


@pytest.mark.parametrize("spec", [{}, UDP, {"tool": "iperf3"}], ids=["tcp", "udp", "iperf3"])
def test_client_tool_killed_in_flight_fails_both_sides(orchestra, spec):
    """The client's reason stands for the request; a UDP server, which would wait for ever, is ended."""
    orchestra.set_running(**spec)
    for pid in orchestra.client.tools():
        os.kill(pid, signal.SIGKILL)
    status = orchestra.settled(seconds=10)
    assert (status.client.error.reason, status.server.error.reason) == (
        Reason.TOOL_FAILED,
        Reason.PEER_FAILED,
    )
    assert status.error.reason is Reason.TOOL_FAILED
    assert status.error.message.startswith(("client: ", "the client "))
    assert not orchestra.server.tools()


@pytest.mark.parametrize("spec", [{}, {"tool": "iperf3"}], ids=["iperf", "iperf3"])
def test_server_tool_killed_in_flight_fails_both_sides(orchestra, spec):
    """A client does not go on against a server that is gone."""
    orchestra.set_running(**spec)
    for pid in orchestra.server.tools():
        os.kill(pid, signal.SIGKILL)
    status = orchestra.settled(seconds=10)
    assert status.phase is Phase.FAILED
    assert {status.client.phase, status.server.phase} == {Phase.FAILED}
    assert not orchestra.client.tools()


def test_deleted_request_ends_its_tools_and_reports_nothing(api, wait, orchestra):
    """Whoever deletes a request in flight gets the tools ended, and no more writes."""
    orchestra.set_running()
    api.delete(REQUESTS, "a")
    asked = len(api.asked)
    for worker in (orchestra.client, orchestra.server):
        wait(lambda log=worker.log: "deleted: given up" in log.read_text())
        assert not worker.tools()
    assert "PATCH" not in {method for method, _ in api.asked[asked:]}


def test_invalid_spec_is_rejected_by_field(orchestra):
    """A spec that the schema should have kept out fails with its fields, and starts nothing."""
    orchestra.api.request("a", client="client", server="server", serverPodIP="; rm -rf /", duration=-1)
    error = orchestra.settled().error
    assert error.reason is Reason.REQUEST_REJECTED
    assert "spec.serverPodIP" in error.message
    assert "spec.duration" in error.message


def test_api_server_that_goes_away_in_flight_costs_nothing(api, orchestra):
    """Traffic goes on while the API server restarts, and the reports arrive afterwards."""
    orchestra.request(**UDP)
    orchestra.armed()
    at = api.fire()
    orchestra.wait(lambda: (side := api.status("a").client).started_at or side.phase is Phase.RUNNING)
    api.stop()
    api.start()
    status = orchestra.settled()
    assert status.error is None
    assert status.client.started_at >= at


def test_nobody_starts_the_requests_of_anothers_run(api, orchestra):
    """A run counts by its own name: one that calls itself like another publishes no start for it."""
    orchestra.request()
    orchestra.armed()
    start = {"round": 0, "at": "2026-01-31T12:00:00.000000Z"}
    api.put(RUNS, "intruder", {"runID": "run-1", "scenario": "tcp-1:1", "starts": [start]})
    at = api.fire()
    status = orchestra.settled()
    assert (status.phase, status.error) == (Phase.SUCCEEDED, None)
    assert status.client.started_at >= at


def test_a_client_makes_no_traffic_to_a_web_server_that_is_no_worker(api, orchestra, address):
    """Whoever answers in HTTP, and is not the worker of this very request, is left alone."""
    with TrafficServers().serving(stranger := address(), 5301, "another"):
        api.request("a", client="client", server="nobody", serverPodIP=stranger, armTimeout=1, **HTTP)
        orchestra.wait(lambda: (side := api.status("a").client) and side.phase.is_final, what="the refusal")
    error = api.status("a").client.error
    assert error.reason is Reason.ARM_TIMEOUT
    assert "is answered with 404" in error.message


def test_a_worker_serves_only_so_many_requests_at_once(api, orchestra, address):
    """A flood of requests is refused beyond a bound: each costs a thread."""
    server = address()
    for index in range(129):
        api.request(f"flood-{index}", client="client", server="nobody", serverPodIP=server, armTimeout=20)

    def refusals():
        sides = [api.status(f"flood-{index}").client for index in range(129)]
        return [side.error.message for side in sides if side and side.error]

    assert orchestra.wait(refusals, what="a refusal") == ["this worker serves 128 requests already"]
