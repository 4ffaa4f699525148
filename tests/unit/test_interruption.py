"""Signals are heeded, whatever became of the exceptions that they raised."""

from __future__ import annotations

import contextlib
import os
import signal

import pytest

from flows.interruption import heeded


@pytest.fixture(autouse=True)
def as_at_a_terminal():
    """Handle SIGINT as Python does by default; a shell has what it starts in the background ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def swallowed(then=None):
    """Be struck by an interrupt that nobody sees, and go on with an error instead of it if one is given."""
    with contextlib.suppress(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    if then:
        raise then


def test_an_interrupt_that_somebody_swallowed_ends_it_all_the_same():
    with pytest.raises(KeyboardInterrupt), heeded():
        swallowed()


def test_an_interrupt_that_became_another_error_is_one_and_keeps_the_error_as_its_cause():
    error = ValueError("the connection is in use")
    with pytest.raises(KeyboardInterrupt) as caught, heeded():
        swallowed(then=error)
    assert caught.value.__cause__ is error


def test_a_termination_that_somebody_swallowed_is_sent_again_to_who_handled_it_before():
    told = []
    before = signal.signal(signal.SIGTERM, lambda number, _frame: told.append(number))
    try:
        with heeded():
            outer = signal.signal(signal.SIGTERM, lambda *_: None)
            os.kill(os.getpid(), signal.SIGTERM)
            signal.signal(signal.SIGTERM, outer)
        assert told == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def test_without_a_signal_what_is_raised_within_comes_out():
    with pytest.raises(ValueError, match="as it is"), heeded():
        raise ValueError("as it is")


def test_who_listened_for_signals_before_listens_again():
    with heeded():
        pass
    assert signal.set_wakeup_fd(-1) == -1
