"""Runs on nodes that people chose, and what is said of a run before it is made."""

from __future__ import annotations

import json
import os

import pytest

from flows.command_line import application, outcome_of
from netcadence.embedded import Cluster, Settings
from netcadence.kube.access import Access
from netcadence.kube.resource import CRD, NAMESPACE, NODE
from netcadence.lake import Lake


def command(*words):
    return outcome_of(lambda: application([str(word) for word in words], standalone_mode=False))


@pytest.fixture(scope="module")
def untouched(home, images):
    """A cluster of three nodes in two zones that nobody has run anything on."""
    del home
    with Cluster.up(Settings(name=f"plan-{os.getpid()}", nodes=3, images=images)) as cluster:
        yield cluster


def test_a_plan_shows_each_pair_of_nodes_and_makes_nothing(untouched, capsys):
    words = ("udp-1:1", "--client-node", "node-2", "--server-node", "node-0", "--json")
    assert command("plan", *words, "--kubeconfig", untouched.kubeconfig) == 0
    (plan,) = json.loads(capsys.readouterr().out)
    assert plan["node_pairs"] == [
        {
            "client_node": "node-2",
            "server_node": "node-0",
            "pairs": 1,
            "max_bits_per_s": 1_000_000,
            "max_bytes": 1_250_000,
        }
    ]
    assert (plan["node_pairs_certain"], plan["traffic_s"], plan["refusals"]) == (True, 10, [])
    access = Access.connect(kubeconfig=untouched.kubeconfig)
    assert access.list(CRD)[0] == []
    assert "netcadence" not in {each["metadata"]["name"] for each in access.list(NAMESPACE)[0]}
    access.close()


def test_a_plan_that_the_cluster_cannot_do_exits_with_2_and_says_what_is_missing(untouched, capsys):
    words = ("udp-1:1", "--node-selector", "pool=none", "--kubeconfig", untouched.kubeconfig)
    assert command("plan", *words) == 2
    assert "2 nodes missing" in " ".join(capsys.readouterr().out.split())


def test_a_plan_names_the_taint_that_closes_a_node_and_uses_the_node_where_it_is_tolerated(
    untouched, write_scenario, capsys
):
    pairs = {"nodes": {"pairs": [{"client_node": "node-1", "server_node": "node-2"}]}}
    tolerant = {"tolerations": [{"key": "dedicated", "operator": "Exists"}]}
    refused = write_scenario("udp-1:1", "UDP", **pairs)
    accepted = write_scenario("udp-1:1", "UDP", **pairs, worker=tolerant)
    access = Access.connect(kubeconfig=untouched.kubeconfig)
    taint = {"key": "dedicated", "value": "db", "effect": "NoExecute"}
    access.patch(NODE, "node-1", {"spec": {"taints": [taint]}})
    try:
        assert command("plan", refused, "--kubeconfig", untouched.kubeconfig) == 2
        said = " ".join(capsys.readouterr().out.split())
        assert "node-1 is tainted dedicated=db:NoExecute, which worker.tolerations does not name" in said
        assert command("plan", accepted, "--kubeconfig", untouched.kubeconfig) == 0
    finally:
        access.patch(NODE, "node-1", {"spec": {"taints": None}})
        access.close()


def test_a_plan_without_a_cluster_shows_the_demand(home, monkeypatch, tmp_path, capsys):
    del home
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "none"))
    assert command("plan", "tcp-50:50") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "100 workers on at least 2 nodes (cross-node)" in said
    assert "the scenario sets no bound" in said


def test_a_run_over_its_budget_exits_with_2_before_anything_is_made(untouched, capsys):
    words = ("udp-1:1", "--max-total-bytes", "1M", "--kubeconfig", untouched.kubeconfig)
    assert command("run", *words) == 2
    assert "sends up to 1,250,000 bytes in all; limits.max_total_bytes allows 1,000,000" in (
        capsys.readouterr().err
    )
    access = Access.connect(kubeconfig=untouched.kubeconfig)
    assert access.list(CRD)[0] == []
    access.close()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--client-node", "node-0"), "a client node needs a server node beside it"),
        (("--node-selector", "pool"), "allowed: KEY=VALUE"),
        (("--max-total-bytes", "lots"), "max_total_bytes: 'lots': is no amount"),
    ],
)
def test_what_makes_no_sense_is_refused(words, said, capsys):
    assert command("run", "tcp-1:1", *words) == 2
    assert said in capsys.readouterr().err


def test_a_run_between_two_named_nodes_is_kept_with_what_these_nodes_are(
    prefect, cluster, home, write_scenario, write_sla
):
    del prefect
    scenario, sla = write_scenario("udp-chosen", "UDP"), write_sla(packet_loss_max_percent=99)
    words = ("--client-node", "node-1", "--server-node", "node-0", "--sla", sla, "--run-id", "chosen")
    assert command("run", scenario, *words, "--kubeconfig", cluster.kubeconfig) == 0
    lake = Lake(str(home.lake))
    results = lake.results(run_id="chosen")
    assert set(zip(results["client_node"], results["server_node"], strict=True)) == {("node-1", "node-0")}
    run = lake.runs(run_id="chosen").iloc[0]
    assert {node["name"] for node in run["nodes"]} == {"node-0", "node-1"}
    assert {node["mtu"] for node in run["nodes"]} == {run["mtu"]}
    assert run["mtu"] >= 1_280
    assert all(node["allocatable_cpu"] >= 1 and node["architecture"] for node in run["nodes"])


def test_a_ratio_is_run_as_its_plan_says_and_each_pair_is_kept_with_its_two_pods(
    measure, cluster, home, write_scenario, capsys
):
    scenario = write_scenario("tcp-3:2", clients=3, servers=2)
    assert command("plan", scenario, "--kubeconfig", cluster.kubeconfig, "--json") == 0
    (plan,) = json.loads(capsys.readouterr().out)
    assert {each["kind"]: each["count"] for each in plan["objects"]}["Pod"] == 5
    assert measure(scenario, run_id="ratio").is_completed()
    results = Lake(str(home.lake)).results(run_id="ratio")
    rates = results[results["metric"] == "throughput"]
    assert (len(rates), rates["client_pod"].nunique(), rates["server_pod"].nunique()) == (3, 3, 2)
    assert (rates["value"] > 0).all()
    kept = rates.groupby(["client_node", "server_node"]).size().to_dict()
    assert kept == {(each["client_node"], each["server_node"]): each["pairs"] for each in plan["node_pairs"]}
