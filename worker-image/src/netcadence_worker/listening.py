"""Whether anybody listens at an address, by the kernel's word: a tool takes who connects for its client."""

from __future__ import annotations

import contextlib
import ipaddress
import sys
from pathlib import Path
from typing import Final

_TABLES: Final = {4: Path("/proc/self/net/tcp"), 6: Path("/proc/self/net/tcp6")}
#: As the tables call a socket that listens.
_LISTENS: Final = "0A"


def is_listened_at(address: str, port: int) -> bool:
    """Tell whether a TCP socket listens at exactly this address, in the network of this process."""
    parsed = ipaddress.ip_address(address)
    wanted = f"{_as_in_the_table(parsed.packed)}:{port:04X}"
    with contextlib.suppress(OSError):  # no such table where the kernel has no IPv6
        for line in _TABLES[parsed.version].read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[1] == wanted and fields[3] == _LISTENS:
                return True
    return False


def _as_in_the_table(packed: bytes) -> str:
    """Write an address as the tables do: words of four bytes, each as a number of this machine."""
    words = (packed[start : start + 4] for start in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)
