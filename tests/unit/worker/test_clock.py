"""Clock offsets by four timestamps."""

from __future__ import annotations

import socket
import struct
import threading
import time

import pytest

from netcadence_worker.bell import Bell
from netcadence_worker.clock import ClockServer, measure_offset, offset_of

SECOND = 1_000_000_000


@pytest.fixture
def server(address):
    server = ClockServer(address(), port=0)
    server.start()
    yield server
    server.stop()
    server.join(5)
    assert not server.is_alive()


def ask(server, source=None, **more):
    host = server._socket.getsockname()[0]
    return measure_offset(host, source=source, bell=Bell(), port=server.port, **more)


@pytest.mark.parametrize("ahead_ns", [-3 * SECOND, 0, SECOND // 4])
def test_symmetric_way_gives_the_exact_offset(ahead_ns):
    """10 ms there, 5 ms inside, 10 ms back."""
    t1 = 100 * SECOND
    t2 = t1 + 10_000_000 + ahead_ns
    offset = offset_of(t1, t2, t2 + 5_000_000, t1 + 25_000_000)
    assert offset.seconds == pytest.approx(ahead_ns / SECOND)
    assert offset.uncertainty_s == pytest.approx(0.010)


def test_asymmetric_way_stays_within_the_uncertainty():
    """All of the way there, nothing back: the worst case."""
    offset = offset_of(0, 20_000_000, 20_000_000, 20_000_000)
    assert abs(offset.seconds) <= offset.uncertainty_s


def test_own_clock_agrees_with_itself(server, address):
    """On one machine both clocks are the same, and loopback is quick."""
    offset = ask(server, source=address())
    assert abs(offset.seconds) <= offset.uncertainty_s + 1e-6
    assert offset.uncertainty_s < 0.05


@pytest.mark.parametrize("ahead_s", [2.0, -0.25])
def test_other_clock_is_told_apart(address, ahead_s):
    """A reference whose clock goes otherwise, written here after the protocol's description."""
    host = address()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as reference:
        reference.bind((host, 0))
        reference.settimeout(5)

        def answer():
            for _ in range(8):
                question, asker = reference.recvfrom(100)
                now = time.time_ns() + int(ahead_s * SECOND)
                reference.sendto(question[:12] + struct.pack("!qq", now, now), asker)

        answering = threading.Thread(target=answer, daemon=True)
        answering.start()
        offset = measure_offset(host, source=None, bell=Bell(), port=reference.getsockname()[1])
        answering.join(5)
    assert offset.seconds == pytest.approx(ahead_s, abs=offset.uncertainty_s + 1e-3)


def test_nobody_answers(address):
    """A reference that is not there leaves the clock unknown, soon."""
    begun = time.monotonic()
    assert measure_offset(address(), source=None, bell=Bell(), patience_s=0.3) is None
    assert time.monotonic() - begun < 2.0


def test_strange_datagrams_are_not_answered(server):
    """Only questions of the right form and length get an answer; the server goes on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for text in (b"", b"NCt1", b"x" * 28, b"NCt1" + b"x" * 100):
            stranger.sendto(text, server._socket.getsockname())
        assert ask(server) is not None
        stranger.settimeout(0)
        with pytest.raises(BlockingIOError):
            stranger.recv(100)
