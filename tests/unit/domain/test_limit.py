"""What limited a pair: network, processors, or the harness."""

import pytest

from netcadence import scenario
from netcadence.limit import Limit, with_limit
from netcadence.pair import Pair, WorkerPod
from netcadence.record import PairOutcome
from netcadence_worker.contract import (
    Mark,
    ResourceUsage,
    Result,
    Role,
    SiegeOptions,
    Tool,
    ToolOptions,
    ToolVersion,
)

POD = WorkerPod(name="w", uid="u", ip="198.18.0.1", node="n")
TCP, UDP, HTTP = (scenario.find(name) for name in ("tcp-1:1", "udp-1:1", "http-1:1"))
IMPATIENT = HTTP.model_copy(update={"options": ToolOptions(siege=SiegeOptions(delay=0))})
FULL_RATE = UDP.traffic.pair_bits_per_s / 8 / 1024


def used(**changes):
    calm = {"seconds": 10.0, "processors": 8, "tool_cpu": 0.4, "node_busy": 20.0, "node_softirq": 3.0}
    return ResourceUsage(**calm | changes)


def judged(chosen, *, client=used(), server=used(), throughput=500.0, **more):  # noqa: B008 - frozen
    usage = {role: side for role, side in ((Role.CLIENT, client), (Role.SERVER, server)) if side}
    results = (Result.of("throughput", throughput),)
    return with_limit(PairOutcome(Pair(0, POD, POD, 5001), results=results, usage=usage, **more), chosen)


@pytest.mark.parametrize(
    ("chosen", "circumstances", "limit", "marks"),
    [
        (TCP, {}, Limit.NETWORK, ()),
        (TCP, {"client": used(tool_cpu=0.95)}, Limit.CPU, (Mark.CPU_BOUND,)),
        (TCP, {"server": used(node_busy=97.0)}, Limit.CPU, (Mark.CPU_BOUND,)),
        (TCP, {"marks": (Mark.CPU_BOUND,)}, Limit.CPU, (Mark.CPU_BOUND,)),
        (TCP, {"client": used(throttled=0.2)}, Limit.HARNESS, (Mark.HARNESS_BOUND,)),
        (TCP, {"client": used(throttled=0.01)}, Limit.NETWORK, ()),
        (TCP, {"server": None}, "", ()),
        (TCP, {"server": None, "client": used(tool_cpu=0.95)}, Limit.CPU, (Mark.CPU_BOUND,)),
        (UDP, {"throughput": FULL_RATE, "client": used(tool_cpu=1.0)}, Limit.HARNESS, ()),
        (UDP, {"throughput": 0.9 * FULL_RATE, "client": used(tool_cpu=1.0)}, Limit.CPU, (Mark.CPU_BOUND,)),
        (UDP, {"throughput": FULL_RATE, "client": used(node_busy=99.0)}, Limit.HARNESS, (Mark.CPU_BOUND,)),
        (HTTP, {}, Limit.HARNESS, ()),
        (IMPATIENT, {}, Limit.NETWORK, ()),
        (IMPATIENT, {"server": used(tool_cpu=0.97)}, Limit.CPU, (Mark.CPU_BOUND,)),
    ],
)
def test_the_limit_follows_the_stated_rule(chosen, circumstances, limit, marks):
    outcome = judged(chosen, **circumstances)
    assert (outcome.limit, outcome.marks) == (limit, marks)


def test_a_tool_of_several_streams_may_use_as_many_processors():
    four = TCP.model_copy(update={"streams": 4})
    assert judged(four, client=used(tool_cpu=2.0)).limit is Limit.NETWORK
    assert judged(four, client=used(tool_cpu=3.7)).limit is Limit.CPU
    assert judged(four, client=used(tool_cpu=1.9, processors=2)).limit is Limit.CPU


@pytest.mark.parametrize(
    ("version", "limit"), [("3.12", Limit.CPU), ("3.16", Limit.NETWORK), ("", Limit.CPU)]
)
def test_an_old_iperf3_has_one_processor_for_all_its_streams(version, limit):
    four = scenario.find("tcp-iperf3").model_copy(update={"streams": 4})
    tools = {Role.CLIENT: ToolVersion(name=Tool.IPERF3, version=version)} if version else {}
    assert judged(four, client=used(tool_cpu=1.0), server=used(tool_cpu=0.2), tools=tools).limit is limit


def test_two_ways_are_two_threads_of_a_stream():
    duplex = scenario.find("tcp-duplex")
    assert judged(duplex, client=used(tool_cpu=1.5)).limit is Limit.NETWORK
    assert judged(duplex, client=used(tool_cpu=1.9)).limit is Limit.CPU


def test_what_the_machines_did_is_told_beside_the_result_and_what_was_not_seen_is_left_out():
    outcome = judged(TCP, client=used(retransmits=7))
    assert outcome.value("client_retransmits") == 7
    assert outcome.value("server_retransmits") is None
    assert outcome.value("server_node_busy") == 20.0
    assert [result.metric for result in outcome.results] == ["throughput"]


@pytest.mark.parametrize(
    ("rate", "client", "limit"),
    [
        (199.0, {}, Limit.HARNESS),
        (199.0, {"tool_cpu": 3.9}, Limit.HARNESS),
        (120.0, {"tool_cpu": 3.9}, Limit.CPU),
        (120.0, {}, Limit.NETWORK),
    ],
)
def test_a_pair_that_makes_all_requests_that_it_was_told_to_is_limited_by_that(rate, client, limit):
    usage = {Role.CLIENT: used(**client), Role.SERVER: used()}
    results = (Result.of("request_rate", rate),)
    outcome = PairOutcome(Pair(0, POD, POD, 5301), results=results, usage=usage)
    assert with_limit(outcome, scenario.find("grpc-qps")).limit == limit
