"""Network policies as objects of the API: what is filled in, what is refused, how they show."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def policies(namespace):
    return f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"


@pytest.fixture
def create(api, policies):
    """Return what asks the API for a policy with a spec."""

    def create(spec, name="p", query=""):
        return api.ask(f"{policies}{query}", "POST", {"metadata": {"name": name}, "spec": spec})

    return create


@pytest.mark.parametrize(
    ("spec", "types"),
    [
        ({}, ["Ingress"]),
        ({"podSelector": {}, "egress": []}, ["Ingress"]),
        ({"podSelector": {}, "ingress": None, "egress": [{}]}, ["Ingress", "Egress"]),
        ({"podSelector": {}, "policyTypes": ["Egress"]}, ["Egress"]),
    ],
)
def test_the_directions_of_a_policy_follow_from_its_rules(create, spec, types):
    answer = create(spec)
    assert answer.code == 201
    assert answer.body["spec"]["policyTypes"] == types
    assert answer.body["spec"]["podSelector"] == {}
    assert answer.body["metadata"]["generation"] == 1


def test_a_port_without_a_protocol_is_tcp(create):
    rule = {"ports": [{"port": 80}, {"protocol": "UDP"}, {}]}
    ports = create({"podSelector": {}, "ingress": [rule]}).body["spec"]["ingress"][0]["ports"]
    assert ports == [{"port": 80, "protocol": "TCP"}, {"protocol": "UDP"}, {"protocol": "TCP"}]


def peer(**fields):
    return {"ingress": [{"from": [fields]}]}


def port(**fields):
    return {"egress": [{"ports": [fields]}]}


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"policyTypes": ["In"]}, 'policyTypes[0]: Unsupported value: "In": supported values: "Egress", "In'),
        ({"policyTypes": ["Ingress"] * 3}, "may not specify more than two policyTypes"),
        (peer(), "spec.ingress[0].from[0]: Required value: must specify a peer"),
        (
            peer(podSelector={}, ipBlock={"cidr": "10.0.0.0/8"}),
            "spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer",
        ),
        (peer(ipBlock={}), "spec.ingress[0].from[0].ipBlock.cidr: Required value"),
        (peer(ipBlock={"cidr": "10.0.0.1"}), 'ipBlock.cidr: Invalid value: "10.0.0.1": must be a valid CIDR'),
        (peer(ipBlock={"cidr": "10.0.0.0/255.0.0.0"}), "must be a valid CIDR value, (e.g. 10.9.8.0/24 or"),
        (
            peer(ipBlock={"cidr": "10.0.0.0/8", "except": ["10.0.0.0/8"]}),
            'ipBlock.except[0]: Invalid value: "10.0.0.0/8": must be a strict subset of `cidr`',
        ),
        (peer(ipBlock={"cidr": "fd00::/64", "except": ["10.0.0.0/9"]}), "must be a strict subset of `cidr`"),
        (
            peer(podSelector={"matchExpressions": [{"key": "a", "operator": "In"}]}),
            "matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or",
        ),
        (
            peer(namespaceSelector={"matchExpressions": [{"key": "a", "operator": "Like"}]}),
            'operator: Invalid value: "Like": not a valid selector operator',
        ),
        ({"podSelector": {"matchLabels": {"a b": "c"}}}, "spec.podSelector.matchLabels: Invalid value"),
        (
            port(protocol="ICMP"),
            'protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        ),
        (port(port=0), "spec.egress[0].ports[0].port: Invalid value: 0: must be between 1 and 65535"),
        (port(port=80, endPort=79), "endPort: Invalid value: 80: must be greater than or equal to `port`"),
        (port(port="web", endPort=90), "endPort: Invalid value: 90: may not be specified when `port` is non"),
        (port(endPort=90), "endPort: Invalid value: 90: may not be specified when `port` is not specified"),
        (port(port="80"), 'port: Invalid value: "80": must contain at least one letter (a-z)'),
        (port(port="no--good"), "must not contain consecutive hyphens"),
    ],
)
def test_what_the_real_server_refuses_is_refused_in_its_words(create, spec, sentence):
    answer = create({"podSelector": {}, **spec})
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["message"].startswith('NetworkPolicy.networking.k8s.io "p" is invalid: ')
    assert sentence in answer.body["message"]


@pytest.mark.parametrize(
    "spec", [{"ingress": {}}, {"podSelector": []}, port(port=1.5), peer(ipBlock={"cidr": 7}), "none"]
)
def test_a_field_of_the_wrong_type_is_a_bad_request(create, spec):
    answer = create(spec)
    assert answer.code == 400
    assert 'NetworkPolicy in version "v1" cannot be handled as a NetworkPolicy: ' in answer.body["message"]


def test_a_misspelt_field_is_warned_of_or_refused_as_it_is_asked(create):
    spec = {"podSelector": {}, "ingress": [{"form": [{"podSelector": {}}]}]}
    warned = create(spec)
    assert warned.warnings == ['299 - "unknown field \\"spec.ingress[0].form\\""']
    assert warned.body["spec"]["ingress"] == [{}]
    strict = create(spec, "q", "?fieldValidation=Strict")
    assert strict.code == 400
    assert 'strict decoding error: unknown field "spec.ingress[0].form"' in strict.body["message"]


def test_a_change_of_the_spec_counts_as_a_new_generation(api, create, policies):
    create({"podSelector": {}})
    patch = {"spec": {"podSelector": {"matchLabels": {"app": "web"}}}}
    kind = {"Content-Type": "application/strategic-merge-patch+json"}
    answer = api.ask(f"{policies}/p", "PATCH", patch, **kind)
    assert answer.body["metadata"]["generation"] == 2


def test_kubectl_shows_a_policy_and_tells_what_it_says(create, namespace, kubectl):
    expressions = [
        {"key": "tier", "operator": "In", "values": ["b", "a"]},
        {"key": "old", "operator": "Exists"},
    ]
    selector = {"matchLabels": {"app": "web"}, "matchExpressions": expressions}
    rule = {
        "from": [{"podSelector": {"matchLabels": {"app": "client"}}, "namespaceSelector": {}}],
        "ports": [{"port": 8000, "endPort": 9000}],
    }
    create({"podSelector": selector, "ingress": [rule]})
    assert "app=web,old,tier in (a,b)" in kubectl("get", "netpol", "-n", namespace)
    told = kubectl("describe", "networkpolicy", "p", "-n", namespace)
    for line in ("PodSelector: app=client", "To Port Range: 8000-9000/TCP", "Policy Types: Ingress"):
        assert line in told


@pytest.mark.parametrize("side", ["--server-side=false", "--server-side"])
def test_kubectl_applies_other_rules_in_place_of_those_there_were(api, policies, namespace, kubectl, side):
    def apply(*ports):
        rules = [{"ports": [{"port": port, "protocol": "TCP"} for port in ports]}]
        policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "p"}}
        policy["spec"] = {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": rules}
        kubectl("apply", side, "-n", namespace, "-f", "-", stdin=json.dumps(policy))
        return api.ask(f"{policies}/p").body["spec"]["ingress"]

    assert apply(80, 81) == [{"ports": [{"port": port, "protocol": "TCP"} for port in (80, 81)]}]
    assert apply(82) == [{"ports": [{"port": 82, "protocol": "TCP"}]}]
