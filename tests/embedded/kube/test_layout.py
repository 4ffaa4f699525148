"""Workers on the nodes that people choose: a real cluster of four nodes in two zones, and real traffic."""

from __future__ import annotations

import re

import pytest

from netcadence import pairing
from netcadence.kube import dispatch
from netcadence.kube.collection import collect, conclude
from netcadence.kube.facts import cluster_facts
from netcadence.kube.observation import Observation
from netcadence.kube.resource import NODE
from netcadence.kube.worker_deployment import WorkerTemplate, deploy
from netcadence.kube.workers import wait_ready
from netcadence.lake.tool_output import unpack
from netcadence.layout import lay_out
from netcadence.pairing import PairingError
from netcadence_worker.contract import Role

#: node-0 and node-2 are in zone-0, the others in zone-1.
BENCH = {"pool": "bench"}


@pytest.fixture(scope="module")
def wide(up, connect):
    """Access to a cluster of four nodes, of which node-1 and node-2 are labelled."""
    with up(nodes=4) as cluster:
        access = connect(cluster)
        for node in ("node-1", "node-2"):
            access.patch(NODE, node, {"metadata": {"labels": BENCH}})
        yield access
        access.close()


@pytest.fixture
def measured(wide, new_run):
    """Return what measures a scenario on those nodes, and gives its outcomes."""

    def measured(**fields):
        run = new_run(access=wide, **fields)
        facts = cluster_facts(wide)
        layout = lay_out(run.scenario.wish, facts.sites)
        owner = dispatch.create_run(run)
        template = WorkerTemplate(run.scenario.worker, ("iperf",))
        for number, group in enumerate(layout.groups):
            deploy(
                run,
                replicas=group.workers,
                template=template,
                owner=owner,
                where=group.where,
                group=number,
            )
        wanted = run.scenario.demand.workers
        workers = wait_ready(run, replicas=wanted, timeout_s=60, zones=facts.zones)
        if layout.places:
            pairs = pairing.seat(workers, layout.places, layout.schedule, base_port=5001)
        else:
            pairs = pairing.plan(workers, pairs=run.scenario.pairs, base_port=5001)
        with Observation(run, workers) as observation:
            dispatch.set_reference(run, pairs[0].client)
            arming = dispatch.arm(run, pairs, owner=owner, observation=observation)
            start = dispatch.fire(run, 0, arming=arming, observation=observation)
            collect(observation, pairs, traffic_s=1 + arming.lead_s, grace_s=15)
            outcomes = conclude(observation, pairs, starts={0: start})
        assert all(outcome.error is None for outcome in outcomes), outcomes
        return outcomes

    return measured


def nodes_of(outcomes):
    return sorted((outcome.pair.client.node, outcome.pair.server.node) for outcome in outcomes)


def test_a_named_pair_of_nodes_measures_from_the_one_to_the_other(measured):
    pairs = [{"client_node": "node-3", "server_node": "node-1"}]
    assert nodes_of(measured(nodes={"pairs": pairs}, clients=2)) == [("node-3", "node-1")] * 2


@pytest.mark.parametrize("tool", [{}, {"protocol": "UDP", "options": {"iperf": {"bandwidth": 1_000_000}}}])
@pytest.mark.parametrize(("clients", "servers"), [(3, 1), (1, 3), (3, 2)])
def test_each_pair_of_a_ratio_has_figures_of_its_own(measured, clients, servers, tool):
    outcomes = measured(clients=clients, servers=servers, **tool)
    pairs = [outcome.pair for outcome in outcomes]
    assert (len({pair.client for pair in pairs}), len({pair.server for pair in pairs})) == (clients, servers)
    assert len({(pair.server, pair.port) for pair in pairs}) == len(pairs) == 3
    assert all(pair.client.node != pair.server.node for pair in pairs)
    for outcome in outcomes:
        said = unpack(outcome.outputs[Role.SERVER]).stdout
        met = re.findall(r"local ([0-9.]+)\S* port (\d+) connected with ([0-9.]+) port", said)
        assert met == [(outcome.pair.server.ip, str(outcome.pair.port), outcome.pair.client.ip)]
        assert outcome.value("throughput") > 0


def test_pairs_of_one_node_stay_on_it(measured):
    outcomes = measured(placement="same-node", clients=3)
    assert nodes_of(outcomes) == [("node-0", "node-0"), ("node-1", "node-1"), ("node-2", "node-2")]


