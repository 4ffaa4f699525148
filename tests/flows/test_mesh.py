"""Meshes: every node with every other, on a real cluster of four nodes."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from flows.command_line import application, outcome_of
from netcadence import blame
from netcadence.blame import Part
from netcadence.embedded import Cluster, Settings
from netcadence.kube.access import Access
from netcadence.kube.resource import CRD
from netcadence.lake import Lake

NODES = 4


@pytest.fixture(scope="module")
def wide(home, images):
    del home
    with Cluster.up(Settings(name=f"mesh-{os.getpid()}", nodes=NODES, images=images)) as cluster:
        yield cluster


def test_a_mesh_on_one_node_exits_with_2_before_anything_is_made(wide, write_scenario, prefect, capsys):
    del prefect
    scenario = write_scenario("tcp-alone", shape="mesh", nodes={"names": ["node-0"]})
    code = outcome_of(
        lambda: application(
            ["run", str(scenario), "--kubeconfig", str(wide.kubeconfig)], standalone_mode=False
        )
    )
    assert code == 2
    said = " ".join(capsys.readouterr().out.split())
    assert "tcp-alone needs at least 2 nodes named node-0, for a mesh measures them with each other" in said
    assert "there is 1 of 4 nodes (node-0)" in said
    access = Access.connect(kubeconfig=wide.kubeconfig)
    assert access.list(CRD)[0] == []
    access.close()


def test_a_mesh_measures_each_node_with_each_other_one_pair_at_a_time(wide, measure, write_scenario):
    state = measure(write_scenario("tcp-mesh-of-4", shape="mesh"), on=wide)
    assert state.is_completed(), state.message
    done = state.result()
    pairs = [outcome.pair for outcome in done.record.outcomes]
    nodes = [f"node-{number}" for number in range(NODES)]
    wanted = [(one, other) for one in nodes for other in nodes if one != other]
    assert Counter((pair.client.node, pair.server.node) for pair in pairs) == Counter(wanted)
    assert len({worker for pair in pairs for worker in (pair.client, pair.server)}) == NODES
    for round_ in range(2 * (NODES - 1)):
        met = [
            node for each in pairs if each.round == round_ for node in (each.client.node, each.server.node)
        ]
        assert sorted(met) == nodes
    results = Lake(done.lake).results(run_id=done.record.facts.run_id)
    rates = results[results["metric"] == "throughput"]
    assert sorted(zip(rates["client_node"], rates["server_node"], strict=True)) == wanted


#: Of each node's uplink where the mesh is healthy, and of the one that is not.
HEALTHY_BITS_PER_S, SLOW_BITS_PER_S = 100_000_000, 40_000_000


@pytest.fixture
def limited(wide):
    """Give every node an uplink of the same rate, so that the network is the limit and not the processors."""
    if wide.network == "loopback":
        pytest.skip("without network namespaces no uplink can be limited")
    nodes = [f"node-{number}" for number in range(NODES)]
    for node in nodes:
        wide.set_uplink_rate(node, HEALTHY_BITS_PER_S)
    yield wide
    for node in nodes:
        wide.set_uplink_rate(node, None)


def test_a_node_with_a_slow_uplink_is_named_and_a_healthy_mesh_names_nobody(
    limited, measure, write_scenario, artifacts
):
    scenario = write_scenario("tcp-mesh-limited", shape="mesh", duration_s=2, options={})
    healthy = measure(scenario, on=limited)
    assert split(healthy).named == ()
    assert "no node stands out" in said(artifacts, healthy)
    limited.set_uplink_rate("node-2", SLOW_BITS_PER_S)
    ill = measure(scenario, on=limited)
    found = split(ill).named
    assert {(effect.node, effect.part) for effect in found} == {("node-2", part) for part in Part}
    assert all(
        effect.factor == pytest.approx(SLOW_BITS_PER_S / HEALTHY_BITS_PER_S, rel=0.25) for effect in found
    )
    for effect in found:
        assert str(effect) in said(artifacts, ill)
        assert str(effect) in page_of(ill)
    assert "12 of 12 pairs of nodes (100 %)" in page_of(ill)


def split(state):
    return blame.of_mesh(state.result(raise_on_failure=False).record)


def said(artifacts, state):
    (verdict,) = (each["data"] for each in artifacts(state) if each["key"].startswith("verdict-"))
    return verdict


def page_of(state):
    docs = urlsplit(state.result(raise_on_failure=False).judgement.docs).path
    return Path(unquote(docs)).read_text(encoding="utf-8")
