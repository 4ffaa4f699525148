"""Scenarios, shipped and written by people."""

import hashlib
import json
from pathlib import Path

import pytest

from netcadence import scenario
from netcadence.change import Change
from netcadence.errors import InvalidInputError
from netcadence.pairing import Demand, Placement
from netcadence.schedule import Shape
from netcadence.traffic_path import TrafficPath
from netcadence_worker.contract import Protocol, Tool

A_TO_B, B_TO_A, A_TO_C = (
    f"{{client_node: {client}, server_node: {server}}}" for client, server in ("ab", "ba", "ac")
)
MINIMAL = "name: mine\ntitle: Mine\nprotocol: TCP\ntool: iperf\n"


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "mine.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_the_acceptance_scenarios_are_shipped_small_ones_first():
    names = [each.name for each in scenario.shipped() if each.tool is not Tool.PROBE]
    assert names == [
        *("tcp-1:1", "tcp-duplex", "tcp-iperf3", "tcp-round-trip", "udp-1:1", "http-1:1"),
        *("http-qps", "http2-qps", "grpc-qps"),
        *("tcp-1:4", "tcp-4:1"),
        *("tcp-50:50", "udp-50:50", "http-50:50", "tcp-mesh"),
    ]


def test_the_checks_of_the_acceptance_that_probe_are_shipped_after_those_that_push_traffic():
    assert {each.name: (each.change, each.path) for each in scenario.shipped() if each.change} == {
        "service-cluster-ip-tcp": (Change.SERVICE, TrafficPath.CLUSTER_IP),
        "service-cluster-ip-http": (Change.SERVICE, TrafficPath.CLUSTER_IP),
        "service-node-port-tcp": (Change.SERVICE, TrafficPath.NODE_PORT),
        "service-node-port-http": (Change.SERVICE, TrafficPath.NODE_PORT),
        "load-balancer": (Change.SERVICE, TrafficPath.LOAD_BALANCER),
        "policy-deny": (Change.POLICY_DENY, TrafficPath.POD_IP),
        "policy-allow": (Change.POLICY_ALLOW, TrafficPath.POD_IP),
        "policy-new-pod": (Change.POLICY_NEW_POD, TrafficPath.POD_IP),
    }
    assert [bool(each.change) for each in scenario.shipped()] == sorted(
        bool(each.change) for each in scenario.shipped()
    )


@pytest.mark.parametrize(
    "shipped", [each for each in scenario.shipped() if not each.change], ids=lambda each: each.name
)
def test_a_shipped_scenario_measures_across_nodes_for_ten_seconds_or_a_meshs_two_and_says_what_for(shipped):
    assert shipped.purpose
    assert (shipped.rounds, shipped.placement) == (1, Placement.CROSS_NODE)
    if shipped.shape is Shape.MESH:
        assert (shipped.duration_s, shipped.demand) == (2, Demand(workers=2, nodes=2))
        return
    assert shipped.duration_s == 10
    assert shipped.demand == Demand(workers=shipped.clients + shipped.servers, nodes=2)


@pytest.mark.parametrize("shipped", scenario.shipped(), ids=lambda each: each.name)
def test_a_shipped_scenario_is_found_by_its_name_and_its_file_is_named_for_it(shipped):
    assert scenario.find(shipped.name) is shipped
    folder = Path(scenario.__file__).parent / "scenarios"
    assert scenario.load(folder / f"{shipped.name.replace(':', '-')}.yaml") == shipped


@pytest.mark.parametrize(("name", "port"), [("tcp-1:1", 5001), ("udp-1:1", 5001), ("http-1:1", 5301)])
def test_ports_are_those_that_upstream_uses(name, port):
    assert scenario.find(name).port == port


def test_udp_scenarios_state_their_rate():
    assert {scenario.find(name).options.iperf.bandwidth for name in ("udp-1:1", "udp-50:50")} == {1_000_000}


def test_a_minimal_file_gets_its_defaults(write):
    mine = scenario.find(str(write(MINIMAL)))
    assert (mine.protocol, mine.tool, mine.pairs, mine.port) == (Protocol.TCP, Tool.IPERF, 1, 5001)
    assert (mine.skew_max_ms, mine.arm_timeout_s) == (100, 10)


