"""Making attempts at an even cadence, several of them open at a time."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import struct
import time
from collections import deque
from typing import TYPE_CHECKING, Final, Self

from netcadence_worker.probing.ports import Ports
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
#: A prober that looks so much later than it meant to was kept from it.
_LATE_S: Final = 0.01
#: Where Linux's `struct tcp_info` has `tcpi_total_retrans`, and its end.
_RESENT: Final = slice(100, 104)


class _Attempt:
    """One connection, from its first packet to its outcome.

    Attributes:
        reachable: Whether the right answer came; None while that is open.
        why: What became of one that failed.
        due_s: When it has failed unless it is answered; later where its prober was kept from looking.
    """

    def __init__(self, path: Path, question: Question, ports: Ports, timeout_s: float) -> None:
        self.sent_s = self.known_s = time.monotonic()
        self.due_s = self.sent_s + timeout_s
        self.reachable: bool | None = None
        self.why = ""
        self._question = question
        self._asked = False
        self._heard = b""
        self.socket = path.socket()
        try:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            ports.bind(self.socket, path.source)
            with contextlib.suppress(BlockingIOError):
                self.socket.connect((path.server, path.port))
        except OSError as error:  # no way at all, or one that says no at once
            self.fail(str(error.strerror))

    def proceed(self) -> bool:
        """Do what the socket is ready for; tell whether an answer is waited for from now on."""
        try:
            if not self._asked:
                return self._ask()
            data = self.socket.recv(_LONGEST_ANSWER)
        except BlockingIOError:
            return False
        except OSError as error:
            self.fail(f"{'no answer' if self._asked else 'no connection'}: {error.strerror}")
            return False
        self._heard += data
        if self._question.is_answered_by(self._heard):
            self._end(reachable=True)
        elif not data or len(self._heard) > _LONGEST_ANSWER:
            self.fail("another answer" if self._heard else "no answer: closed")
        return False

    def _ask(self) -> bool:
        if error := self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(error, os.strerror(error))
        if any(self.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RESENT.stop)[_RESENT]):
            # What was sent first is what tells of that moment; a second later there may be a way.
            self.fail("no connection at the first packet")
            return False
        self.socket.send(self._question.text)
        self._asked = True
        return True

    def expire(self) -> None:
        """Count it as failed: it was not answered in time."""
        self.fail("no answer in time" if self._asked else "no connection in time")

    def fail(self, why: str) -> None:
        self.why = why
        self._end(reachable=False)

    def _end(self, *, reachable: bool) -> None:
        self.reachable = reachable
        self.known_s = time.monotonic()
        self.socket.close()

    @property
    def at_s(self) -> float:
        return self.known_s if self.reachable else self.sent_s


class Prober:
    """Tries one path; a context manager, after which no connection is left open.

    Args:
        ports: Shared by all probers of a path, so that none uses a port that another one has.

    Attributes:
        sight: What became of the attempts whose outcome is known, and that of all before them.
        began_s: When the first attempt was made, by the monotonic clock.
    """

    def __init__(
        self,
        path: Path,
        options: ProbeOptions,
        question: Question | None = None,
        *,
        ports: Ports | None = None,
    ) -> None:
        self.sight = Sight()
        self.began_s: float | None = None
        self._path = path
        self._ports = ports or Ports()
        self._question = question or Question.of(path)
        self._interval_s = options.interval_ms / 1e3
        self._timeout_s = options.timeout_ms / 1e3
        self._open: deque[_Attempt] = deque()
        self._by_fd: dict[int, _Attempt] = {}
        self._poll = select.epoll()
        self._looked_s = 0.0

    def run(
        self,
        bell: Bell,
        *,
        begin_s: float,
        until_s: float,
        done: Callable[[Sight], bool] = lambda _: False,
        to_the_last: bool = True,
    ) -> None:
        """Try again and again, until it is done or the time is up; then wait for what is still open.

        Args:
            begin_s: When to begin, by the monotonic clock as `until_s`.
            done: Looked at after each attempt.
            to_the_last: Whether what is still open then is of interest.

        Raises:
            Exception: The bell's interruption.
        """
        bell.wait(begin_s)
        self._looked_s = time.monotonic()
        next_s = begin_s
        while time.monotonic() < until_s and not done(self.sight):
            bell.check()
            if (now_s := time.monotonic()) >= next_s:
                self._begin()
                # What was missed, for the processor was busy, is not made up for.
                next_s = max(next_s + self._interval_s, now_s)
            self._take(min(next_s, until_s) - time.monotonic())
        while self._open and to_the_last:
            bell.check()
            self._take(max(attempt.due_s for attempt in self._open) - time.monotonic())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for attempt in self._by_fd.values():
            attempt.socket.close()
        self._poll.close()

    def _begin(self) -> None:
        if len(self._by_fd) >= _MOST_OPEN:
            self._expire(next(iter(self._by_fd.values())))
        attempt = _Attempt(self._path, self._question, self._ports, self._timeout_s)
        self.began_s = self.began_s or attempt.sent_s
        self._open.append(attempt)
        if attempt.reachable is None:
            self._by_fd[attempt.socket.fileno()] = attempt
            self._poll.register(attempt.socket, select.EPOLLOUT)

    def _take(self, seconds: float) -> None:
        """Take in what has happened, after waiting for something at most so long."""
        self._forgive(time.monotonic() - self._looked_s)
        meant_s = time.monotonic() + max(seconds, 0.0)
        happened = self._poll.poll(max(seconds, 0.0))
        self._looked_s = time.monotonic()
        self._forgive(self._looked_s - meant_s)
        for fd, _ in happened:
            attempt = self._by_fd[fd]
            if attempt.proceed():
                self._poll.modify(fd, select.EPOLLIN)
            if attempt.reachable is not None:
                del self._by_fd[fd]
        now_s = time.monotonic()
        while self._open:
            first = self._open[0]
            if first.reachable is None and now_s >= first.due_s:
                self._expire(first)
            if first.reachable is None:
                break
            self.sight.add(reachable=first.reachable, at_s=first.at_s, why=first.why)
            self._open.popleft()

    def _forgive(self, late_s: float) -> None:
        """Give what is open as much more time as this prober was kept from looking: that is no gap.

        An answer that came meanwhile is taken in now; a connection that did has yet to be asked on.
        """
        if late_s >= _LATE_S:
            for attempt in self._by_fd.values():
                attempt.due_s += late_s

    def _expire(self, attempt: _Attempt) -> None:
        if attempt.reachable is None:
            del self._by_fd[attempt.socket.fileno()]
            attempt.expire()
