"""What a step says of its progress, to whoever listens: a terminal, a log, or nobody."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final


class Listener:
    """Hears of progress; what it has no method of its own for, it passes over."""

    def step(self, what: str) -> None:
        """Hear that a step begins."""

    def count(self, done: int, total: int) -> None:
        """Hear how much of the present step is done."""

    def traffic(self, seconds: float) -> None:
        """Hear that traffic will flow for some time."""

    def remark(self, what: str) -> None:
        """Hear of something that is to be seen later on, too."""


_SILENT: Final = Listener()
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


class Chapters:
    """Tells one listener of several that go on side by side: of the one in front, and which that is.

    Args:
        listener: Who is told.
        front: Returns the number of the one that is in front, from 0.
    """

    def __init__(self, listener: Listener, titles: Sequence[str], front: Callable[[], int]) -> None:
        self._listener = listener
        self._front = front
        self._shown = -1
        self._lock = threading.Lock()
        total = len(titles)
        self.all = tuple(
            Chapter(self, number, f"{number + 1} of {total}  {title}") for number, title in enumerate(titles)
        )

    def hear(self, number: int, tell: Callable[[Listener], None]) -> None:
        """Tell the listener of a chapter, if it is in front; of one that has come there, what it does."""
        with self._lock:
            front = self._front()
            if front != self._shown:
                self._shown = front
                self.all[front].repeat(self._listener)
            elif front == number:
                tell(self._listener)

    def remark(self, what: str) -> None:
        """Tell the listener what is to be seen whichever chapter is in front."""
        with self._lock:
            self._listener.remark(what)


class Chapter(Listener):
    """A listener for one of several; see `Chapters`."""

    def __init__(self, chapters: Chapters, number: int, title: str) -> None:
        self._chapters = chapters
        self._number = number
        self._title = title
        self._step = ""
        self._traffic: tuple[float, float] | None = None

    def step(self, what: str) -> None:
        """Say that a step begins."""
        self._step, self._traffic = f"{self._title}  {what}", None
        self._chapters.hear(self._number, lambda listener: listener.step(self._step))

    def count(self, done: int, total: int) -> None:
        """Say how much of the present step is done."""
        self._chapters.hear(self._number, lambda listener: listener.count(done, total))

    def traffic(self, seconds: float) -> None:
        """Say that traffic will flow for some time."""
        self._traffic = (seconds, time.monotonic())
        self._chapters.hear(self._number, lambda listener: listener.traffic(seconds))

    def remark(self, what: str) -> None:
        """Say something that is to be seen later on, too."""
        self._chapters.remark(f"{self._title}: {what}")

    def repeat(self, listener: Listener) -> None:
        """Tell a listener what goes on, as far as it has been said."""
        if self._step:
            listener.step(self._step)
        if self._traffic:
            seconds, since = self._traffic
            listener.traffic(max(0.0, seconds - (time.monotonic() - since)))