def test_servers_are_as_many_as_clients_unless_said_otherwise(write):
    assert scenario.load(write(MINIMAL + "clients: 7\n")).servers == 7


@pytest.mark.parametrize(
    ("clients", "servers", "pairs", "workers"), [(3, 1, 3, 4), (1, 3, 3, 4), (3, 2, 3, 5), (2, 2, 2, 4)]
)
def test_there_are_as_many_pairs_as_the_more_numerous_side_has_pods(write, clients, servers, pairs, workers):
    mine = scenario.load(write(f"{MINIMAL}clients: {clients}\nservers: {servers}\n"))
    assert (mine.pairs, mine.demand.workers) == (pairs, workers)


def test_many_clients_of_one_server_may_be_named_by_their_node(write):
    nodes = "nodes: {pairs: [{client_node: a, server_node: c}, {client_node: b, server_node: c}]}\n"
    assert scenario.load(write(f"{MINIMAL}{nodes}clients: 5\nservers: 1\n")).pairs == 5


def test_planned_pairs_count_every_round(write):
    assert scenario.load(write(MINIMAL + "clients: 7\nrounds: 3\n")).planned_pairs == 21


def test_the_configuration_reads_back_as_the_same_scenario_and_its_hash_is_of_it():
    chosen = scenario.find("udp-50:50")
    assert scenario.Scenario.model_validate_json(chosen.config) == chosen
    assert chosen.config_hash == hashlib.sha256(chosen.config.encode()).hexdigest()
    assert json.loads(chosen.config)["options"]["iperf"]["bandwidth"] == 1_000_000


@pytest.mark.parametrize(
    ("asked", "meant"),
    [("tcp", "tcp-1:1"), ("UDP-1:1", "udp-1:1"), ("tcp-1-1", "tcp-1:1"), ("mesh", "tcp-mesh")],
)
def test_what_begins_like_a_scenario_or_resembles_one_is_answered_with_it(asked, meant):
    with pytest.raises(InvalidInputError, match=f"did you mean '{meant}'"):
        scenario.find(asked)


def test_an_unknown_scenario_is_answered_with_the_known_ones_and_the_closest():
    with pytest.raises(InvalidInputError) as caught:
        scenario.find("tcp-50:5")
    text = str(caught.value)
    assert "'tcp-50:5' is not known (did you mean 'tcp-50:50'?)" in text
    assert "allowed: tcp-1:1, tcp-duplex, tcp-iperf3, tcp-round-trip, udp-1:1, http-1:1, " in text


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ("duration_s: -5", "duration_s: -5: should be greater than or equal to 1"),
        ("duration_s: ten", "duration_s: 'ten': should be a valid integer"),
        ("duration_s: 99999", "duration_s: 99999: should be less than or equal to 3600"),
        ("shape: ring", "shape: 'ring': allowed: 'ratio' or 'mesh'"),
        ("degree: 3", "degree: 3: is for shape mesh; allowed in a ratio: none"),
        ("shape: mesh\ndegree: 0", "degree: 0: should be greater than or equal to 1"),
        ("shape: mesh\nclients: 8", "clients: 8: is for shape ratio; allowed in a mesh: none, for"),
        (
            "shape: mesh\nplacement: any",
            "placement: 'any': is for shape ratio; allowed in a mesh: cross-node",
        ),
        (
            "shape: mesh\nnodes: {client_pool: {names: [a]}}",
            "nodes: is for shape ratio; allowed in a mesh: selector, zones, names",
        ),
        ("clients: 0", "clients: 0: should be greater than or equal to 1"),
        (
            "clients: 300\nservers: 2",
            "clients: 300: would be more than 128 pairs for a worker of the other side; allowed: up to 256",
        ),
        (
            "clients: 9\nservers: 2\nport: 65532",
            "port: 65532: leaves no room for the 5 listeners of a server; allowed: up to 65531",
        ),
        (
            "clients: 9\nservers: 2\nport: 5297",
            "port: 5297: puts the 5 listeners of a server on the worker's own port 5300; allowed: up to 5295",
        ),
        (
            f"clients: 3\nservers: 2\nnodes: {{pairs: [{A_TO_B}, {B_TO_A}, {A_TO_C}]}}",
            "servers: 2: are fewer than the pairs, and nodes.pairs puts one of them on b and c; allowed",
        ),
        (
            "placement: anywhere",
            "placement: 'anywhere': allowed: 'cross-node', 'same-node', 'cross-zone' or 'any'",
        ),
        ("port: 80", "port: 80: should be greater than or equal to 1024"),
        ("skew_max_ms: .nan", "skew_max_ms: nan: should be"),
        ("duratoin_s: 5", "duratoin_s: unknown key (did you mean 'duration_s'?); allowed here: name, title"),
        (
            "options: {iperf: {bandwith: 5}}",
            "options.iperf.bandwith: unknown key (did you mean 'bandwidth'?); allowed here: bandwidth",
        ),
        (
            "options: {iperf: {bandwidth: 5}}",
            "options.iperf.bandwidth: 5: should be greater than or equal to 1000",
        ),
        ("options: {siege: {delay: 1}}", "options.siege: is for another tool; allowed: options.iperf"),
        ("options: {fortio: {qps: 9}}", "options.fortio: is for another tool; allowed: options.iperf"),
        ("worker: {cpu_request: lots}", "worker.cpu_request: 'lots': String should match pattern"),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_what_is_allowed(write, wrong, complaint):
    path = write(f"{MINIMAL}{wrong}\n")
    with pytest.raises(InvalidInputError) as caught:
        scenario.load(path)
    assert str(caught.value).startswith(f"{path}: {complaint}")


