"""What a step says of its progress, to whoever listens: a terminal, a log, or nobody."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Protocol


class Listener(Protocol):
    """Shows progress."""

    def step(self, what: str) -> None:
        """Say that a step begins."""

    def count(self, done: int, total: int) -> None:
        """Say how much of the present step is done."""

    def traffic(self, seconds: float) -> None:
        """Say that traffic will flow for some time."""


class _Silent:
    def step(self, what: str) -> None:
        pass

    def count(self, done: int, total: int) -> None:
        pass

    def traffic(self, seconds: float) -> None:
        pass


_SILENT: Final = _Silent()
_listener: ContextVar[Listener] = ContextVar("listener")


def listener() -> Listener:
    """Return whoever listens to this run."""
    return _listener.get(_SILENT)


@contextmanager
def heard_by(who: Listener) -> Iterator[None]:
    """Let a listener hear of all that is done within."""
    token = _listener.set(who)
    try:
        yield
    finally:
        _listener.reset(token)


class Chapter:
    """Tells a listener what one of several says of its progress, and which one that is."""

    def __init__(self, listener: Listener, title: str) -> None:
        self._listener = listener
        self._title = title

    def step(self, what: str) -> None:
        """Say that a step begins."""
        self._listener.step(f"{self._title}  {what}")

    def count(self, done: int, total: int) -> None:
        """Say how much of the present step is done."""
        self._listener.count(done, total)

    def traffic(self, seconds: float) -> None:
        """Say that traffic will flow for some time."""
        self._listener.traffic(seconds)
