"""Who listens at a port of this machine, as far as the kernel tells."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_LISTENING: Final = "0A"
#: Fields of /proc/net/tcp: local address, state, user, and the socket's number.
_ADDRESS, _STATE, _USER, _INODE = 1, 3, 7, 9


@dataclass(frozen=True, slots=True)
class Listener:
    """The socket that listens at a port.

    Attributes:
        user: Number of the user who made it.
        inode: The socket's own number.
    """

    user: int
    inode: str

    @classmethod
    def at(cls, port: int) -> Self | None:
        """Return who listens at a port of loopback or of all addresses; None where nobody does."""
        for table in ("tcp", "tcp6"):
            for line in _lines(Path("/proc/net") / table):
                fields = line.split()
                if fields[_STATE] == _LISTENING and int(fields[_ADDRESS].rpartition(":")[2], 16) == port:
                    return cls(int(fields[_USER]), fields[_INODE])
        return None

    @property
    def pid(self) -> int:
        """A process that has it: the eldest, for others may have inherited it; 0 where none is to be seen.

        Each asking looks through all processes.
        """
        for process in sorted(int(each.name) for each in Path("/proc").glob("[0-9]*")):
            with contextlib.suppress(OSError):
                for descriptor in Path(f"/proc/{process}/fd").iterdir():
                    with contextlib.suppress(OSError):
                        if str(descriptor.readlink()) == f"socket:[{self.inode}]":
                            return process
        return 0

    @property
    def is_mine(self) -> bool:
        return self.user == os.geteuid()

    @property
    def has_lost_its_folder(self) -> bool:
        """Whether the folder in which it was started has been deleted since."""
        try:
            return str(Path(f"/proc/{self.pid}/cwd").readlink()).endswith(" (deleted)")
        except OSError:
            return False


def _lines(table: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return table.read_text().splitlines()[1:]
    return []
