"""The processes of pods: waiting for one, ending it, and finding all that descend from it.

What a container's first process starts in turn carries the mark of the container in its environment, so that
a container can be ended as a whole even after its first process is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

#: The variable that marks all processes of a container; its value is `<pod uid>/<container>`.
MARK: Final = "NETCADENCE_CONTAINER"

_STAT_PROCESS_GROUP, _STAT_START = (
    2,
    19,
)  # fields of /proc/<pid>/stat, counted after the command's closing bracket
_SWEEPS: Final = 20  # a process that forks while it is being killed is caught by a later sweep


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process beyond its number, which is used again: with the clock tick in which it started."""

    pid: int
    start: int

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """Return the identity of a running process, or None if there is none (zombies do not count)."""
        fields = _stat(pid)
        return None if fields is None or fields[0] == "Z" else cls(pid, int(fields[_STAT_START]))

    @property
    def alive(self) -> bool:
        return ProcessIdentity.of(self.pid) == self

    def kill(self, number: int = signal.SIGKILL) -> None:
        if self.alive:
            _signal(self.pid, number)

    def __str__(self) -> str:
        return f"{self.pid} {self.start}"

    @classmethod
    def parse(cls, text: str) -> ProcessIdentity:
        pid, start = text.split()
        return cls(int(pid), int(start))


class Process:
    """A container's first process."""

    def __init__(self, pid: int, ended: asyncio.Future[int], mark: str) -> None:
        """Take up a process that has just been started.

        Args:
            ended: Has its return code once it has ended, the negative number of a signal.
        """
        self.pid = pid
        self._ended = ended
        self._mark = mark

    @property
    def running(self) -> bool:
        return not self._ended.done()

    async def wait(self) -> int:
        """Return the exit code, 128 plus the number for a signal, once the process has ended."""
        code = await asyncio.shield(self._ended)
        return code if code >= 0 else 128 - code

    def terminate(self) -> None:
        """Ask the process to end."""
        if self.running:
            _signal(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End the process and its process group."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    def kill_descendants(self) -> None:
        """End whatever the process has started and left behind."""
        sweep(lambda pid: carries(pid, self._mark) or _process_group(pid) == self.pid)


def carries(pid: int, mark_start: str) -> bool:
    """Say whether a process carries a mark, or one that starts so."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False
    return any(item.startswith(f"{MARK}={mark_start}".encode()) for item in environment.split(b"\0"))


def is_in_namespace(pid: int, inodes: frozenset[int]) -> bool:
    """Say whether a process is in one of the network namespaces."""
    try:
        return Path(f"/proc/{pid}/ns/net").stat().st_ino in inodes
    except OSError:
        return False


def sweep(belongs: Callable[[int], bool]) -> int:
    """Kill every process that belongs, and what it forks meanwhile; return how many were killed."""
    killed = 0
    for _ in range(_SWEEPS):
        found = [pid for pid in _pids() if pid != os.getpid() and belongs(pid)]
        alive = [pid for pid in found if ProcessIdentity.of(pid)]
        if not alive:
            break
        for pid in alive:
            _signal(pid, signal.SIGKILL)
        killed += len(alive)
    return killed


def _pids() -> Iterator[int]:
    return (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _process_group(pid: int) -> int | None:
    fields = _stat(pid)
    return int(fields[_STAT_PROCESS_GROUP]) if fields else None


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
