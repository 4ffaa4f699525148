"""Answering attempts: many short connections, each served from one thread without waiting for any."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from netcadence_worker.path_check import Path
    from netcadence_worker.probing.question import Question

_BACKLOG: Final = 256
_LONGEST_QUESTION: Final = 1_024
#: Connections that are open at most; of more, the oldest is closed.
_MOST_OPEN: Final = 256


class Responder:
    """Listens at a request's own address and port; a context manager, after which nobody does.

    Raises:
        OSError: The port is taken or the address is not ours.
    """

    def __init__(self, path: Path, question: Question) -> None:
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
        while True:
            for fd, _ in self._poll.poll():
                if fd == self._woken.fileno():
                    self._close()
                    return
                if fd == self._listener.fileno():
                    self._accept()
                elif fd in self._connections:
                    self._answer(fd)

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
