"""Services where nobody serves them: they have addresses, and who asks can know that nobody answers there."""

from __future__ import annotations

import pytest
from kubernetes import watch

from netcadence.embedded import Cluster, Settings
from netcadence.embedded.node import FEATURES_ANNOTATION

SERVICE = {"metadata": {"name": "web"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}}


@pytest.mark.parametrize("cluster", ["loopback"], indirect=True)
def test_on_a_loopback_network_services_get_addresses_and_nodes_say_that_they_are_not_served(core):
    for node in core.list_node().items:
        assert "services" not in node.metadata.annotations[FEATURES_ANNOTATION]
    made = core.create_namespaced_service("default", SERVICE)
    core.delete_namespaced_service("web", "default")
    assert made.spec.cluster_ip.startswith("198.1")
    assert made.spec.ip_families == ["IPv4"]


def test_without_load_balancers_an_address_never_comes(connect):
    settings = Settings(name="unbalanced", nodes=1, network="loopback", load_balancer_delay_s=None)
    with Cluster.up(settings) as cluster:
        core = connect(cluster)
        core.create_namespaced_service("default", SERVICE)
        events = watch.Watch().stream(core.list_namespaced_service, "default", timeout_seconds=1)
        assert [event["object"].status.load_balancer.ingress for event in events] == [None]
