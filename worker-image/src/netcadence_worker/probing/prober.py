"""Making attempts at an even cadence, several of them open at a time."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from collections import deque
from typing import TYPE_CHECKING, Final, Self

from netcadence_worker.probing.question import Question
from netcadence_worker.probing.sight import Sight

if TYPE_CHECKING:
    from collections.abc import Callable

    from netcadence_worker.bell import Bell
    from netcadence_worker.contract import ProbeOptions
    from netcadence_worker.path_check import Path

#: Open attempts at most: of more, the oldest has failed. Workers have many requests, and a limit on files.
_MOST_OPEN: Final = 128
_LONGEST_ANSWER: Final = 1_024
#: Closing sends a reset: the client's ports are not to wait a minute each, at hundreds of them a second.
_RESET: Final = struct.pack("ii", 1, 0)
#: Of Linux, which `socket` does not name: a port is chosen when connecting, of all that are free there.
_IP_BIND_ADDRESS_NO_PORT: Final = 24


class _Attempt:
    """One connection, from its first packet to its outcome.

    Attributes:
        reachable: Whether the right answer came; None while that is open.
    """

    def __init__(self, path: Path, question: Question) -> None:
        self.sent_s = self.known_s = time.monotonic()
        self.reachable: bool | None = None
        self._question = question
        self._asked = False
        self._heard = b""
        self.socket = path.socket()
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            if path.source is not None:
                self.socket.setsockopt(socket.SOL_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
                self.socket.bind((path.source, 0))
            with contextlib.suppress(BlockingIOError):
                self.socket.connect((path.server, path.port))
        except OSError:  # no way at all, or one that says no at once
            self.end(reachable=False)

    def proceed(self) -> bool:
        """Do what the socket is ready for; tell whether an answer is waited for from now on."""
        try:
            if not self._asked:
                return self._ask()
            data = self.socket.recv(_LONGEST_ANSWER)
        except BlockingIOError:
            return False
        except OSError:
            self.end(reachable=False)
            return False
        self._heard += data
        if self._question.is_answered_by(self._heard):
            self.end(reachable=True)
        elif not data or len(self._heard) > _LONGEST_ANSWER:
            self.end(reachable=False)
        return False

    def _ask(self) -> bool:
        if error := self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, "not connected")
        self.socket.send(self._question.text)
        self._asked = True
        return True

    def end(self, *, reachable: bool) -> None:
        self.reachable = reachable
        self.known_s = time.monotonic()
        self.socket.close()

    @property
    def at_s(self) -> float:
        return self.known_s if self.reachable else self.sent_s


class Prober:
    """Tries one path; a context manager, after which no connection is left open.

    Attributes:
        sight: What became of the attempts whose outcome is known, and that of all before them.
        began_s: When the first attempt was made, by the monotonic clock.
    """

    def __init__(self, path: Path, options: ProbeOptions, question: Question | None = None) -> None:
        self.sight = Sight()
        self.began_s: float | None = None
        self._path = path
        self._question = question or Question.of(path)
        self._interval_s = options.interval_ms / 1e3
        self._timeout_s = options.timeout_ms / 1e3
        self._open: deque[_Attempt] = deque()
        self._by_fd: dict[int, _Attempt] = {}
        self._poll = select.epoll()

    def run(
        self, bell: Bell, *, begin_s: float, until_s: float, done: Callable[[Sight], bool] = lambda _: False
    ) -> None:
        """Try again and again, until it is done or the time is up; then wait for what is still open.

        Args:
            begin_s: When to begin, by the monotonic clock as `until_s`.
            done: Looked at after each attempt.

        Raises:
            Exception: The bell's interruption.
        """
        bell.wait(begin_s)
        next_s = begin_s
        while time.monotonic() < until_s and not done(self.sight):
            bell.check()
            if (now_s := time.monotonic()) >= next_s:
                self._begin()
                # What was missed, for the processor was busy, is not made up for.
                next_s = max(next_s + self._interval_s, now_s)
            self._take(min(next_s, until_s) - time.monotonic())
        last_s = time.monotonic() + self._timeout_s
        while self._open:
            bell.check()
            self._take(last_s - time.monotonic())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for attempt in self._by_fd.values():
            attempt.socket.close()
        self._poll.close()

    def _begin(self) -> None:
        if len(self._open) >= _MOST_OPEN:
            self._end(self._open[0])
        attempt = _Attempt(self._path, self._question)
        self.began_s = self.began_s or attempt.sent_s
        self._open.append(attempt)
        if attempt.reachable is None:
            self._by_fd[attempt.socket.fileno()] = attempt
            self._poll.register(attempt.socket, select.EPOLLOUT)

    def _take(self, seconds: float) -> None:
        """Take in what has happened, after waiting for something at most so long."""
        for fd, _ in self._poll.poll(max(seconds, 0.0)):
            attempt = self._by_fd[fd]
            if attempt.proceed():
                self._poll.modify(fd, select.EPOLLIN)
            if attempt.reachable is not None:
                del self._by_fd[fd]
        now_s = time.monotonic()
        while self._open:
            first = self._open[0]
            if first.reachable is None and now_s - first.sent_s >= self._timeout_s:
                self._end(first)
            if first.reachable is None:
                break
            self.sight.add(reachable=first.reachable, at_s=first.at_s)
            self._open.popleft()

    def _end(self, attempt: _Attempt) -> None:
        """Count an attempt that was not answered in time as failed."""
        if attempt.reachable is None:
            del self._by_fd[attempt.socket.fileno()]
            attempt.end(reachable=False)
