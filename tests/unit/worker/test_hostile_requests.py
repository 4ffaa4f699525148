"""Whatever a request says, it stays data: no option, no shell, no file, nobody else's address."""

from __future__ import annotations

import ast
import copy
import ipaddress
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import netcadence_worker
from netcadence_worker.admission import Admitted, Refused, admit
from netcadence_worker.clusterloader_wire import as_contract
from netcadence_worker.contract import POD_LABEL_PREFIX, IperfOptions, Reason, Role, Tool, is_name
from netcadence_worker.destination import Destination
from netcadence_worker.tools import driver_of

ANYWHERE = "0.0.0.0"  # noqa: S104 - to be refused
OWN = {"c": "198.18.0.1", "s": "198.18.0.2"}
IPERF = {"bandwidth": 1_000_000, "length": 1400, "window": 65536}
NATIVE = {
    "runID": "r",
    "pairIndex": 0,
    "round": 0,
    "clientPodName": "c",
    "serverPodName": "s",
    "serverPodIP": OWN["s"],
    "port": 5001,
    "target": {"address": "198.18.1.7", "port": 30501},
    "protocol": "UDP",
    "tool": "iperf",
    "duration": 10,
    "startDelayUs": 0,
    "numberOfClients": 1,
    "armTimeout": 10,
    "options": {"iperf": IPERF},
}
DUPLEX = NATIVE | {
    "protocol": "TCP",
    "options": {"iperf": {"mss": 1000, "fullDuplex": True, "bounceback": None}},
}
BOUNCES = NATIVE | {"protocol": "TCP", "options": {"iperf": {"length": 100, "bounceback": 10}}}
IPERF3 = NATIVE | {
    "tool": "iperf3",
    "protocol": "TCP",
    "options": {"iperf3": {"bandwidth": 1_000_000, "length": 1400, "window": 65536, "mss": 1000}},
}
HTTP = NATIVE | {"protocol": "HTTP", "tool": "siege", "options": {"siege": {"delay": 0.5}}}
FORTIO = NATIVE | {
    "tool": "fortio",
    "protocol": "HTTP",
    "options": {
        "fortio": {
            "httpVersion": 2,
            "qps": 100,
            "payload": 100,
            "uniform": True,
            "noCatchUp": True,
            "resolutionUs": 100,
        }
    },
}
GRPC = FORTIO | {"protocol": "GRPC", "options": {"fortio": {"qps": 100}}}
PROBE = NATIVE | {"tool": "probe", "protocol": "TCP", "options": {"probe": {"hold": 1}}}
UPSTREAM = {
    "clientPodName": "c",
    "serverPodName": "s",
    "serverPodIP": OWN["s"],
    "protocol": "UDP",
    "duration": 10,
    "clientStartTimestamp": int(time.time()) + 30,
    "numberOfClients": 1,
}
HOSTILE = st.sampled_from(
    [
        *("; id", "$(id)", "`id`", "a|b", "a&b", "a>b", "-s", "--help", "-F/etc/passwd", "-o", "--rcfile=/x"),
        *("a\nb", "c\n", "s\0", "\0", "", " ", "\u0661\u0660", "\uff11", "e\u0301", "x" * 100_000),
        *("../../etc/passwd", "/etc/passwd", "file:///etc/passwd", "http://evil.test/", "198.18.0.2/x?y"),
        *("198.18.0.2@evil.test", "evil.test", "198.18.0.2:80", "[::1]", "fe80::1%eth0", "::1", "127.0.0.1"),
        *("127.1", "0x7f000001", "2130706433", "010.0.0.1", ANYWHERE, "::", "169.254.169.254", "224.0.0.1"),
        *(
            "255.255.255.255",
            "::ffff:127.0.0.1",
            "ff02::1",
            "10.96.0.1",
            "198.18.0.9",
            "fd00::1",
            "2001:db8::1",
        ),
        *(0, -1, 1, 22, 80, 1023, 5300, 5302, 65536, 10**9, 2**63, 10**30, True, None, 0.5, [], {}, ["c"]),
        *("fortio", "probe"),
        *(float("nan"), float("inf"), -float("inf"), 1e300, {"a": 1}, [[]], "TCP", "HTTP", "GRPC", "siege"),
    ]
)
VALUES = HOSTILE | st.text(max_size=60) | st.integers() | st.floats() | st.ip_addresses().map(str)

