"""Waiting for several things at once."""

from __future__ import annotations

import os
import socket
import threading
import time

import pytest

from netcadence_worker.bell import Bell
from netcadence_worker.failure import WithdrawnError


@pytest.fixture
def bell():
    with Bell() as bell:
        yield bell


def soon():
    return time.monotonic() + 5


def test_condition_that_holds_needs_no_ring(bell):
    """What is true already is not waited for, even past the deadline."""
    assert bell.wait(0.0, condition=lambda: True)


def test_deadline_ends_a_wait(bell):
    """Nothing happens: False, at the deadline."""
    begun = time.monotonic()
    assert not bell.wait(begun + 0.05)
    assert time.monotonic() - begun >= 0.05


def test_ring_makes_the_condition_looked_at(bell):
    """Another thread changes something and rings."""
    changed = []

    def change():
        changed.append(True)
        bell.ring()

    threading.Timer(0.05, change).start()
    assert bell.wait(soon(), condition=lambda: bool(changed))


def test_ring_without_change_does_not_end_a_wait(bell):
    """A condition that still does not hold is waited for on."""
    bell.ring()
    assert not bell.wait(time.monotonic() + 0.05, condition=lambda: False)


def test_socket_ends_a_wait(bell):
    """A socket that can be read or written is reason enough."""
    one, other = socket.socketpair()
    with one, other:
        assert not bell.wait(time.monotonic() + 0.02, readable=[one])
        assert bell.wait(soon(), writable=[one])
        other.send(b"x")
        assert bell.wait(soon(), readable=[one])


def test_interruption_raises_now_and_ever_after(bell):
    """The first interruption counts, for a wait under way and for all later ones."""
    threading.Timer(0.05, bell.interrupt, [WithdrawnError()]).start()
    for _ in range(2):
        with pytest.raises(WithdrawnError):
            bell.wait(soon())
    bell.interrupt(ValueError())
    with pytest.raises(WithdrawnError):
        bell.check()


def test_ring_after_the_end_touches_no_other_descriptor():
    """A late ring does not write into whatever has got the number since."""
    with Bell() as bell:
        pass
    reader, writer = os.pipe()
    bell.ring()
    os.close(writer)
    assert os.read(reader, 8) == b""
    os.close(reader)
