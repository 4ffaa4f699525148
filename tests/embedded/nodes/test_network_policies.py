"""Network policies, enforced: real connections between pods of a cluster of namespaces."""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import select
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from kubernetes import client, config

from netcadence.embedded import Cluster, EmbeddedClusterError, Image, Settings
from netcadence.embedded.network import choose_kind
from netcadence.embedded.network.entry import inside

pytestmark = pytest.mark.skipif(
    choose_kind("auto") != "namespaces", reason="network namespaces need root here"
)

IMAGES = {
    "python": Image(argv=(sys.executable, "-S", "-u", "-c"), allow_command=True),
    "sleeper": Image(argv=("sleep", "600")),
}
DEADLINE_S = 10
#: A packet that was dropped is not answered; one that was not is answered far sooner.
SILENCE_S = 0.4
WEB, ADMIN = 8080, 9090
_numbers = itertools.count()


@pytest.fixture(scope="module")
def policed():
    with Cluster.up(Settings(name="policed", images=IMAGES, network="namespaces")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def api(policed):
    with config.new_client_from_config(str(policed.kubeconfig)) as api:
        yield api


@pytest.fixture(scope="module")
def core(api):
    return client.CoreV1Api(api)


@pytest.fixture(scope="module")
def networking(api):
    return client.NetworkingV1Api(api)


class Party:
    """A pod that sleeps, and sockets of this process in its network."""

    def __init__(self, cluster, pod):
        self.name, self.namespace = pod.metadata.name, pod.metadata.namespace
        self.node = pod.spec.node_name
        self.ips = [each.ip for each in pod.status.pod_ips]
        self.ip = self.ips[0]
        files = cluster.log.parent / "pods" / pod.metadata.uid
        self.network = Path("/proc", (files / "main.pid").read_text().split()[0], "ns/net")

    def socket(self, kind=socket.SOCK_STREAM, family=socket.AF_INET):
        with inside(self.network):
            return socket.socket(family, kind)

    def filters(self):
        command = ["nsenter", f"--net={self.network}", "nft", "list", "tables"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def start(policed, core):
    """Return what starts pods of some labels, all of them at once, and waits for them."""
    started = []

    def start(*specs, namespace="default", node=None, **more):
        names = []
        for labels in specs:
            names.append(f"pod-{next(_numbers)}")
            ports = [{"name": "web", "containerPort": WEB}, {"name": "admin", "containerPort": ADMIN}]
            spec = {
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "main", "image": "sleeper", "ports": ports}],
            }
            spec |= more | ({"nodeSelector": {"kubernetes.io/hostname": node}} if node else {})
            core.create_namespaced_pod(
                namespace, {"metadata": {"name": names[-1], "labels": labels}, "spec": spec}
            )
            started.append((namespace, names[-1]))
        return [Party(policed, _running(core, name, namespace)) for name in names]

    yield start
    for namespace, name in started:
        with contextlib.suppress(client.ApiException):
            core.delete_namespaced_pod(name, namespace, grace_period_seconds=0)


def _running(core, name, namespace="default"):
    deadline = time.monotonic() + DEADLINE_S
    while (pod := core.read_namespaced_pod(name, namespace)).status.phase != "Running":
        assert time.monotonic() < deadline, pod.status
        time.sleep(0.02)
    return pod


@pytest.fixture
def put(networking):
    """Return what puts a policy into a namespace; the test's policies are deleted after it."""
    made = []

    def put(spec, namespace="default"):
        name = f"policy-{next(_numbers)}"
        networking.create_namespaced_network_policy(namespace, {"metadata": {"name": name}, "spec": spec})
        made.append((name, namespace))
        return name

    yield put
    for name, namespace in made:
        with contextlib.suppress(client.ApiException):
            networking.delete_namespaced_network_policy(name, namespace)


@pytest.fixture(scope="module")
def other_namespace(core):
    core.create_namespace({"metadata": {"name": "other", "labels": {"team": "b"}}})
    return "other"


