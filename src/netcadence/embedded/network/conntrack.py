"""Flows that the kernel remembers, and is to forget because they lead nowhere any more.

A connection of TCP that lost its backend is over. Datagrams know no end: as long as they come, they go where
the first one went, and one that was refused is refused for ever.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from netcadence.embedded.network.entry import inside

_NETLINK_NETFILTER: Final = 12
_DELETE: Final = 1 << 8 | 2  # of the subsystem for connection tracking
_REQUEST_AND_ACKNOWLEDGE: Final = 1 | 4
_MARK, _MARK_MASK = 8, 21
_WHOLE: Final = 0xFFFFFFFF
_HEADER: Final = struct.Struct("=IHHII")
_ERROR: Final = struct.Struct("=i")
_LARGEST: Final = 8_192


def forget(namespace: Path, marks: Iterable[int]) -> None:
    """Make a namespace forget the flows that carry one of these marks.

    Raises:
        OSError: The namespace is gone, or the kernel refused.
    """
    with inside(namespace), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as kernel:
        for mark in marks:
            kernel.send(_request(mark))
            answer = kernel.recv(_LARGEST)
            (number,) = _ERROR.unpack_from(answer, _HEADER.size)
            if number:
                raise OSError(-number, f"flows cannot be forgotten: {os.strerror(-number)}")


def _request(mark: int) -> bytes:
    body = struct.pack("=BBH", socket.AF_UNSPEC, 0, 0)
    for kind, value in ((_MARK, mark), (_MARK_MASK, _WHOLE)):
        body += struct.pack("=HH", 8, kind) + value.to_bytes(4)
    return _HEADER.pack(_HEADER.size + len(body), _DELETE, _REQUEST_AND_ACKNOWLEDGE, 1, 0) + body
