"""What a tool prints, kept in bounded space."""

from __future__ import annotations

from typing import Final

#: Bytes kept of a stream's beginning, and as many of its end: minutes of one stream's rows, and always the
#: totals, which come last.
KEPT_BYTES: Final = 64 * 1024


class Capture:
    """The head and the tail of a stream of bytes."""

    def __init__(self, kept: int = KEPT_BYTES) -> None:
        self._kept = kept
        self._head = bytearray()
        self._tail = bytearray()
        self._left_out = 0

    def add(self, data: bytes) -> None:
        room = self._kept - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        excess = len(self._tail) - self._kept
        if excess > 0:
            del self._tail[:excess]
            self._left_out += excess

    @property
    def truncated(self) -> bool:
        return self._left_out > 0

    def text(self) -> str:
        """Return what was kept; where something is missing, whole lines are, and a line says how much."""
        if not self._left_out:
            return _decoded(self._head + self._tail)
        head = self._head[: self._head.rfind(b"\n") + 1]
        tail = self._tail[self._tail.find(b"\n") + 1 :]
        missing = self._left_out + len(self._head) - len(head) + len(self._tail) - len(tail)
        return f"{_decoded(head)}... {missing} bytes left out ...\n{_decoded(tail)}"


def _decoded(data: bytearray) -> str:
    return data.decode("utf-8", errors="replace")