@pytest.fixture(scope="module")
def cast(start, other_namespace):
    """A server that listens everywhere, and clients to it: of one kind, of another, and from elsewhere."""
    server, friend, stranger = start({"app": "server"}, {"app": "friend"}, {"app": "stranger"}, node="node-0")
    (far,) = start({"app": "friend"}, namespace=other_namespace, node="node-1")
    with contextlib.ExitStack() as stack:
        listeners = [
            _listen(stack, server, port, family)
            for family, port in itertools.product((socket.AF_INET, socket.AF_INET6), (WEB, ADMIN))
        ]
        stop = threading.Event()
        draining = threading.Thread(target=_drain, args=(listeners, stop))
        draining.start()
        stack.callback(draining.join)
        stack.callback(stop.set)
        yield server, friend, stranger, far


def _drain(listeners, stop):
    """Accept whatever comes: a queue that is full would look like a policy."""
    while not stop.is_set():
        for each in select.select(listeners, [], [], 0.1)[0]:
            each.accept()[0].close()


def _listen(stack, party, port, family=socket.AF_INET):
    listener = stack.enter_context(party.socket(family=family))
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    listener.bind(("", port))
    listener.listen()
    return listener


def reached(*wanted):
    """Connect from pods to addresses, all at once; return which of (pod, ip, port) were reached."""
    with contextlib.ExitStack() as stack:
        attempts = {}
        for source, ip, port in wanted:
            family = socket.AF_INET6 if ":" in ip else socket.AF_INET
            connection = stack.enter_context(source.socket(family=family))
            connection.settimeout(0)
            connection.connect_ex((ip, port))
            attempts[connection] = (source, ip, port)
        done = set()
        deadline = time.monotonic() + SILENCE_S
        while (left_s := deadline - time.monotonic()) > 0 and len(done) < len(attempts):
            _, writable, _ = select.select([], [each for each in attempts if each not in done], [], left_s)
            done.update(writable)
        return {attempts[each] for each in done if not each.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)}


def settles(expected, *wanted):
    """Wait until exactly the expected ones of the wanted connections are reached."""
    deadline = time.monotonic() + DEADLINE_S
    while (found := reached(*wanted)) != set(expected):
        assert time.monotonic() < deadline, f"reached {found}, expected {set(expected)}"


def pods(**labels):
    return {"podSelector": {"matchLabels": labels}}


SELECT_SERVER = pods(app="server")
FRIENDS = pods(app="friend")
FROM_FRIENDS = {**SELECT_SERVER, "ingress": [{"from": [FRIENDS]}]}


def test_without_a_policy_all_is_open_and_nothing_is_in_the_way(cast):
    server, friend, stranger, far = cast
    wanted = [(each, ip, WEB) for each in (friend, stranger, far) for ip in server.ips]
    assert reached(*wanted) == set(wanted)
    assert server.filters() == ""


def test_an_isolated_pod_is_reached_only_from_whom_a_rule_names_over_both_families(cast, put):
    server, friend, stranger, far = cast
    put(FROM_FRIENDS)
    wanted = [
        (each, ip, port) for each in (friend, stranger, far) for ip in server.ips for port in (WEB, ADMIN)
    ]
    settles([each for each in wanted if each[0] is friend], *wanted)


def test_several_policies_allow_what_any_of_them_allows(cast, put):
    server, friend, stranger, far = cast
    put({**SELECT_SERVER, "policyTypes": ["Ingress"]})
    wanted = [(each, server.ip, port) for each in (friend, stranger, far) for port in (WEB, ADMIN)]
    settles([], *wanted)
    put(FROM_FRIENDS)
    put({**SELECT_SERVER, "ingress": [{"ports": [{"port": WEB}]}]})
    settles([each for each in wanted if each[0] is friend or each[2] == WEB], *wanted)


def namespaces(**labels):
    return {"namespaceSelector": {"matchLabels": labels}}


OWN = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}}}
NO_FRIEND = {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["friend"]}]}


