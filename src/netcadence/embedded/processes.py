"""The processes of pods: starting one, waiting for it, and finding all that descend from it.

A process is started into its pod's network, in a process group of its own, and dies with the daemon
(PR_SET_PDEATHSIG through setpriv). What it starts in turn carries the mark of its container in its
environment, so that a container can be ended as a whole even after its first process is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from netcadence.embedded.place import Place

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

    def __init__(self, popen: subprocess.Popen[bytes], mark: str) -> None:
        self._popen = popen
        self._mark = mark
        self._exited = asyncio.get_running_loop().create_future()
        self._pidfd = os.pidfd_open(popen.pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._reap)

    @classmethod
    def start(
        cls,
        argv: Sequence[str],
        *,
        place: Place,
        environment: Mapping[str, str],
        directory: Path,
        log: Path,
        mark: str,
    ) -> Process:
        """Start a process; both its outputs are appended to the log.

        Raises:
            OSError: The program cannot be run.
        """
        # O_APPEND, so that the log can be cut short while the process writes to it.
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            popen = subprocess.Popen(
                place.command(["setpriv", "--pdeathsig", "KILL", "--", *argv], directory),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=directory,
                env={**environment, MARK: mark},
                # No session of its own: the kernel's autogroups would share out the processors by pod and
                # no longer by process, which made pairs that are alike differ by a third.
                process_group=0,
            )
        finally:
            os.close(output)
        return cls(popen, mark)

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def running(self) -> bool:
        return not self._exited.done()

    async def wait(self) -> int:
        """Return the exit code, 128 plus the number for a signal, once the process has ended."""
        code: int = await asyncio.shield(self._exited)
        return code

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

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        code = self._popen.wait()
        self._exited.set_result(code if code >= 0 else 128 - code)


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