@pytest.mark.parametrize(
    ("instead", "complaint"),
    [
        (
            "protocol: TCCP\ntool: iperf",
            "protocol: 'TCCP': allowed: 'TCP', 'UDP', 'HTTP' or 'GRPC' (did you mean 'TCP'?)",
        ),
        ("protocol: TCP\ntool: siege", "tool: 'siege': cannot make TCP traffic; allowed: iperf, iperf3"),
        ("protocol: TCP\ntool: probe", "change: is missing; allowed with tool probe: service, policy-deny"),
        ("protocol: UDP\ntool: iperf", "options.iperf.bandwidth: is missing; UDP sends at a stated rate"),
        ("protocol: UDP\ntool: iperf3", "options.iperf3.bandwidth: is missing; UDP sends at a stated rate"),
        (
            "protocol: TCP\noptions: {iperf: {bounceback: 9, full_duplex: true}}",
            "options.iperf.bounceback: 9: is a test of its own; allowed beside it: length, window, mss",
        ),
        (
            "use: voice\npath: cluster-ip\noptions: {iperf3: {bandwidth: 9000}}",
            "path: 'cluster-ip': leads UDP alone, and iperf3 needs TCP beside it; allowed, unless with tool",
        ),
        ("use: voice\nport: 5300\noptions: {iperf3: {bandwidth: 9000}}", "port: 5300: puts the 1 listener"),
    ],
)
def test_a_protocol_and_its_tool_have_to_fit(write, instead, complaint):
    path = write(f"name: mine\ntitle: Mine\n{instead}\n")
    with pytest.raises(InvalidInputError) as caught:
        scenario.load(path)
    assert f"{path}: {complaint}" in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (
            "protocol: GRPC\noptions: {fortio: {http_version: 2}}",
            "options.fortio.http_version: 2: is for HTTP; allowed for GRPC: none",
        ),
        (
            "protocol: HTTP\nduration_s: 2\nstreams: 16\noptions: {fortio: {qps: 15}}",
            "options.fortio.qps: 15: leaves a connection less than 2 requests; allowed: 16 or more",
        ),
        (
            "protocol: HTTP\noptions: {fortio: {http_version: 3}}",
            "options.fortio.http_version: 3: allowed: 1 or 2",
        ),
        (
            "protocol: HTTP\noptions: {fortio: {payload: 65537}}",
            "options.fortio.payload: 65537: should be less than or equal to 65536",
        ),
        (
            "protocol: GRPC\noptions: {iperf: {length: 100}}",
            "options.iperf: is for another tool; allowed: options.fortio",
        ),
    ],
)
def test_options_of_fortio_have_to_fit(write, wrong, complaint):
    path = write(f"name: mine\ntitle: Mine\ntool: fortio\n{wrong}\n")
    with pytest.raises(InvalidInputError) as caught:
        scenario.load(path)
    assert f"{path}: {complaint}" in str(caught.value)