def test_pairs_across_zones_have_their_pods_in_two(measured):
    outcomes = measured(placement="cross-zone", clients=2)
    assert {(each.pair.client.zone, each.pair.server.zone) for each in outcomes} == {
        ("zone-0", "zone-1"),
        ("zone-1", "zone-0"),
    }


def test_pools_keep_clients_and_servers_on_nodes_of_their_own(measured):
    nodes = {"client_pool": {"selector": BENCH}, "server_pool": {"names": ["node-0"]}}
    assert nodes_of(measured(nodes=nodes, clients=2)) == [("node-1", "node-0"), ("node-2", "node-0")]


def test_labels_keep_all_workers_on_nodes_that_have_them(measured):
    outcomes = measured(nodes={"selector": BENCH}, clients=2)
    assert {frozenset(pair) for pair in nodes_of(outcomes)} == {frozenset(("node-1", "node-2"))}


def test_nodes_that_are_missing_are_said_before_anything_is_made(wide, new_run):
    run = new_run(access=wide, nodes={"selector": BENCH, "zones": ["zone-1"]})
    said = r"needs 2 nodes with pool=bench in zone-1 for 2 workers; there is 1 of 4 .*: 1 node missing"
    with pytest.raises(PairingError, match=said):
        lay_out(run.scenario.wish, cluster_facts(wide).sites)


@pytest.fixture
def dressed(wide):
    """A node with marks that clouds and CNI plugins leave on theirs, while the test lasts."""
    marks = {
        "labels": {"node.kubernetes.io/instance-type": "c7.large"},
        "annotations": {"network.cilium.io/ipv4-cilium-host": "198.18.0.9"},
    }
    wide.patch(NODE, "node-1", {"metadata": marks})
    yield "node-1"
    nothing = {part: dict.fromkeys(each) for part, each in marks.items()}
    wide.patch(NODE, "node-1", {"metadata": nothing})


def test_a_node_tells_what_it_is_what_it_has_for_pods_and_where_it_is(wide, dressed):
    cluster = cluster_facts(wide)
    assert cluster.cni == "cilium"
    assert cluster.kubernetes_version.startswith("v1.36")
    facts = cluster.among({dressed})
    (node,) = facts.nodes
    assert (node.name, node.zone, node.region) == ("node-1", "zone-1", "embedded")
    assert node.allocatable_cpu >= 1
    assert node.allocatable_memory_bytes > 2**20
    assert node.architecture
    assert node.kubelet.startswith("v1.36")
    assert node.instance_type == "c7.large"
    assert all((node.kernel, node.os_image, node.container_runtime))


def test_a_cordoned_node_is_passed_over_and_named(wide, new_run):
    run = new_run(access=wide, nodes={"names": ["node-0", "node-1"]})
    wide.patch(NODE, "node-0", {"spec": {"unschedulable": True}})
    try:
        with pytest.raises(
            PairingError, match=r"1 of 4 nodes \(node-1\), and node-0 is cordoned: 1 node missing"
        ):
            lay_out(run.scenario.wish, cluster_facts(wide).sites)
    finally:
        wide.patch(NODE, "node-0", {"spec": {"unschedulable": None}})


@pytest.fixture
def dedicated(wide):
    """A node's name with a taint that keeps pods away while the test lasts."""
    taint = {"key": "dedicated", "value": "db", "effect": "NoSchedule"}
    wide.patch(NODE, "node-0", {"spec": {"taints": [taint]}})
    yield "node-0"
    wide.patch(NODE, "node-0", {"spec": {"taints": None}})


def test_a_tainted_node_is_closed_and_its_taint_is_said(wide, new_run, dedicated):
    run = new_run(access=wide, nodes={"names": [dedicated, "node-1"]})
    said = f"{dedicated} is tainted dedicated=db:NoSchedule, which worker.tolerations does not name"
    with pytest.raises(PairingError, match=said):
        lay_out(run.scenario.wish, cluster_facts(wide).sites)


def test_workers_that_tolerate_a_taint_measure_on_its_node(measured, dedicated):
    worker = {"tolerations": [{"key": "dedicated", "operator": "Exists"}]}
    outcomes = measured(nodes={"pairs": [{"client_node": dedicated, "server_node": "node-1"}]}, worker=worker)
    assert nodes_of(outcomes) == [(dedicated, "node-1")]


def test_workers_that_are_spread_stay_off_a_tainted_node(measured, dedicated):
    assert all(dedicated not in pair for pair in nodes_of(measured(clients=3)))