NUMBER, ADDRESS = r"[0-9]{1,13}", r"[0-9a-fA-F:.]{2,45}"
AUTHORITY = rf"([0-9.]+|\[[0-9a-fA-F:.]+\]):{NUMBER}"
LISTENER = rf"(disabled|{AUTHORITY})"
#: Words are joined by bars, which are in none of them.
LINES = {
    Tool.IPERF: re.compile(
        rf"iperf\|(-s|-c\|{ADDRESS}\|-t\|{NUMBER})\|-e\|-f\|K\|-i\|1\|-p\|{NUMBER}\|-P\|{NUMBER}(\|-u)?(\|-V)?"
        rf"(\|-l\|{NUMBER})?(\|-w\|{NUMBER})?(\|-b\|{NUMBER})?(\|-M\|{NUMBER})?(\|--full-duplex)?"
        rf"(\|--bounceback={NUMBER})?(\|-B\|{ADDRESS})?"
    ),
    Tool.IPERF3: re.compile(
        rf"iperf3\|(-s\|-1\|-J\|-i\|{NUMBER}\|-p\|{NUMBER}|-c\|{ADDRESS}\|-p\|{NUMBER}\|-J\|--get-server-output"
        rf"\|-t\|{NUMBER}\|-i\|{NUMBER}\|-P\|{NUMBER}(\|-u)?(\|-b\|{NUMBER})?(\|-l\|{NUMBER})?(\|-w\|{NUMBER})?"
        rf"(\|-M\|{NUMBER})?)(\|-B\|{ADDRESS})?"
    ),
    Tool.SIEGE: re.compile(
        rf"siege\|http://([0-9.]+|\[[0-9a-fA-F:.]+\]):{NUMBER}/test\|(-d[0-9]{{1,2}}\.[0-9]{{3}}|-b)"
        rf"\|-t{NUMBER}S\|-c{NUMBER}"
    ),
    Tool.FORTIO: re.compile(
        rf"fortio\|(load\|-json\|-\|-payload-file\|-\|-log-errors=false\|-allow-initial-errors\|-timeout\|3s"
        rf"\|-qps\|{NUMBER}\|-c\|{NUMBER}\|-t\|{NUMBER}s(\|-uniform)?(\|-nocatchup)?\|-r\|[0-9.]+(e-[0-9]+)?"
        rf"\|(-grpc\|-ping\|{AUTHORITY}|(-h2\|)?http://{AUTHORITY}/)"
        rf"|server\|-http-port\|{LISTENER}\|-grpc-port\|{LISTENER}\|-tcp-port\|disabled\|-udp-port\|disabled"
        r"\|-redirect-port\|disabled\|-ui-path\|\|-echo-debug-path\|\|-config-dir\|\|-quiet)"
    ),
}


def places(content, path=()):
    if path:
        yield path
    if isinstance(content, dict):
        for key, value in content.items():
            yield from places(value, (*path, key))


def put(content, path, value):
    changed = copy.deepcopy(content)
    target = changed
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return changed


def native(spec):
    labels = {POD_LABEL_PREFIX + "c": "client", POD_LABEL_PREFIX + "s": "server"}
    return {"metadata": {"name": "a", "uid": "0b4e", "labels": labels}, "spec": spec}


def upstream(spec, name="network-test-0"):
    labels = {"c": "clientPodName", "s": "serverPodName"}
    obj = {"metadata": {"name": name, "uid": "0b4e", "labels": labels}, "spec": spec}
    return as_contract(obj, IperfOptions(bandwidth=8_000_000))


def require_harmless(request):
    """Let both pods of the request judge it; what one of them serves has to be a command line of ours."""
    for pod, role in (("c", Role.CLIENT), ("s", Role.SERVER)):
        decision = admit(request, pod, (OWN[pod],))
        if isinstance(decision, Refused):
            assert decision.failure.reason is Reason.REQUEST_REJECTED
            assert decision.failure.reported().message.isascii()
            continue
        assert isinstance(decision, Admitted)
        spec = decision.spec
        target = spec.destination
        addresses = [spec.server_pod_ip, *([] if is_name(target.address) else [target.address])]
        for address in map(ipaddress.ip_address, addresses):
            kinds = (address.is_loopback, address.is_unspecified, address.is_link_local, address.is_multicast)
            assert not any(kinds)
        assert role is Role.CLIENT or spec.server_pod_ip == OWN["s"]
        assert spec.pod_name(role) == pod
        assert min(spec.port, target.port) >= 1024
        if spec.tool is Tool.PROBE:  # the worker itself, without any program
            continue
        to = Destination(addresses[-1], target.port, OWN[pod])
        processes = driver_of(spec.tool).client(spec, to), driver_of(spec.tool).server(spec)
        assert all(LINES[spec.tool].fullmatch("|".join(process.argv)) for process in processes if process)


