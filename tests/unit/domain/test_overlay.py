"""What the pod network costs beside the nodes' own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netcadence import document, sla
from netcadence.errors import InvalidInputError
from netcadence.forecast import forecast
from netcadence.judgement.doubt import weighed
from netcadence.nodes import Site
from netcadence.overlay import beside_hosts, cost_of, with_cost
from netcadence.pair import Pair, WorkerPod
from netcadence.record import Finding, PairOutcome, RunRecord, Verdict
from netcadence.repeats import repeated
from netcadence.scenario import Scenario
from netcadence_worker.contract import Mark, Reason, ReportedError, Result

TCP = {"name": "mine", "title": "Mine", "protocol": "TCP", "tool": "iperf", "baseline": "host-network"}
HOSTS = {node: WorkerPod(f"h-{node}", f"h-{node}", f"192.0.2.{node}", node, on_host=True) for node in "123"}


def pod(number, node):
    return WorkerPod(f"w{number}", f"w{number}", f"198.18.0.{number}", node)


def plan(rounds=2):
    """Two pairs towards one node, and one elsewhere."""
    ways = (("1", "2"), ("3", "2"), ("2", "1"))
    return tuple(
        Pair(3 * round_ + number, pod(2 * number, client), pod(2 * number + 1, server), 5001, round_)
        for round_ in range(rounds)
        for number, (client, server) in enumerate(ways)
    )


def measured(pair, value, *marks):
    return PairOutcome(pair, results=(Result.of("throughput", value),), marks=marks)


def test_each_pair_has_a_counterpart_between_its_nodes_in_the_round_after_its_own():
    pairs = beside_hosts(plan(), HOSTS, base_port=5001)
    own, counterparts = pairs[:6], pairs[6:]
    assert [pair.round for pair in own] == [0, 0, 0, 2, 2, 2]
    for pair, other in zip(own, counterparts, strict=True):
        assert (other.index, other.round, other.is_baseline) == (pair.index + 6, pair.round + 1, True)
        assert (other.client.node, other.server.node) == (pair.client.node, pair.server.node)
        assert other.client.on_host
        assert other.server.on_host
    assert len({pair.index for pair in pairs}) == 12


def test_a_node_serves_each_of_its_pairs_on_a_port_of_its_own():
    counterparts = beside_hosts(plan(), HOSTS, base_port=5001)[6:]
    assert [pair.port for pair in counterparts] == [5001, 5002, 5001] * 2


def test_the_cost_is_what_is_carried_less_by_the_same_pair_in_the_same_repeat():
    once = beside_hosts(plan(rounds=1), HOSTS, base_port=5001)
    for number in range(2):
        pairs = repeated(once, number)
        outcomes = [measured(pair, 90 + number) for pair in pairs if not pair.is_baseline]
        baseline = [measured(pair, 100) for pair in pairs if pair.is_baseline]
        costs = [each.value("overlay_cost") for each in with_cost(outcomes, baseline, distance=3)]
        assert costs == [pytest.approx(10 - number)] * 3


def test_without_a_counterpart_that_measured_there_is_no_cost():
    pair, counterpart = plan()[0], replace(plan()[0], index=6, is_baseline=True)
    lost = PairOutcome(counterpart, error=ReportedError.of(Reason.POD_LOST, "gone"))
    for baseline in ((), (lost,), (measured(counterpart, 0),)):
        (outcome,) = with_cost([measured(pair, 5)], baseline, distance=6)
        assert outcome.value("overlay_cost") is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"path": "host-network"}, "path: 'host-network': has no counterpart"),
        ({"shape": "mesh"}, "shape: 'mesh': has no counterpart on the host network"),
        ({"placement": "any"}, "allowed with a baseline: cross-node, cross-zone"),
        ({"clients": 200}, "allowed with a baseline: up to 128"),
        ({"baseline": "pod-ip"}, "'host-network'"),
    ],
)
def test_what_has_no_counterpart_is_refused(fields, words):
    with pytest.raises(InvalidInputError) as refused:
        document.validated({**TCP, **fields}, Scenario, source="mine.yaml")
    assert words in str(refused.value)


def test_a_threshold_on_the_cost_needs_a_baseline(tmp_path):
    file = tmp_path / "sla.yaml"
    file.write_text("scenarios: {mine: {overlay_cost_max_percent: 10}}")
    (requirement,) = sla.load(file).requirements_for(Scenario.model_validate(TCP))
    assert (requirement.metric.name, requirement.unit) == ("overlay_cost", "%")
    with pytest.raises(InvalidInputError, match="it is measured without a baseline"):
        sla.load(file).requirements_for(Scenario.model_validate({**TCP, "baseline": None}))


def test_a_forecast_counts_the_hosts_and_their_rounds():
    sites = [Site(node, room=10) for node in "123"]
    plain, compared = (
        forecast(Scenario.model_validate({**TCP, "baseline": each}), namespace="n", sites=sites)
        for each in (None, "host-network")
    )
    made = {each.kind: each.count for each in compared.makings}
    assert (made["Pod"], made["Deployment"], made["NetworkTestRequest"]) == (4, 3, 2)
    assert compared.traffic_s == 2 * plain.traffic_s


@pytest.fixture
def finding():
    return Finding(
        "sla", "overlay_cost_max_percent", "overlay_cost", "Perc50", 5, "%", "<=", 10, Verdict.PASS
    )


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL])
def test_a_cost_that_processors_had_a_part_in_is_said_to_be_theirs(finding, verdict, tmp_path):
    """On whichever side of the comparison they held pairs up."""
    file = tmp_path / "sla.yaml"
    file.write_text("scenarios: {mine: {overlay_cost_max_percent: 10}}")
    (requirement,) = sla.load(file).requirements_for(Scenario.model_validate(TCP))
    pair = plan()[0]
    record = _record(measured(pair, 95), measured(replace(pair, is_baseline=True), 100, Mark.CPU_BOUND))
    judged = weighed(replace(finding, verdict=verdict), requirement, record)
    assert judged.verdict is verdict
    assert "1 of 2 pairs on either network held up by processors" in judged.detail
    assert cost_of(record) is None


class _Facts:
    is_repeated = False
    planned_pairs = 1
    run_id = "r"


def _record(outcome, counterpart):
    return RunRecord(_Facts(), (outcome,), None, (counterpart,))
