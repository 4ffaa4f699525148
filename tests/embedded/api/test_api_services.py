"""Services as the API gives them addresses, and the EndpointSlices that follow their pods."""

from __future__ import annotations

import ipaddress
import itertools

import pytest

SLICES = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices"
IPV4 = ipaddress.ip_network("198.18.12.0/23")
IPV6 = ipaddress.ip_network("fd00:198:18::c00/119")

_node_ports = itertools.count(31_000)


@pytest.fixture
def services(api, namespace):
    return Services(api, namespace)


class Services:
    """The services of one namespace."""

    def __init__(self, api, namespace):
        self._api = api
        self._namespace = namespace
        self.path = f"/api/v1/namespaces/{namespace}/services"

    def ask(self, name, query="", **spec):
        spec.setdefault("ports", [{"port": 80}])
        body = {"metadata": {"name": name}, "spec": spec}
        return self._api.ask(f"{self.path}{query}", "POST", body)

    def make(self, name, **spec):
        answer = self.ask(name, **spec)
        assert answer.code == 201, answer.body
        return answer.body["spec"]

    def refusal(self, name="refused", **spec):
        answer = self.ask(name, **spec)
        assert answer.code == 422, answer.body
        return answer.body["message"].removeprefix(f'Service "{name}" is invalid: ')

    def put(self, name, **spec):
        return self._api.ask(f"{self.path}/{name}", "PUT", {"metadata": {"name": name}, "spec": spec})

    def patch(self, name, **spec):
        kind = {"Content_Type": "application/merge-patch+json"}
        return self._api.ask(f"{self.path}/{name}", "PATCH", {"spec": spec}, **kind)

    def delete(self, name):
        assert self._api.ask(f"{self.path}/{name}", "DELETE").code == 200

    def slices(self, name):
        selector = f"?labelSelector=kubernetes.io/service-name={name}"
        return self._api.ask(SLICES.format(self._namespace) + selector).body["items"]


def test_the_answer_to_a_create_holds_the_address_and_the_defaults(services):
    spec = services.make("web", selector={"app": "web"})
    assert ipaddress.ip_address(spec["clusterIP"]) in IPV4
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert (spec["type"], spec["sessionAffinity"], spec["internalTrafficPolicy"]) == (
        "ClusterIP",
        "None",
        "Cluster",
    )
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")
    assert spec["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]


def test_an_address_can_be_asked_for_once_and_again_when_it_is_given_up(services):
    assert services.make("one", clusterIP="198.18.12.7")["clusterIP"] == "198.18.12.7"
    assert services.refusal(clusterIP="198.18.12.7") == (
        'spec.clusterIPs: Invalid value: ["198.18.12.7"]: failed to allocate IP 198.18.12.7: '
        "provided IP is already allocated"
    )
    services.delete("one")
    assert services.make("two", clusterIP="198.18.12.7")["clusterIP"] == "198.18.12.7"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (
            {"clusterIP": "10.0.0.1"},
            (
                'spec.clusterIPs: Invalid value: ["10.0.0.1"]: failed to allocate IP 10.0.0.1: '
                "the provided IP (10.0.0.1) is not in the valid range. "
                "The range of valid IPs is 198.18.12.0/23"
            ),
        ),
        (
            {"clusterIP": "x"},
            (
                'spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address, '
                "(e.g. 10.9.8.7 or 2001:db8::ffff)"
            ),
        ),
        (
            {"type": "Other"},
            (
                'spec.type: Unsupported value: "Other": supported values: "ClusterIP", "ExternalName", '
                '"LoadBalancer", "NodePort"'
            ),
        ),
        ({"ports": []}, "spec.ports: Required value"),
        (
            {"ports": [{"port": 0}]},
            "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
        ),
        (
            {"ports": [{"port": 80}, {"port": 81}]},
            "[spec.ports[0].name: Required value, spec.ports[1].name: Required value]",
        ),
        (
            {"ports": [{"name": "a", "port": 80}, {"name": "a", "port": 81}]},
            'spec.ports[1].name: Duplicate value: "a"',
        ),
        (
            {"ports": [{"port": 80, "protocol": "ICMP"}]},
            'spec.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
        ),
        (
            {"ports": [{"port": 80, "nodePort": 30_000}]},
            "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
        ),
        (
            {"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]},
            (
                "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. "
                "The range of valid ports is 30000-32767"
            ),
        ),
        (
            {"type": "LoadBalancer", "clusterIP": "None"},
            "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for LoadBalancer services",
        ),
        ({"type": "ExternalName"}, "spec.externalName: Required value"),
        (
            {"externalTrafficPolicy": "Local"},
            (
                'spec.externalTrafficPolicy: Invalid value: "Local": '
                "may only be set for externally-accessible services"
            ),
        ),
        (
            {"ipFamilies": ["IPv4", "IPv6"]},
            (
                "spec.ipFamilyPolicy: Invalid value: null: must be RequireDualStack or PreferDualStack when "
                "multiple 'ipFamilies' are specified"
            ),
        ),
        (
            {"sessionAffinity": "Sometimes"},
            'spec.sessionAffinity: Unsupported value: "Sometimes": supported values: "ClientIP", "None"',
        ),
    ],
)
def test_what_a_service_may_not_say_is_refused_in_the_servers_words(services, spec, message):
    assert services.refusal(**spec) == message


