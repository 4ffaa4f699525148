"""Meshes: every node with every other, on a real cluster of four nodes."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from flows.command_line import application, outcome_of
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