def test_everything_wrong_is_said_at_once(write):
    with pytest.raises(InvalidInputError) as caught:
        scenario.load(write(MINIMAL + "duration_s: 0\nrounds: 0\n"))
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name: mine\ntitle: [a, b\nprotocol: TCP\n", "line 3, column 9: "),
        ("name: mine\n\ttitle: x\n", "line 2, column 1: found character '\\t'"),
        (MINIMAL + "tool: iperf3\n", "line 5, column 1: the key 'tool' is given twice"),
        ("name: !!python/object:os.system x\n", "line 1, column 7: could not determine a constructor"),
        ("", "holds nothing, not a mapping of name, title, purpose, use, protocol"),
        ("- name: mine\n", "holds a list, not a mapping"),
        ("just words\n", "holds the single value 'just words', not a mapping"),
    ],
)
def test_malformed_yaml_is_refused_with_its_place(write, text, complaint):
    path = write(text)
    with pytest.raises(InvalidInputError) as caught:
        scenario.load(path)
    assert str(caught.value).startswith(f"{path}: {complaint}")


def test_a_rate_may_be_written_as_iperf_takes_it(write):
    udp = MINIMAL.replace("TCP", "UDP")
    options = scenario.load(write(f"{udp}options: {{iperf: {{bandwidth: 2.5M}}}}\n")).options
    assert options.iperf.bandwidth == 2_500_000
    with pytest.raises(
        InvalidInputError, match=r": options\.iperf\.bandwidth: '10Q': is no amount; allowed: "
    ):
        scenario.load(write(f"{udp}options: {{iperf: {{bandwidth: 10Q}}}}\n"))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match=r"absent\.yaml: cannot be read: No such file or directory"):
        scenario.find(str(tmp_path / "absent.yaml"))


def test_text_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"title: caf\xe9\n")
    with pytest.raises(InvalidInputError, match="is not UTF-8 text"):
        scenario.load(path)


PROBE = "name: mine\ntitle: Mine\nprotocol: TCP\ntool: probe\n"


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        (
            "change: firewall",
            "change: 'firewall': allowed: 'service', 'policy-deny', ",
        ),
        (
            "change: service",
            "path: 'pod-ip': does not fit change service; allowed with it: cluster-ip, node-port, ",
        ),
        (
            "change: policy-deny\npath: dns",
            "path: 'dns': does not fit change policy-deny; allowed with it: pod-ip",
        ),
        (
            "change: policy-deny\nrounds: 3",
            "rounds: 3: does not fit change policy-deny; allowed with it: 1, for what is made is there then",
        ),
        (
            "change: policy-new-pod\nclients: 2\nservers: 4",
            "servers: 4: does not fit change policy-new-pod; allowed with it: 2, as many as clients",
        ),
        (
            "change: policy-allow\noptions: {probe: {reachable: false}}",
            "options.probe.reachable: 'given': does not fit change policy-allow; allowed with it: none",
        ),
        (
            "change: policy-allow\noptions: {iperf: {length: 100}}",
            "options.iperf: is for another tool; allowed: options.probe",
        ),
        (
            "change: policy-allow\noptions: {probe: {interval_ms: 0}}",
            "options.probe.interval_ms: 0: should be greater than or equal to 1",
        ),
    ],
)
def test_what_does_not_fit_a_change_is_refused(write, wrong, complaint):
    path = write(f"{PROBE}{wrong}\n")
    with pytest.raises(InvalidInputError) as caught:
        scenario.load(path)
    assert str(caught.value).startswith(f"{path}: {complaint}")


def test_a_change_is_for_the_tool_that_sees_it(write):
    with pytest.raises(InvalidInputError, match=r"tool: 'iperf': does not fit change service; .*: probe"):
        scenario.load(write(MINIMAL + "change: service\n"))


def test_a_scenario_goes_by_its_name_wherever_it_is_put_into_words():
    assert f"{scenario.find('tcp-1:1')} on lab" == "tcp-1:1 on lab"