def test_node_ports_are_given_kept_and_refused_when_taken(services):
    chosen = next(_node_ports)
    first = services.make("one", type="NodePort", ports=[{"port": 80, "nodePort": chosen}])
    assert first["ports"][0]["nodePort"] == chosen
    assert first["externalTrafficPolicy"] == "Cluster"
    assert services.refusal(type="NodePort", ports=[{"port": 1, "nodePort": chosen}]) == (
        f"spec.ports[0].nodePort: Invalid value: {chosen}: provided port is already allocated"
    )
    other = services.make("two", type="NodePort", ports=[{"port": 1, "nodePort": chosen, "protocol": "UDP"}])
    assert other["ports"][0]["nodePort"] == chosen
    given = services.make("three", type="NodePort")["ports"][0]["nodePort"]
    assert 30_000 <= given <= 32_767
    assert given != chosen


def test_an_update_that_leaves_out_what_was_given_keeps_it(services):
    before = services.make("web", type="NodePort")
    after = services.put("web", type="NodePort", ports=[{"port": 80}]).body["spec"]
    assert after == before


def test_an_address_never_changes(services):
    services.make("web", clusterIP="198.18.12.8")
    answer = services.patch("web", clusterIP="198.18.12.9")
    assert answer.code == 422
    assert (
        'spec.clusterIPs[0]: Invalid value: "198.18.12.9": may not change once set' in answer.body["message"]
    )


def test_a_service_becomes_a_node_port_and_a_name_and_gives_up_what_it_no_longer_needs(services):
    address = services.make("web")["clusterIP"]
    as_node_port = services.patch("web", type="NodePort").body["spec"]
    assert as_node_port["clusterIP"] == address
    assert as_node_port["ports"][0]["nodePort"]
    back = services.patch("web", type="ClusterIP").body["spec"]
    assert "nodePort" not in back["ports"][0]
    assert "externalTrafficPolicy" not in back
    as_name = services.patch("web", type="ExternalName", externalName="example.org").body["spec"]
    assert "clusterIP" not in as_name
    assert services.make("next", clusterIP=address)["clusterIP"] == address


def test_dual_stack_has_an_address_of_each_family_and_can_be_entered_and_left(services):
    both = services.make("both", ipFamilyPolicy="RequireDualStack")
    assert both["ipFamilies"] == ["IPv4", "IPv6"]
    assert ipaddress.ip_address(both["clusterIPs"][1]) in IPV6
    six = services.make("six", ipFamilies=["IPv6"])
    assert ipaddress.ip_address(six["clusterIP"]) in IPV6
    grown = services.patch("six", ipFamilyPolicy="PreferDualStack").body["spec"]
    assert grown["clusterIPs"][0] == six["clusterIP"]
    assert ipaddress.ip_address(grown["clusterIPs"][1]) in IPV4
    shrunk = services.patch("six", ipFamilyPolicy="SingleStack").body["spec"]
    assert shrunk["clusterIPs"] == [six["clusterIP"]]
    assert shrunk["ipFamilies"] == ["IPv6"]


def test_a_headless_service_has_no_address_and_needs_no_ports(services):
    spec = services.make("plain", clusterIP="None", ports=[], selector={"app": "x"})
    assert spec["clusterIPs"] == ["None"]
    assert spec["ipFamilies"] == ["IPv4"]


def test_a_dry_run_takes_nothing(services):
    answer = services.ask("web", query="?dryRun=All", clusterIP="198.18.12.10")
    assert answer.code == 201
    assert answer.body["spec"]["clusterIP"] == "198.18.12.10"
    assert services.make("real", clusterIP="198.18.12.10")["clusterIP"] == "198.18.12.10"


def test_the_answer_to_a_delete_is_the_service_that_is_gone(api, services):
    address = services.make("web")["clusterIP"]
    assert api.ask(f"{services.path}/web", "DELETE").body["spec"]["clusterIP"] == address


