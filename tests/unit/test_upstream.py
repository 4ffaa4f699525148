"""What ClusterLoader2's worker can be asked, and what its reports mean."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcadence import scenario as scenarios
from netcadence import upstream
from netcadence.errors import InvalidInputError
from netcadence.scenario import Scenario
from netcadence_worker.contract import Mark, Phase, Protocol, Reason, Tool
from netcadence_worker.metrics import METRICS, POSITIONS

START = 1_770_000_000
UDP = (1000.0, 100.0, 0.02, 1.0, 500.0, 0.2, 0.5, 0.1, 2.0, 0.05, 50.0)
HTTP = (100.0, 100.0, 9.9, 0.1, 0.02, 10.1, 0.01, 0.2, 100.0, 0.0, 0.05)


def status_of(protocol, **status):
    spec = {
        "clientPodName": "a",
        "serverPodName": "b",
        "serverPodIP": "198.18.0.2",
        "protocol": protocol,
        "duration": 10,
        "clientStartTimestamp": START,
        "numberOfClients": 1,
    }
    return upstream.status_of(spec, status)


def scenario(protocol="TCP", **fields):
    tool = "siege" if protocol == "HTTP" else "iperf"
    return Scenario.model_validate(
        {"name": "mine", "title": "Mine", "protocol": protocol, "tool": tool, "duration_s": 1} | fields
    )


#: What its worker cannot: serve two requests at once, be client in one round and server in another, run other
#: tools than iperf 2 and siege, or iperf 2 with options over TCP.
BEYOND = {
    *("tcp-1:4", "tcp-4:1", "tcp-mesh"),
    *(each.name for each in scenarios.shipped() if each.tool not in (Tool.IPERF, Tool.SIEGE)),
    *(each.name for each in scenarios.shipped() if each.protocol is Protocol.TCP and each.options.iperf),
}


@pytest.mark.parametrize("name", [each.name for each in scenarios.shipped() if each.name not in BEYOND])
def test_every_shipped_scenario_of_equal_numbers_can_be_asked(name):
    upstream.check(scenarios.find(name))


@pytest.mark.parametrize("name", sorted(BEYOND))
def test_a_shape_that_its_worker_cannot_take_is_refused(name):
    with pytest.raises(InvalidInputError, match=f"scenario {name}: .* cannot be asked .*; allowed: "):
        upstream.check(scenarios.find(name))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"baseline": "host-network"}, "baseline 'host-network' cannot be asked of ClusterLoader2's worker"),
        ({"ip_family": "ipv6"}, "ip_family 'ipv6' cannot be asked of"),
        ({"rounds": 2}, "rounds 2 cannot be asked of ClusterLoader2's worker; allowed: 1"),
        ({"streams": 2}, "streams 2 cannot"),
        ({"port": 5002}, "port 5002 cannot be asked of ClusterLoader2's worker; allowed: 5001"),
        ({"placement": "same-node"}, "placement 'same-node' cannot"),
        ({"nodes": {"zones": ["a"]}}, "nodes 'given' cannot"),
        ({"options": {"iperf": {"bandwidth": 1_000_000}}}, "options.iperf 'given' cannot"),
        ({"protocol": "HTTP", "options": {"siege": {"delay": 0}}}, "options.siege.delay 0.0 cannot"),
    ],
)
def test_what_its_words_cannot_say_is_refused_by_field_and_what_is_allowed(fields, said):
    with pytest.raises(InvalidInputError, match="scenario mine: ") as refused:
        upstream.check(scenario(**fields))
    assert said in str(refused.value)


@pytest.mark.parametrize("status", [{}, {"metrics": []}])
def test_a_request_without_figures_or_error_is_pending(status):
    assert status_of("TCP", **status).phase is Phase.PENDING


@pytest.mark.parametrize(("protocol", "metrics"), [("TCP", (1000.0, 100.0)), ("UDP", UDP), ("HTTP", HTTP)])
def test_figures_are_named_by_their_position(protocol, metrics):
    found = status_of(protocol, metrics=metrics, workerDelay=0)
    assert found.phase is Phase.SUCCEEDED
    assert tuple(each.metric for each in found.results) == POSITIONS[protocol]
    assert tuple(each.value for each in found.results) == metrics


@pytest.mark.parametrize("metrics", [(1000.0,), (1000.0, 100.0, 3.0), ()])
def test_figures_of_another_number_are_not_believed(metrics):
    error = status_of("TCP", metrics=metrics, workerDelay=0.0).error
    assert error.reason is Reason.PARSE_FAILED
    assert f"{len(metrics)} figures where TCP has 2" in error.message


def test_a_figure_that_cannot_be_true_is_refused_by_name():
    error = status_of("TCP", metrics=(1000.0, -1.0), workerDelay=0).error
    assert error.reason is Reason.PARSE_FAILED
    assert error.message == "throughput of -1 KBytes/s cannot be true"


def test_an_error_that_arrives_is_the_pairs():
    error = status_of("TCP", error="iperf: connection refused").error
    assert (error.reason, error.message) == (Reason.TOOL_FAILED, "iperf: connection refused")


def test_an_error_of_another_shape_is_not_understood_rather_than_passed_over():
    assert status_of("TCP", metrics=[], error={}).error.reason is Reason.PARSE_FAILED


@pytest.mark.parametrize(
    ("latencies", "marks"),
    [
        ((0.5, 0.1, 2.0), ()),
        ((-0.5, -1.0, 2.0), (Mark.CLOCKS_DISAGREE,)),
        ((3.0, 0.1, 2.0), (Mark.CLOCKS_DISAGREE,)),
    ],
)
def test_a_latency_that_clocks_do_not_allow_is_kept_and_marked(latencies, marks):
    found = status_of("UDP", metrics=(*UDP[:6], *latencies, *UDP[9:]), workerDelay=0)
    assert found.marks == marks
    assert found.results[6].value == latencies[0]


@pytest.mark.parametrize(
    ("protocol", "metrics", "delay", "known"),
    [
        ("HTTP", HTTP, 0.25, True),
        ("HTTP", HTTP, 0.0, False),
        ("TCP", (1000.0, 100.0), 0.25, False),
    ],
)
def test_only_a_client_that_was_late_has_told_when_it_started(protocol, metrics, delay, known):
    started_at = status_of(protocol, metrics=metrics, workerDelay=delay).client.started_at
    assert started_at == (datetime.fromtimestamp(START + delay, UTC) if known else None)


@given(
    metrics=st.lists(st.floats() | st.integers() | st.none() | st.text(max_size=3), max_size=12),
    delay=st.none() | st.floats(0, 10),
    protocol=st.sampled_from(list(POSITIONS)),
)
def test_whatever_a_worker_says_a_success_holds_sane_figures_only(metrics, delay, protocol):
    found = status_of(protocol, metrics=metrics, workerDelay=delay)
    assert (found.phase is Phase.FAILED) == (found.error is not None)
    if found.phase is Phase.SUCCEEDED:
        assert len(found.results) == len(POSITIONS[protocol])
        assert all(METRICS[each.metric].is_sane(each.value) for each in found.results)
        assert all(math.isfinite(each.value) for each in found.results)
