"""The way from client to server: what a scenario may ask for, and what that means for the workers."""

from __future__ import annotations

import pytest

from netcadence import document, pairing
from netcadence.adjustment import Adjustment
from netcadence.errors import InvalidInputError
from netcadence.kube.wire import NETCADENCE
from netcadence.layout import Group, lay_out
from netcadence.nodes import Nodes, Pool, Site
from netcadence.pair import WorkerPod
from netcadence.pairing import PairingError
from netcadence.scenario import Scenario, find
from netcadence.traffic_path import AddressMissingError, IPFamily, TrafficPath
from netcadence.upstream import check

TCP = {"name": "mine", "title": "Mine", "protocol": "TCP", "tool": "iperf"}
OUTSIDE = {"path": "external", "external": {"name": "outside", "address": "203.0.113.7"}}
NODES = [Site(f"n{number}", room=10) for number in range(3)]


def scenario(**fields):
    return document.validated({**TCP, **fields}, Scenario, source="mine.yaml")


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"path": "tunnel"}, "path", "'pod-ip', 'cluster-ip'"),
        ({"ip_family": "ipv5"}, "ip_family", "'ipv4' or 'ipv6'"),
        ({"path": "external"}, "external", "name and address of a worker outside of the cluster"),
        ({**OUTSIDE, "path": "dns"}, "external", "allowed with path dns: none"),
        ({**OUTSIDE, "ip_family": "ipv6"}, "ip_family", "allowed: ipv4"),
        ({**OUTSIDE, "clients": 2, "servers": 2}, "servers", "allowed with path external: 1"),
        ({**OUTSIDE, "placement": "same-node"}, "placement", "cross-node, any"),
        ({**OUTSIDE, "nodes": {"client_pool": {"zones": ["a"]}}}, "nodes", "selector, zones, names"),
        ({"path": "load-balancer", "shape": "mesh"}, "path", "allowed in a mesh: pod-ip, cluster-ip"),
        ({"path": "host-network", "placement": "same-node"}, "placement", "cross-node, cross-zone, any"),
        ({**OUTSIDE, "external": {"name": "A B", "address": "127.0.0.1"}}, "external.name", ""),
        ({**OUTSIDE, "external": {"name": "a", "address": "169.254.1.1"}}, "external.address", "no pod has"),
    ],
)
def test_a_path_that_does_not_fit_is_refused_with_field_and_what_is_allowed(fields, field, words):
    with pytest.raises(InvalidInputError, match=r"mine\.yaml") as refused:
        scenario(**fields)
    assert field in str(refused.value)
    assert words in str(refused.value)


def test_any_scenario_can_be_asked_for_by_another_path():
    changed = Adjustment(path=TrafficPath.NODE_PORT, ip_family=IPFamily.IPV6).of(find("udp-1:1"))
    assert (changed.path, changed.ip_family) == (TrafficPath.NODE_PORT, IPFamily.IPV6)
    with pytest.raises(InvalidInputError, match="external: is missing"):
        Adjustment(path=TrafficPath.EXTERNAL).of(find("udp-1:1"))


@pytest.mark.parametrize("fields", [{"path": "cluster-ip"}, {"ip_family": "ipv4"}])
def test_clusterloaders_worker_cannot_be_asked_for_a_path(fields):
    with pytest.raises(InvalidInputError, match="cannot be asked of ClusterLoader2's worker"):
        check(scenario(**fields))


@pytest.mark.parametrize("path", ["cluster-ip", "node-port", "load-balancer", "dns"])
def test_with_services_each_worker_is_told_from_all_others_by_its_own_deployment(path):
    layout = lay_out(scenario(path=path, clients=3).wish, NODES)
    assert layout.groups == (Group(1, Pool()),) * 6
    placed = lay_out(scenario(path=path, clients=2, servers=1).wish, NODES)
    assert [group.workers for group in placed.groups] == [1, 1, 1]
    assert sorted(group.where.names[0] for group in placed.groups) == sorted(placed.places)


def test_on_the_host_network_a_node_takes_one_worker():
    assert lay_out(scenario(path="host-network").wish, NODES).workers == 2
    with pytest.raises(PairingError, match=r"n0 takes 1, .* room for 1 worker missing.*one worker a node"):
        lay_out(scenario(path="host-network", clients=2).wish, NODES)


def test_with_a_server_outside_only_clients_are_made_and_each_has_a_port_of_it():
    wanted = scenario(**OUTSIDE, clients=3, rounds=2)
    assert (wanted.servers, wanted.demand.workers, wanted.demand.nodes) == (1, 3, 1)
    layout = lay_out(wanted.wish, NODES[:1])
    assert layout.groups == (Group(3, Pool()),)
    pods = [WorkerPod(f"w{number}", str(number), "198.18.0.1", "n0") for number in (2, 0, 1)]
    server = WorkerPod("outside", "", "203.0.113.7", "outside")
    pairs = pairing.towards(pods, server, layout.schedule, base_port=5001)
    assert [(pair.client.name, pair.port, pair.round) for pair in pairs[:4]] == [
        *(("w0", 5001, 0), ("w1", 5002, 0), ("w2", 5003, 0), ("w0", 5001, 1))
    ]
    assert {pair.server for pair in pairs} == {server}
    with pytest.raises(PairingError, match="there are 2: 1 worker missing"):
        pairing.towards(pods[:2], server, layout.schedule, base_port=5001)


def test_a_server_outside_is_refused_where_no_node_takes_its_clients():
    with pytest.raises(PairingError, match="missing"):
        lay_out(scenario(**OUTSIDE, nodes={"names": ["n9"]}).wish, NODES)
    assert Nodes(names=["n9"]) == scenario(**OUTSIDE, nodes={"names": ["n9"]}).nodes


def test_a_worker_has_the_address_of_the_family_that_is_asked_for_or_says_which_it_has():
    dual = WorkerPod("w", "u", "198.18.0.1", "n", ips=("198.18.0.1", "fd00::1"))
    assert [dual.address(family) for family in (None, *IPFamily)] == ["198.18.0.1", "198.18.0.1", "fd00::1"]
    assert dual.has(IPFamily.IPV6)
    with pytest.raises(AddressMissingError, match=r"w has no IPv6 address, only 198\.18\.0\.1"):
        WorkerPod("w", "u", "198.18.0.1", "n").address(IPFamily.IPV6)


def test_pods_on_the_host_network_have_a_namespace_of_their_own_and_never_open_the_usual_one():
    assert NETCADENCE.place("") == "netcadence"
    assert NETCADENCE.place("", on_host=True) == "netcadence-host"
    assert NETCADENCE.place("mine", on_host=True) == "mine"
    with pytest.raises(InvalidInputError, match="namespace 'netcadence': stays closed"):
        NETCADENCE.place("netcadence", on_host=True)