def test_slices_follow_pods_as_they_come_become_ready_and_go(api, namespace, services, eventually):
    pods = f"/api/v1/namespaces/{namespace}/pods"
    ports = [{"name": "http", "containerPort": 8080}]

    def set_ready(name, ready="True"):
        status = {
            "phase": "Running",
            "podIPs": [{"ip": f"198.18.1.{name[-1]}"}],
            "conditions": [{"type": "Ready", "status": ready}],
        }
        kind = {"Content_Type": "application/merge-patch+json"}
        assert api.ask(f"{pods}/{name}/status", "PATCH", {"status": status}, **kind).code == 200

    def endpoints():
        (only,) = services.slices("web")
        return {(each["addresses"][0], each["conditions"]["ready"]) for each in only.get("endpoints") or ()}

    services.make("web", selector={"app": "web"}, ports=[{"port": 80, "targetPort": "http"}])
    eventually(lambda: services.slices("web"))
    for name in ("web-1", "web-2"):
        body = {
            "metadata": {"name": name, "labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": "x", "ports": ports}]},
        }
        assert api.ask(pods, "POST", body).code == 201
    set_ready("web-1")
    set_ready("web-2", "False")
    eventually(lambda: endpoints() == {("198.18.1.1", True), ("198.18.1.2", False)})
    (written,) = services.slices("web")
    assert [each["port"] for each in written["ports"]] == [8080]
    assert written["addressType"] == "IPv4"
    assert written["metadata"]["ownerReferences"][0]["name"] == "web"
    set_ready("web-2")
    eventually(lambda: endpoints() == {("198.18.1.1", True), ("198.18.1.2", True)})
    api.ask(f"{pods}/web-1", "DELETE", {"gracePeriodSeconds": 0})
    eventually(lambda: endpoints() == {("198.18.1.2", True)})
    services.delete("web")
    eventually(lambda: not services.slices("web"))


def test_slices_of_a_service_without_selector_are_left_to_whoever_writes_them(
    api, namespace, services, eventually
):
    services.make("outside")
    body = {
        "metadata": {"name": "mine", "labels": {"kubernetes.io/service-name": "outside"}},
        "addressType": "IPv4",
        "ports": [{"port": 9000}],
        "endpoints": [{"addresses": ["192.0.2.1"]}],
    }
    assert api.ask(SLICES.format(namespace), "POST", body).code == 201
    services.make("other", selector={"app": "x"})
    eventually(lambda: services.slices("other"))
    assert [each["metadata"]["name"] for each in services.slices("outside")] == ["mine"]


def test_a_slice_needs_an_address_type_and_addresses_of_it(api, namespace):
    path = SLICES.format(namespace)
    answer = api.ask(path, "POST", {"metadata": {"name": "a"}, "endpoints": []})
    assert "addressType: Required value" in answer.body["message"]
    body = {"metadata": {"name": "a"}, "addressType": "IPv4", "endpoints": [{"addresses": ["fd00::1"]}]}
    assert "must be a valid IPv4 address" in api.ask(path, "POST", body).body["message"]


def test_a_port_for_two_protocols_is_applied_twice_without_losing_one(kubectl, namespace):
    service = """
apiVersion: v1
kind: Service
metadata: {name: dns}
spec:
  selector: {app: APP}
  ports: [{name: tcp, port: 53}, {name: udp, port: 53, protocol: UDP}]
"""
    for app in ("one", "two"):
        stdin = service.replace("APP", app)
        kubectl("apply", "--server-side", "--namespace", namespace, "-f", "-", stdin=stdin)
    said = "jsonpath={.spec.selector.app} {.spec.ports[*].protocol} {.spec.ports[*].targetPort}"
    assert kubectl("get", "service", "dns", "--namespace", namespace, "-o", said) == "two TCP UDP 53 53"


def test_kubectl_shows_services_and_slices(kubectl, services, namespace, eventually):
    services.make("web", type="LoadBalancer", selector={"app": "web"})
    services.make("named", type="ExternalName", externalName="example.org")
    eventually(lambda: services.slices("web"))
    shown = kubectl("get", "services,endpointslices", "--namespace", namespace)
    line = next(line for line in shown.splitlines() if line.startswith("service/web")).split()
    assert line[1] == "LoadBalancer"
    assert line[3] == "<pending>"
    assert line[4].startswith("80:3")
    assert "example.org" in shown
    assert "ADDRESSTYPE" in shown
    described = kubectl("describe", "service", "web", "--namespace", namespace)
    assert "IP Families:" in described
    assert "Endpoints:" in described
