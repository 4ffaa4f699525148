"""Whole runs by each way from client to server, with real tools on the embedded cluster."""

from __future__ import annotations

import base64
import ipaddress
import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flows import environment
from netcadence.kube.facts import cluster_facts
from netcadence.kube.installation import install
from netcadence.kube.resource import POD, SERVICE
from netcadence.lake import Lake
from netcadence.record import Verdict
from netcadence_worker.contract import RUN_LABEL, Reason


@pytest.fixture
def passed(measure, write_scenario, tmp_path):
    """Return what measures a scenario, sees that it passes, and gives its rows in the lake."""

    def passed(name, protocol="TCP", *, sla=None, **fields):
        lake = tmp_path / "lake"
        options = {"sla": sla} if sla else {}
        state = measure(write_scenario(name, protocol, **fields), lake=str(lake), **options)
        report = state.result(raise_on_failure=False)
        assert report.judgement.verdict is Verdict.PASS, report
        return Lake(lake).results()

    return passed


@pytest.fixture
def dual_stack(access):
    """Skips where the embedded network is without IPv6."""
    if cluster_facts(access).network != "namespaces":
        pytest.skip("pods have no IPv6 address: the embedded network is without namespaces")


@pytest.fixture
def services(access):
    """Skips where the embedded network has no Services."""
    if "services" in cluster_facts(access).lacks:
        pytest.skip("the embedded network is without Services: it has no namespaces, or nftables is missing")


@pytest.mark.usefixtures("services")
@pytest.mark.parametrize(
    ("protocol", "path", "family"),
    [
        ("TCP", "cluster-ip", None),
        ("HTTP", "cluster-ip", "ipv6"),
        ("UDP", "node-port", None),
        ("HTTP", "load-balancer", None),
    ],
)
def test_traffic_goes_through_a_service_of_the_server_alone(passed, access, protocol, path, family):
    """Two clients of one server each have a port of the one Service; it is gone with the run."""
    name = f"{protocol.lower()}-2:1"
    rows = passed(
        name, protocol, path=path, clients=2, servers=1, **({"ip_family": family} if family else {})
    )
    assert (set(rows["path"]), len(set(rows["target_port"]))) == ({path}, 2)
    assert list(rows["target"]) == list(rows["target_ip"])
    assert not set(rows["target"]) & set(rows["server_ip"])
    assert {":" in address for address in rows["target"]} == {family == "ipv6"}
    assert access.list(SERVICE, "netcadence", selector=RUN_LABEL)[0] == []


def test_the_name_of_a_headless_service_is_resolved_once_and_leads_to_the_server(passed, access):
    if lacking := {"services", "dns"} & cluster_facts(access).lacks:
        pytest.skip(f"the embedded network is without {' and '.join(sorted(lacking))}")
    rows = passed("udp-1:1", "UDP", path="dns")
    assert rows["target"].str.fullmatch(r"s\d-[-a-z0-9]+\.netcadence\.svc").all()
    assert list(rows["target_ip"]) == list(rows["server_ip"])


@pytest.mark.usefixtures("dual_stack")
@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_traffic_goes_over_ipv6(passed, protocol):
    """HTTP does so in a test above."""
    rows = passed(f"{protocol.lower()}-1:1", protocol, ip_family="ipv6")
    assert all(
        ":" in address for column in ("client_ip", "server_ip", "target_ip") for address in rows[column]
    )
    assert set(rows["path"]) == {"pod-ip"}


@pytest.fixture
def outside(access, cluster, kubeconfig_of, tmp_path):
    """A worker on the machine itself, as a person starts it, beside the cluster's pods; its name and address.

    Pods reach the machine at the address of the API server.
    """
    install(access, "netcadence", environment.MANIFESTS)
    config = yaml.safe_load(kubeconfig_of(cluster, "netcadence", "netcadence-worker").read_text())
    for each in config["clusters"]:  # as `kubectl config view --flatten` does
        authority = Path(each["cluster"].pop("certificate-authority"))
        each["cluster"]["certificate-authority-data"] = base64.b64encode(authority.read_bytes()).decode()
    file = tmp_path / "outside.json"
    file.write_text(json.dumps(config))
    address = _gateway(access)
    command = [sys.executable, "-m", "netcadence_worker", "--external", "outside", "--address", address]
    process = subprocess.Popen([*command, "--kubeconfig", str(file)])
    yield {"name": "outside", "address": address}
    process.terminate()
    assert process.wait(10) == 0


def _gateway(access):
    """Return the machine's own address in the cluster's network: the first one of the nodes' range."""
    node = cluster_facts(access).sites[0].addresses[0]
    if ipaddress.ip_address(node).is_loopback:
        return "127.18.255.254"
    return str(ipaddress.ip_network(f"{node}/20", strict=False)[1])


def test_pods_measure_to_a_machine_outside_of_the_cluster(passed, outside):
    """Its worker arms and reports like any other, and its clock is the reference: it need reach no pod."""
    rows = passed("tcp-2:1", path="external", external=outside, clients=2)
    assert (set(rows["server_pod"]), set(rows["target_ip"])) == ({"outside"}, {outside["address"]})
    assert set(rows["clock_reference"]) == {"outside"}
    assert len(set(rows["client_pod"])) == len(set(rows["port"])) == 2
    assert rows["clock_offset_s"].notna().all()


def test_a_machine_outside_on_which_no_worker_runs_is_an_error_row(measure, write_scenario, access):
    nobody = {"name": "nobody", "address": _gateway(access)}
    scenario = write_scenario("tcp-1:1", path="external", external=nobody, arm_timeout_s=1)
    report = measure(scenario).result(raise_on_failure=False)
    assert report.judgement.verdict is Verdict.INVALID
    assert report.record.outcomes[0].error.reason in (Reason.CONNECTION_REFUSED, Reason.CONNECT_TIMEOUT)


def test_the_pod_network_is_compared_with_the_nodes_own_in_one_run(passed, write_sla, access):
    """Each round has its counterpart, of which nothing is judged but what the pod network costs beside it."""
    sla = write_sla(throughput_min_kbytes=1, overlay_cost_max_percent=99)
    rows = passed("tcp-1:1", sla=sla, baseline="host-network", rounds=2)
    carried = rows[rows["metric"] == "throughput"].set_index(["round", "path"])["value"].to_dict()
    assert list(carried) == [(0, "pod-ip"), (2, "pod-ip"), (1, "host-network"), (3, "host-network")]
    costs = rows[rows["metric"] == "overlay_cost"].set_index("round")["value"].to_dict()
    assert costs == {
        round_: pytest.approx(100 * (1 - carried[round_, "pod-ip"] / carried[round_ + 1, "host-network"]))
        for round_ in (0, 2)
    }
    nodes = {site.name: site.addresses[0] for site in cluster_facts(access).sites}
    hosts = rows[rows["path"] == "host-network"]
    assert (list(hosts["client_ip"]), list(hosts["server_ip"])) == (
        [nodes[name] for name in hosts["client_node"]],
        [nodes[name] for name in hosts["server_node"]],
    )
    assert access.list(POD, "netcadence-host")[0] == []


def test_both_pods_can_be_in_their_nodes_own_network(passed):
    rows = passed("udp-1:1", "UDP", path="host-network")
    assert set(rows["path"]) == {"host-network"}
    assert len(set(rows["client_ip"]) | set(rows["server_ip"])) == 2
