"""Starting a tool at an instant.

The process is made beforehand and waits at a gate, so that at the instant itself nothing is left to do but
to become the tool. `subprocess` cannot do this: its `Popen` returns only once the tool runs, so a thread of
its own would have to wait in it, and while one child waits at its gate, its copies of other children's pipes
keep their `Popen` from returning.

Forking a process with threads is safe here because the child runs no other code than `_become`, which takes
no lock that another thread could have held.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from netcadence_worker.turns import take_short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_OPENING: Final = struct.Struct("d")
_INSTANT: Final = struct.Struct("q")
_EXEC_FAILED: Final = 127
_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None)


@dataclass(slots=True)
class Launch:
    """A process that waits at its gate, or has passed it.

    Attributes:
        pid: Its process and its process group.
        stdout: Descriptor to read its output from.
        stderr: Likewise.
        instant: Descriptor that becomes readable when it has passed its gate, or has ended before.
    """

    pid: int
    stdout: int
    stderr: int
    instant: int
    _gate: int

    def open_gate(self, at: float) -> None:
        """Let the process become the tool at the instant `at` of the monotonic clock, in seconds."""
        with contextlib.suppress(BrokenPipeError):  # it is gone: its end is seen elsewhere
            os.write(self._gate, _OPENING.pack(at))

    def has_instant(self) -> bool:
        """Tell whether it has passed its gate, or ended before."""
        return bool(select.select([self.instant], [], [], 0)[0])

    def read_instant_ns(self) -> int | None:
        """Wait until it becomes the tool; return when, by the system's clock, or None if it never did."""
        data = os.read(self.instant, _INSTANT.size)
        return int(_INSTANT.unpack(data)[0]) if len(data) == _INSTANT.size else None

    def close(self) -> None:
        """Close all descriptors; a process that still waits at its gate ends."""
        for descriptor in (self.stdout, self.stderr, self.instant, self._gate):
            os.close(descriptor)


def launch(executable: str, argv: Sequence[str], environment: Mapping[str, str]) -> Launch:
    """Make a process that will become `executable`, in a process group of its own, stdin empty.

    It is killed when the thread that calls this ends, so that no tool outlives its worker.

    Raises:
        OSError: There are no processes or descriptors left.
    """
    stdin = os.open(os.devnull, os.O_RDONLY)
    stdout, stdout_write = os.pipe()
    stderr, stderr_write = os.pipe()
    instant, instant_write = os.pipe()
    gate_read, gate = os.pipe()
    child = _Child(
        executable=executable,
        argv=tuple(argv),
        environment=dict(environment),
        streams=(stdin, stdout_write, stderr_write),
        gate=gate_read,
        instant=instant_write,
        parent=os.getpid(),
    )
    try:
        pid = _fork(child)
    except OSError:
        for descriptor in (stdout, stderr, instant, gate):
            os.close(descriptor)
        raise
    finally:
        for descriptor in (*child.streams, child.gate, child.instant):
            os.close(descriptor)
    with contextlib.suppress(OSError):  # whichever of the two is first sets the group
        os.setpgid(pid, pid)
    return Launch(pid, stdout, stderr, instant, gate)


@dataclass(frozen=True, slots=True)
class _Child:
    executable: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    streams: tuple[int, int, int]
    gate: int
    instant: int
    parent: int


def _fork(child: _Child) -> int:
    # No handler of this program may run in the child: it would act on what the two share.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _become(child)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid


def _become(child: _Child) -> NoReturn:
    """Wait at the gate, note the instant, replace this process by the tool. Runs in the child."""
    try:
        os.setpgid(0, 0)
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != child.parent:
            os._exit(_EXEC_FAILED)
        _restore_signals()
        for number, stream in enumerate(child.streams):
            os.dup2(stream, number)
        _close_all_but({0, 1, 2, child.gate, child.instant})
        opening = os.read(child.gate, _OPENING.size)
        if len(opening) != _OPENING.size:
            os._exit(_EXEC_FAILED)
        (at,) = _OPENING.unpack(opening)
        take_short()
        remaining_s = at - time.monotonic()
        if remaining_s > 0:
            time.sleep(remaining_s)
        os.write(child.instant, _INSTANT.pack(time.time_ns()))
        os.execve(child.executable, child.argv, child.environment)  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(2, f"{child.executable}: {error.strerror}\n".encode())
    finally:
        os._exit(_EXEC_FAILED)


def _restore_signals() -> None:
    """Undo what Python and this program changed, before any signal is let through."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _close_all_but(kept: set[int]) -> None:
    """Close what was inherited: a port that another request has left must not stay taken by this child."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - in a forked child the less runs the better
        if int(name) not in kept:
            with contextlib.suppress(OSError):  # the listing's own descriptor is closed already
                os.close(int(name))
