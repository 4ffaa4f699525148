"""Ports for a prober's own end of its connections, none of them twice within minutes.

A connection that was tried before there was a Service is remembered by connection tracking for two minutes,
as one that goes to that very address. Another one between the same ports goes the same way, past the Service
that is there by then, and is lost: a gap that the prober would have made itself. What the kernel chooses
comes round again within 20 s, for it leaves out most ports on its way.
"""

from __future__ import annotations

import errno
import random
import socket
from pathlib import Path
from typing import Final

_RANGE_FILE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL: Final = (32_768, 60_999)


class Ports:
    """The ports that are there for clients, in turn from one that chance has chosen."""

    def __init__(self) -> None:
        self._first, last = _range()
        self._count = last - self._first + 1
        self._next = random.randrange(self._count)  # noqa: S311 - nobody is to be kept from guessing it

    def bind(self, made: socket.socket, source: str | None) -> None:
        """Give a socket the next port that is free, and an address of its own if one is named.

        Raises:
            OSError: The address is not ours, or no port is free.
        """
        # Others may have the same port for another server.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for left in reversed(range(self._count)):
            port = self._first + self._next
            self._next = (self._next + 1) % self._count
            try:
                made.bind((source or "", port))
            except OSError as error:
                if not left or error.errno != errno.EADDRINUSE:
                    raise
            else:
                return


def _range() -> tuple[int, int]:
    try:
        first, last = map(int, _RANGE_FILE.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return _USUAL
    return first, last
