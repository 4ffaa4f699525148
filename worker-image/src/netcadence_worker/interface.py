"""The network interface that carries an address of this pod."""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import socket
import struct
from pathlib import Path
from typing import Final

#: From <linux/sockios.h>: asked of a socket, they answer for the socket's own network namespace.
_GET_ADDRESS: Final = 0x8915
_GET_MTU: Final = 0x8921
_REQUEST: Final = struct.Struct("16s24x")
#: One line an address: 32 hexadecimal digits first, the interface's name last.
_IPV6_ADDRESSES: Final = Path("/proc/self/net/if_inet6")


def mtu_of(address: str) -> int | None:
    """Return the MTU in bytes of the interface that has this address; None where none has it."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        name = _interface_with(address, asked)
        if name is not None:
            (mtu,) = struct.unpack_from("i", _ask(asked, _GET_MTU, name), 16)
            return int(mtu)
    return None


def _interface_with(address: str, asked: socket.socket) -> str | None:
    wanted = ipaddress.ip_address(address)
    if isinstance(wanted, ipaddress.IPv6Address):
        lines = (line.split() for line in _IPV6_ADDRESSES.read_text().splitlines())
        return next((words[-1] for words in lines if bytes.fromhex(words[0]) == wanted.packed), None)
    for _, name in socket.if_nameindex():
        with contextlib.suppress(OSError):  # an interface without an address
            if _ask(asked, _GET_ADDRESS, name)[20:24] == wanted.packed:
                return name
    return None


def _ask(asked: socket.socket, question: int, name: str) -> bytes:
    return fcntl.ioctl(asked.fileno(), question, _REQUEST.pack(name.encode()))
