"""What policies come to for each pod, and how nftables is told; without a cluster."""

from __future__ import annotations

import pytest

from netcadence.embedded.policy.ruleset import ruleset
from netcadence.embedded.policy.selection import Allowed, Isolation, Peers, PolicyPod, Ports, isolations

NODE = ("198.18.0.10", "fd00:198:18::a")


def pod(number, app, **ports):
    ips = (f"198.18.1.{number}", f"fd00:198:18::10{number}")
    named = {("TCP", name): port for name, port in ports.items()}
    return PolicyPod(f"pod-{number}", "default", {"app": app}, ips, NODE, named)


def policy(app, **spec):
    selector = {"matchLabels": {"app": app}}
    types = [each.title() for each in ("ingress", "egress") if each in spec]
    body = {"podSelector": selector, "policyTypes": types, **spec}
    return {"metadata": {"namespace": "default"}, "spec": body}


def selected(*policies, pods):
    return isolations(policies, pods, {"default": {}})


def addresses(*pods):
    return Peers(addresses=frozenset(ip for each in pods for ip in each.ips))


def test_a_named_port_is_that_of_the_pod_where_the_connection_ends():
    first, second, without = pod(1, "server", web=80), pod(2, "server", web=8080), pod(3, "server")
    client = pod(4, "client", web=1)
    ports = [{"protocol": "TCP", "port": "web"}]
    found = selected(
        policy("client", egress=[{"ports": ports}]),
        policy("server", ingress=[{"ports": ports}]),
        pods=[first, second, without, client],
    )
    assert set(found["pod-4"].egress) == {
        Allowed(addresses(each), (Ports("TCP", port, port),)) for each, port in ((first, 80), (second, 8080))
    } | {Allowed(addresses(client), (Ports("TCP", 1, 1),))}
    assert [found[each.uid].ingress for each in (first, second, without)] == [
        (Allowed(Peers(everybody=True), (Ports("TCP", 80, 80),)),),
        (Allowed(Peers(everybody=True), (Ports("TCP", 8080, 8080),)),),
        (),
    ]


def test_only_the_directions_that_a_policy_names_are_isolated():
    server, client = pod(1, "server"), pod(2, "client")
    found = selected(policy("server", ingress=[]), pods=[server, client])
    assert found == {"pod-1": Isolation(ingress=(), egress=None)}
    table = ruleset(found["pod-1"], server.ips, server.node_ips)
    assert "hook input" in table
    assert "hook output" not in table


@pytest.mark.parametrize(
    ("ports", "shown"),
    [
        ((Ports("TCP", 80, 80), Ports("TCP", 81, 90), Ports("TCP", 85, 95)), "tcp dport { 80-95 } accept"),
        ((Ports("TCP", 90, 95), Ports("TCP", 80, 80)), "tcp dport { 80, 90-95 } accept"),
        ((Ports("SCTP"), Ports("SCTP", 5, 5)), "meta l4proto sctp accept"),
    ],
)
def test_ranges_that_meet_or_overlap_are_one(ports, shown):
    isolation = Isolation(ingress=(Allowed(Peers(everybody=True), ports),))
    lines = ruleset(isolation, (), NODE).splitlines()
    assert [line.strip() for line in lines if shown in line] == [shown]
