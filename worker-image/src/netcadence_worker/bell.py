"""Waiting at once for sockets, for what other threads do, for a deadline, and for being told to give up."""

from __future__ import annotations

import os
import select
import threading
import time
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class HasFileno(Protocol):
    """Anything that `select` can wait for."""

    def fileno(self) -> int: ...


class Bell:
    """One thread waits; the others change something and ring, or interrupt it for good.

    It is a file descriptor, because a condition variable cannot be waited for together with a socket.
    """

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._lock = threading.Lock()
        self._open = True
        self._interruption: Exception | None = None

    def ring(self) -> None:
        """Make the waiting thread look again; without effect once it has left."""
        with self._lock:
            if self._open:
                os.eventfd_write(self._fd, 1)

    def interrupt(self, error: Exception) -> None:
        """Make every wait, the present one and all later ones, raise `error`; the first one counts."""
        with self._lock:
            if self._interruption is None:
                self._interruption = error
        self.ring()

    def check(self) -> None:
        """Raise the interruption, if there is one."""
        if self._interruption is not None:
            raise self._interruption

    def wait(
        self,
        until: float,
        *,
        condition: Callable[[], bool] = lambda: False,
        readable: Sequence[HasFileno] = (),
        writable: Sequence[HasFileno] = (),
    ) -> bool:
        """Wait until the condition holds or one of the sockets is ready.

        Args:
            until: Deadline on the monotonic clock, in seconds.
            condition: Looked at now and after each ring.

        Returns:
            False if the deadline came first.

        Raises:
            Exception: The one that `interrupt` was given.
        """
        while True:
            self.check()
            if condition():
                return True
            remaining_s = until - time.monotonic()
            if remaining_s <= 0:
                return False
            sources: list[int | HasFileno] = [self._fd, *readable]
            heard, writes, _ = select.select(sources, writable, [], remaining_s)
            if self._fd in heard:
                os.eventfd_read(self._fd)
            if writes or any(source in heard for source in readable):
                self.check()
                return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._open = False
            os.close(self._fd)