@pytest.mark.parametrize(
    ("peer", "who"),
    [
        (namespaces(), "friend stranger far"),
        (namespaces(team="b"), "far"),
        (OWN, "friend stranger"),
        ({**namespaces(), **pods(app="friend")}, "friend far"),
        ({"podSelector": NO_FRIEND}, "stranger"),
    ],
    ids=["any-namespace", "another-namespace", "own-namespace-by-name", "both", "not-in"],
)
def test_peers_are_chosen_by_pod_by_namespace_or_by_both(cast, put, peer, who):
    server = cast[0]
    clients = dict(zip(("friend", "stranger", "far"), cast[1:], strict=True))
    put({**SELECT_SERVER, "ingress": [{"from": [peer]}]})
    wanted = {name: (each, server.ip, WEB) for name, each in clients.items()}
    settles([wanted[name] for name in who.split()], *wanted.values())


def test_a_block_of_addresses_is_let_in_without_its_exceptions(cast, put):
    server, friend, stranger, far = cast
    blocks = [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": [f"{stranger.ip}/32", f"{far.ip}/32"]}},
        {"ipBlock": {"cidr": f"{far.ips[1]}/128"}},
    ]
    put({**SELECT_SERVER, "ingress": [{"from": blocks}]})
    wanted = [(each, ip, WEB) for each in (friend, stranger, far) for ip in server.ips]
    settles([(friend, server.ip, WEB), (far, server.ips[1], WEB)], *wanted)


@pytest.mark.parametrize(
    ("ports", "open_ports"),
    [
        ([{"port": "admin"}], [ADMIN]),
        ([{"port": "metrics"}], []),
        ([{"port": WEB, "endPort": ADMIN - 1}, {"port": 1, "endPort": WEB}], [WEB]),
        ([{"port": WEB - 1, "endPort": ADMIN}], [WEB, ADMIN]),
        ([{"protocol": "TCP"}], [WEB, ADMIN]),
        ([{"protocol": "UDP", "port": WEB}, {"protocol": "UDP", "port": "web"}], []),
    ],
    ids=["named", "named-as-none", "ranges", "range", "protocol-alone", "other-protocol"],
)
@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_ports_are_chosen_by_number_range_name_and_protocol(cast, put, direction, ports, open_ports):
    server, friend, *_ = cast
    app = "server" if direction == "ingress" else "friend"
    rules = {"policyTypes": [direction.title()], direction: [{"ports": ports}]}
    put({**pods(app=app), **rules})
    wanted = [(friend, server.ip, port) for port in (WEB, ADMIN)]
    settles([(friend, server.ip, port) for port in open_ports], *wanted)


def test_egress_holds_up_what_a_pod_begins_and_nothing_that_others_begin_with_it(cast, put):
    server, friend, stranger, _ = cast
    with contextlib.ExitStack() as stack:
        _listen(stack, friend, WEB)
        to = [pods(app="stranger")]
        put(
            {
                "podSelector": {"matchLabels": {"app": "friend"}},
                "policyTypes": ["Egress"],
                "egress": [{"to": to}],
            }
        )
        _listen(stack, stranger, WEB)
        wanted = [(friend, server.ip, WEB), (friend, stranger.ip, WEB), (server, friend.ip, WEB)]
        settles(wanted[1:], *wanted)


