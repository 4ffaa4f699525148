"""Hello, answer, confirmation: over real sockets on loopback."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from netcadence_worker.bell import Bell
from netcadence_worker.contract import Reason
from netcadence_worker.failure import FailureError, WithdrawnError
from netcadence_worker.path_check import Knock, Path, await_client, reach_server

BOTH = pytest.mark.parametrize("knock", [Knock.STREAM, Knock.DATAGRAM])
#: Fixed, because each test has addresses of its own.
PORT = 5001


class Side(threading.Thread):
    """One side of a check in a thread; what it raised is kept."""

    def __init__(self, check, path, seconds=5.0):
        super().__init__(daemon=True)
        self.bell = Bell()
        self.error = None
        self._check = check
        self._path = path
        self._until = time.monotonic() + seconds
        self.start()

    def run(self):
        try:
            self._check(self._path, self.bell, self._until)
        except (FailureError, WithdrawnError) as error:
            self.error = error

    def result(self):
        self.join(10)
        assert not self.is_alive()
        return self.error


@pytest.fixture
def path(address):
    def make(knock, server=None, uid="uid-1"):
        return Path(uid, knock, server or address(), PORT, address())

    return make


@BOTH
def test_both_sides_find_each_other(path, knock):
    """Client and server are done, and the port is free for the tool."""
    checked = path(knock)
    server = Side(await_client, checked)
    client = Side(reach_server, checked)
    assert (client.result(), server.result()) == (None, None)
    with checked.socket() as tool:
        tool.bind((checked.server, PORT))
        if knock is Knock.STREAM:
            tool.listen()


@BOTH
def test_client_may_be_first(path, knock):
    """A client that is refused tries again until the server is there."""
    checked = path(knock)
    client = Side(reach_server, checked)
    assert not client.join(0.2)
    assert client.is_alive()
    server = Side(await_client, checked)
    assert (client.result(), server.result()) == (None, None)


@BOTH
def test_refused_to_the_end(path, knock):
    """Nobody listens: ConnectionRefused, with where and how often."""
    checked = path(knock)
    failure = Side(reach_server, checked, seconds=0.3).result()
    assert isinstance(failure, FailureError)
    assert failure.reason is Reason.CONNECTION_REFUSED
    assert f"{knock} {checked.server}:5001 after" in str(failure)


@BOTH
def test_silence_to_the_end(path, knock):
    """Somebody listens and says nothing: ConnectTimeout."""
    checked = path(knock)
    with checked.socket() as silent:
        silent.bind((checked.server, PORT))
        if knock is Knock.STREAM:
            silent.listen()
        failure = Side(reach_server, checked, seconds=0.5).result()
    assert failure.reason is Reason.CONNECT_TIMEOUT


@BOTH
def test_another_requests_hello_is_not_ours(path, knock):
    """A server answers its own request's client only."""
    checked = path(knock)
    server = Side(await_client, checked, seconds=0.8)
    stranger = Side(reach_server, path(knock, server=checked.server, uid="uid-2"), seconds=0.5)
    assert stranger.result() is not None
    assert server.result().reason is Reason.ARM_TIMEOUT


@BOTH
def test_taken_port_is_said(path, knock):
    """A port that another program keeps is named when time is up."""
    checked = path(knock)
    with checked.socket() as other:
        other.bind((checked.server, PORT))
        if knock is Knock.STREAM:
            other.listen()
        failure = Side(await_client, checked, seconds=0.3).result()
    assert failure.reason is Reason.ARM_TIMEOUT
    assert "stays taken" in str(failure)


def test_port_that_becomes_free_is_used(path):
    """A server waits for the tool of an earlier request to leave its port."""
    checked = path(Knock.STREAM)
    with checked.socket() as other:
        other.bind((checked.server, PORT))
        other.listen()
        server = Side(await_client, checked)
        assert not server.join(0.1)
    assert Side(reach_server, checked).result() is None
    assert server.result() is None


def test_foreign_address_is_rejected():
    """An address that is not this pod's cannot be listened on, and no waiting helps."""
    foreign = Path("uid-1", Knock.STREAM, "198.18.255.254", PORT)
    assert Side(await_client, foreign).result().reason is Reason.REQUEST_REJECTED


@BOTH
@pytest.mark.parametrize("check", [await_client, reach_server])
def test_interruption_ends_a_check(path, knock, check):
    """A deleted request is given up at once."""
    side = Side(check, path(knock))
    side.bell.interrupt(WithdrawnError())
    assert isinstance(side.result(), WithdrawnError)


def test_lost_confirmation_does_no_harm(path):
    """A client that was answered and says nothing more has got the answer."""
    checked = path(Knock.DATAGRAM)
    server = Side(await_client, checked)
    with checked.socket() as client:
        client.settimeout(0.05)
        answer = b""
        deadline = time.monotonic() + 5
        while not answer and time.monotonic() < deadline:
            client.sendto(checked.message("hello"), (checked.server, PORT))
            try:
                answer = client.recv(100)
            except TimeoutError:
                continue
    assert answer == checked.message("answer")
    assert server.result() is None


def test_silent_visitor_does_not_keep_the_client_out(path):
    """A connection that says nothing, such as a port scanner's, is left after a second."""
    checked = path(Knock.STREAM)
    server = Side(await_client, checked)
    visitor = None
    deadline = time.monotonic() + 5
    while visitor is None and time.monotonic() < deadline:
        try:
            visitor = socket.create_connection((checked.server, PORT), timeout=1)
        except ConnectionRefusedError:
            continue
    with visitor:
        assert Side(reach_server, checked).result() is None
    assert server.result() is None


def test_client_that_was_let_in_does_not_knock_twice(path):
    """However long a busy server takes: by the time of a second knock iperf may listen there."""
    checked = path(Knock.STREAM)
    with checked.socket() as listener:
        listener.settimeout(5)
        listener.bind((checked.server, PORT))
        listener.listen()
        client = Side(reach_server, checked)
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(5)
            assert connection.recv(100) == checked.message("hello")
            listener.settimeout(1.5)
            with pytest.raises(TimeoutError):
                listener.accept()
            connection.sendall(checked.message("answer"))
            assert connection.recv(100) == checked.message("confirm")
    assert client.result() is None


def test_datagrams_led_astray_are_sent_from_another_port(path):
    """Where nobody answers what comes from the first port, a second one is tried before time is up."""
    checked = path(Knock.DATAGRAM)
    with checked.socket() as listener:
        listener.settimeout(5)
        listener.bind((checked.server, PORT))
        client = Side(reach_server, checked)
        _, first = listener.recvfrom(100)
        second = first
        while second == first:
            _, second = listener.recvfrom(100)
        listener.sendto(checked.message("answer"), first)
        word = b""
        while word != checked.message("confirm"):
            word, sender = listener.recvfrom(100)
        assert sender == first
    assert client.result() is None
