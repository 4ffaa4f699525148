"""Services as a run makes them, and when they can be reached."""

from __future__ import annotations

import pytest

from netcadence.kube.services import (
    Service,
    ServiceKind,
    balancer_address,
    dns_name,
    is_assigned,
    node_port,
)
from netcadence.traffic_path import IPFamily


def service(kind, **fields):
    return Service("s0-run", kind, {"netcadence.io/group": "0"}, (5001, 5002), "UDP", **fields)


@pytest.mark.parametrize("kind", ServiceKind)
def test_a_service_offers_each_port_of_its_pods_and_goes_with_its_owner(kind):
    owner = {"kind": "NetworkTestRun", "name": "run", "uid": "u"}
    body = service(kind, family=IPFamily.IPV6, labels={"a": "b"}).body(owner)
    assert body["metadata"] == {"name": "s0-run", "labels": {"a": "b"}, "ownerReferences": [owner]}
    spec = body["spec"]
    assert [(each["port"], each["targetPort"], each["protocol"]) for each in spec["ports"]] == [
        (5001, 5001, "UDP"),
        (5002, 5002, "UDP"),
    ]
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (["IPv6"], "SingleStack")
    headless = kind is ServiceKind.HEADLESS
    assert (spec["type"], spec.get("clusterIP")) == (
        ("ClusterIP", "None") if headless else (kind.value, None)
    )


def test_the_cluster_chooses_the_family_where_none_is_asked_for():
    assert not {"ipFamilies", "ipFamilyPolicy"} & service(ServiceKind.CLUSTER_IP).body()["spec"].keys()


@pytest.mark.parametrize(
    ("kind", "spec", "status", "assigned"),
    [
        (ServiceKind.HEADLESS, {}, {}, True),
        (ServiceKind.CLUSTER_IP, {}, {}, False),
        (ServiceKind.CLUSTER_IP, {"clusterIP": "198.18.8.1"}, {}, True),
        (ServiceKind.NODE_PORT, {"ports": [{"port": 1, "nodePort": 30_001}, {"port": 2}]}, {}, False),
        (ServiceKind.NODE_PORT, {"ports": [{"port": 1, "nodePort": 30_001}]}, {}, True),
        (ServiceKind.LOAD_BALANCER, {"clusterIP": "198.18.8.1"}, {}, False),
        (ServiceKind.LOAD_BALANCER, {}, {"loadBalancer": {"ingress": []}}, False),
        (ServiceKind.LOAD_BALANCER, {}, {"loadBalancer": {"ingress": [{"ip": "203.0.113.1"}]}}, True),
        (ServiceKind.LOAD_BALANCER, {}, {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}, True),
    ],
)
def test_a_service_is_there_once_it_has_what_its_kind_promises(kind, spec, status, assigned):
    assert is_assigned({"spec": spec, "status": status}, kind) is assigned


def test_the_address_of_a_balancer_may_be_a_name():
    status = {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}
    assert balancer_address({"spec": {}, "status": status}) == "lb.example"


def test_each_port_has_a_port_on_the_nodes_of_its_own():
    ports = [{"port": 5001, "nodePort": 30_007}, {"port": 5002, "nodePort": 30_003}]
    assert node_port({"spec": {"ports": ports}}, 5002) == 30_003


def test_a_name_leaves_the_clusters_domain_to_the_resolver():
    assert dns_name("s0-run", "netcadence") == "s0-run.netcadence.svc"