@given(data=st.data())
@pytest.mark.parametrize(
    "wholes",
    [[NATIVE], [DUPLEX, BOUNCES], [IPERF3], [HTTP], [FORTIO, GRPC, PROBE]],
    ids=["udp", "tcp", "iperf3", "siege", "fortio and probe"],
)
def test_a_request_is_refused_or_becomes_exactly_the_arguments_it_should(wholes, data):
    """Each value is one argument in its own place, however the request was meant."""
    whole = data.draw(st.sampled_from(wholes))
    spec = put(whole, data.draw(st.sampled_from(list(places(whole)))), data.draw(VALUES))
    for field in data.draw(st.lists(st.sampled_from(sorted(whole)), max_size=1)):
        spec[field] = data.draw(VALUES)
    require_harmless(native(spec))


@given(path=st.sampled_from([path for path in places(NATIVE) if len(path) == 3]), value=VALUES)
def test_an_option_is_refused_or_a_number(path, value):
    """The typed options of a tool bring nothing but amounts."""
    require_harmless(native(put(NATIVE, path, value)))


@given(data=st.data())
def test_a_request_over_the_loose_wire_is_refused_or_as_harmless(data):
    """ClusterLoader2's definition bounds next to nothing: the worker alone holds the line."""
    spec = dict(UPSTREAM)
    for field in data.draw(st.lists(st.sampled_from(sorted(UPSTREAM)), max_size=3, unique=True)):
        spec[field] = data.draw(VALUES)
    for field in data.draw(st.lists(st.sampled_from(sorted(UPSTREAM)), max_size=1)):
        del spec[field]
    require_harmless(upstream(spec))


@pytest.mark.parametrize("name", ["a.b.c", "x" * 253])
def test_a_request_of_any_name_is_served_over_the_loose_wire(name):
    """What a name may be there is no name of a run here, and does not have to be."""
    assert isinstance(admit(upstream(UPSTREAM, name), "c", (OWN["c"],)), Admitted)


@pytest.mark.parametrize("start", [None, "soon", 0, -1, 10**18, 1e300])
def test_a_start_that_cannot_be_is_refused_by_name(start):
    """The answer says which field was wrong."""
    refused = admit(upstream(UPSTREAM | {"clientStartTimestamp": start}), "c", (OWN["c"],))
    assert isinstance(refused, Refused)
    assert "spec.clientStartTimestamp" in str(refused.failure)


@pytest.mark.parametrize("address", ["198.18.0.9", "198.18.0.1", "fd00::2"])
def test_a_server_listens_at_its_own_addresses_only(address):
    """Another pod's address is refused before anything is bound."""
    refused = admit(native(NATIVE | {"serverPodIP": address}), "s", (OWN["s"],))
    assert f"the address of this pod, the server, is {OWN['s']}" in str(refused.failure)


@pytest.mark.parametrize("own", [(), ("198.18.0.1", "fd00::1")])
@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "::1"])
def test_loopback_is_refused_by_a_pod_that_has_another_address(address, own):
    """What listens on a pod's loopback is none of a request's business."""
    target = {"target": {"address": address, "port": 5001}}
    assert isinstance(admit(native(NATIVE | target), "c", own), Refused)
    assert isinstance(admit(native(NATIVE | {"serverPodIP": address}), "c", own), Refused)
    if ipaddress.ip_address(address).version == 4:
        assert isinstance(admit(native(NATIVE | {"serverPodIP": address}), "c", ("127.77.0.1",)), Admitted)


def test_the_worker_knows_no_way_to_a_shell():
    """Nothing in it imports or calls what could start one; tools are executed by path and argument list."""
    called = {"system", "popen", "execvp", "execlp", "execvpe", "spawnlp", "spawnvp", "posix_spawnp"}
    for file in Path(netcadence_worker.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            imported = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not {"subprocess", "pty", "commands"} & set(imported), file
            assert not (isinstance(node, ast.ImportFrom) and node.module == "subprocess"), file
            assert not (isinstance(node, ast.Attribute) and node.attr in called), file