def test_rules_see_the_pod_behind_a_service_and_a_pod_reaches_itself_through_one(cast, put, core):
    server, friend, stranger, _ = cast
    ports = [{"port": 80, "targetPort": WEB}]
    service = {"metadata": {"name": "web"}, "spec": {"selector": {"app": "server"}, "ports": ports}}
    ip = core.create_namespaced_service("default", service).spec.cluster_ip
    try:
        wanted = [(each, ip, 80) for each in (server, friend, stranger)]
        settles(wanted, *wanted)
        put({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
        settles(wanted[:1], *wanted)
        put(
            {
                **FRIENDS,
                "policyTypes": ["Egress"],
                "egress": [{"to": [SELECT_SERVER], "ports": [{"port": WEB}]}],
            }
        )
        put(FROM_FRIENDS)
        settles(wanted[:2], *wanted)
    finally:
        core.delete_namespaced_service("web", "default")


def test_a_datagram_is_judged_each_time_and_answers_pass(cast, put, networking):
    server, friend, *_ = cast
    with server.socket(socket.SOCK_DGRAM) as here, friend.socket(socket.SOCK_DGRAM) as there:
        here.bind((server.ip, 5000))
        for each in (here, there):
            each.settimeout(SILENCE_S)

        def answered():
            """Send a datagram out of the same socket as ever; return whether its answer came back."""
            with contextlib.suppress(TimeoutError, PermissionError):
                there.sendto(b"?", (server.ip, 5000))
                _, source = here.recvfrom(9)
                here.sendto(b"!", source)
                return there.recv(9) == b"!"
            return False

        # Nobody may begin anything with either of them, but for this one thing.
        put({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
        allowed = put({**SELECT_SERVER, "ingress": [{"ports": [{"protocol": "UDP", "port": 5000}]}]})
        put({**pods(app="friend"), "policyTypes": ["Egress"], "egress": [{}]})
        deadline = time.monotonic() + DEADLINE_S
        while not answered():
            assert time.monotonic() < deadline
        networking.delete_namespaced_network_policy(allowed, "default")
        while answered():
            assert time.monotonic() < deadline


def test_a_connection_that_is_established_goes_on_and_a_new_one_is_held_up(cast, put):
    server, friend, *_ = cast
    with contextlib.ExitStack() as stack:
        listener = _listen(stack, server, 7000)
        there = stack.enter_context(friend.socket())
        there.settimeout(DEADLINE_S)
        there.connect((server.ip, 7000))
        here, _ = listener.accept()
        stack.enter_context(here).settimeout(DEADLINE_S)
        put({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
        settles([], (friend, server.ip, 7000))
        for sender, receiver in ((here, there), (there, here)):
            sender.sendall(b"still here")
            assert receiver.recv(99) == b"still here"


def test_a_pod_reaches_itself_and_its_node_reaches_it_whatever_policies_say(cast, put, core, policed):
    server, friend, *_ = cast
    put({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
    settles(
        [(server, ip, WEB) for ip in server.ips],
        (friend, server.ip, WEB),
        *((server, ip, WEB) for ip in server.ips),
    )
    name = f"probed-{next(_numbers)}"
    probe = {"tcpSocket": {"port": WEB}, "periodSeconds": 1}
    code = f"import socket; s = socket.create_server(('', {WEB})); exec('while 1: s.accept()')"
    container = {"name": "main", "image": "python", "args": [code], "readinessProbe": probe}
    core.create_namespaced_pod("default", {"metadata": {"name": name}, "spec": {"containers": [container]}})
    deadline = time.monotonic() + DEADLINE_S
    while not (pod := _running(core, name)).status.container_statuses[0].ready:
        assert time.monotonic() < deadline, pod.status
    assert "netcadence-policy" in Party(policed, pod).filters()
    core.delete_namespaced_pod(name, "default", grace_period_seconds=0)


def test_pods_on_the_network_of_their_host_are_that_host_and_nothing_is_kept_from_them(cast, put, start):
    server, friend, *_ = cast
    near, far = (start({"app": "friend"}, node=each, hostNetwork=True)[0] for each in ("node-0", "node-1"))
    wanted = [(each, server.ip, WEB) for each in (friend, near, far)]
    put(FROM_FRIENDS)
    put({**FRIENDS, "policyTypes": ["Egress"]})
    settles([wanted[1]], *wanted)
    put({**SELECT_SERVER, "ingress": [{"from": [{"ipBlock": {"cidr": f"{far.ip}/32"}}]}]})
    settles(wanted[1:], *wanted)
    assert "netcadence-policy" not in near.filters()


def test_labels_that_change_change_who_is_let_in(cast, put, core):
    server, _, stranger, _ = cast
    wanted = (stranger, server.ip, WEB)
    put(FROM_FRIENDS)
    settles([], wanted)
    try:
        core.patch_namespaced_pod(stranger.name, "default", {"metadata": {"labels": {"app": "friend"}}})
        settles([wanted], wanted)
    finally:
        core.patch_namespaced_pod(stranger.name, "default", {"metadata": {"labels": {"app": "stranger"}}})
    settles([], wanted)


def test_labels_of_a_namespace_that_change_change_who_is_let_in(cast, put, core, other_namespace):
    server, *_, far = cast
    wanted = (far, server.ip, WEB)
    put({**SELECT_SERVER, "ingress": [{"from": [{"namespaceSelector": {"matchLabels": {"let": "in"}}}]}]})
    settles([], wanted)
    core.patch_namespace(other_namespace, {"metadata": {"labels": {"let": "in"}}})
    settles([wanted], wanted)


def test_the_last_policy_takes_all_filters_with_it(cast, put, networking):
    server, *_ = cast
    name = put({"podSelector": {}, "policyTypes": ["Ingress"]})
    deadline = time.monotonic() + DEADLINE_S
    while "netcadence-policy" not in server.filters():
        assert time.monotonic() < deadline
    networking.delete_namespaced_network_policy(name, "default")
    while server.filters():
        assert time.monotonic() < deadline


EAGER = """
import socket, sys
listener = socket.create_server(("", {admin}))
while True:
    with socket.socket() as connection:
        connection.settimeout(0.05)
        connection.connect_ex(("{server}", {port}))
"""


def knock(source, ip, port, stop, heard):
    """Try to connect again and again until told to stop; say so once it succeeded."""
    while not stop.is_set():
        with source.socket() as connection:
            connection.settimeout(0.02)
            if connection.connect_ex((ip, port)) == 0:
                heard.set()


@pytest.fixture
def eager_pod(cast, core, policed, start):
    """Return what starts a pod that connects at once, and that is connected to before it is there."""
    server, friend, *_ = cast

    @contextlib.contextmanager
    def eager_pod(port):
        """Yield what tells whether the pod has connected to a port of the server, and a friend to the pod."""
        (latest,) = start({"app": "latest"})
        next_ip = str(ipaddress.ip_address(latest.ip) + 1)
        name, stop, heard = f"eager-{next(_numbers)}", threading.Event(), threading.Event()
        with contextlib.ExitStack() as stack:
            listener = _listen(stack, server, port)
            knocking = threading.Thread(target=knock, args=(friend, next_ip, ADMIN, stop, heard))
            knocking.start()
            stack.callback(knocking.join)
            stack.callback(stop.set)
            code = EAGER.format(admin=ADMIN, server=server.ip, port=port)
            spec = {"containers": [{"name": "main", "image": "python", "args": [code]}]}
            metadata = {"name": name, "labels": {"app": "eager"}}
            core.create_namespaced_pod("default", {"metadata": metadata, "spec": spec})
            assert Party(policed, _running(core, name)).ip == next_ip
            yield lambda: (bool(select.select([listener], [], [], 0)[0]), heard.is_set())
            core.delete_namespaced_pod(name, "default", grace_period_seconds=0)

    return eager_pod


def test_a_new_pod_is_under_its_policies_before_its_first_instruction(eager_pod, put):
    with eager_pod(7001) as seen:
        deadline = time.monotonic() + DEADLINE_S
        while seen() != (True, True):
            assert time.monotonic() < deadline, "this test would not see a leak"
    put({**pods(app="eager"), "policyTypes": ["Ingress", "Egress"]})
    with eager_pod(7002) as seen:
        time.sleep(2 * SILENCE_S)
        assert seen() == (False, False)


def test_enforcement_can_be_late_or_switched_off(cast, put, policed):
    server, friend, *_ = cast
    wanted = (friend, server.ip, WEB)
    try:
        policed.set_policies(delay_s=2)
        written = time.monotonic()
        put({"podSelector": {}, "policyTypes": ["Ingress"]})
        while reached(wanted) or reached(wanted):  # one attempt may fail for a busy machine
            assert time.monotonic() < written + DEADLINE_S
        assert time.monotonic() - written >= 2
        policed.set_policies(enforced=False)
        settles([wanted], wanted)
        assert server.filters() == ""
        policed.set_policies()
        settles([], wanted)
    finally:
        policed.set_policies()
    with pytest.raises(EmbeddedClusterError, match="delay_s: -1 is not a number from 0 to 3600"):
        policed.set_policies(delay_s=-1)


def test_lateness_beyond_an_hour_is_refused():
    with pytest.raises(EmbeddedClusterError, match=r"policy_delay_s: 9000 is not between 0 and 3600"):
        Settings(policy_delay_s=9000)
