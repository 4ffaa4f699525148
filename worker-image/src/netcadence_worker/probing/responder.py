"""Answering attempts: many short connections, each served from one thread without waiting for any."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from netcadence_worker.path_check import Path
    from netcadence_worker.probing.question import Question

_BACKLOG: Final = 256
_LONGEST_QUESTION: Final = 1_024
#: Connections that are open at most; of more, the oldest is closed.
_MOST_OPEN: Final = 256
#: Seconds after which it looks up though nobody asks, so that it learns whether it was kept from running.
_LOOK_S: Final = 0.1
#: Seconds by which it is late then, at least, where that is worth telling: no prober waits for less.
_STALLED_S: Final = 0.2
_MOST_STALLS: Final = 64


class Responder:
    """Listens at a request's own address and port; a context manager, after which nobody does.

    Attributes:
        stalls: When it did not run, from and until, by the monotonic clock; the longest of them.

    Raises:
        OSError: The port is taken or the address is not ours.
    """

    def __init__(self, path: Path, question: Question) -> None:
        self.stalls: list[tuple[float, float]] = []
        self._question = question
        self._listener = path.socket()
        self._connections: dict[int, socket.socket] = {}
        self._poll = select.epoll()
        self._wake, self._woken = socket.socketpair()
        try:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._listener.bind((path.server, path.port))
            self._listener.listen(_BACKLOG)
        except OSError:
            self._close()
            raise
        self._thread = threading.Thread(target=self._serve, name=f"responder {path.port}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._wake.close()
        self._thread.join()

    def _serve(self) -> None:
        for source in (self._listener, self._woken):
            self._poll.register(source, select.EPOLLIN)
        looked_s = time.monotonic()
        while True:
            happened = self._poll.poll(_LOOK_S)
            looked_s = self._look(looked_s)
            for fd, _ in happened:
                if fd == self._woken.fileno():
                    self._close()
                    return
                if fd == self._listener.fileno():
                    self._accept()
                elif fd in self._connections:
                    self._answer(fd)

    def _look(self, since_s: float) -> float:
        """Note if it was kept from running since it last looked; return when it looks now."""
        now_s = time.monotonic()
        if now_s - since_s > _LOOK_S + _STALLED_S:
            longest = sorted((*self.stalls, (since_s, now_s)), key=lambda stall: stall[0] - stall[1])
            self.stalls = sorted(longest[:_MOST_STALLS])
        return now_s

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it went away again
            connection, _ = self._listener.accept()
            connection.settimeout(0)
            if len(self._connections) >= _MOST_OPEN:
                self._drop(next(iter(self._connections)))
            self._connections[connection.fileno()] = connection
            self._poll.register(connection, select.EPOLLIN)
            self._answer(connection.fileno())  # the question often is there already

    def _answer(self, fd: int) -> None:
        connection = self._connections[fd]
        try:
            heard = connection.recv(_LONGEST_QUESTION)  # it comes in one segment
            if self._question.is_asked_by(heard):
                connection.send(self._question.answer)
                return  # the client closes first, so that nothing waits on this side
        except BlockingIOError:
            return
        except OSError:
            pass
        self._drop(fd)

    def _drop(self, fd: int) -> None:
        self._connections.pop(fd).close()

    def _close(self) -> None:
        for each in (*self._connections.values(), self._listener, self._wake, self._woken):
            each.close()
        self._poll.close()
