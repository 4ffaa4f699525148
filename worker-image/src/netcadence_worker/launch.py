"""Starting a tool at an instant.

The tool is made beforehand: its process has become it and was stopped before its first instruction, so that
at the instant itself nothing is left to do but to let it go. Becoming the tool costs a processor more than
the tool's own start does, and with many tools on few processors it would all fall on that one instant.

A process stops itself after `execve` only where somebody traces it, so its maker does for just that moment.
Where tracing is forbidden it stops before it becomes the tool, and starts a millisecond later than it could.
`subprocess` can do neither: its `Popen` returns only once the tool runs.

Forking a process with threads is safe here because the child runs no other code than `_become`, which takes
no lock that another thread could have held.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from netcadence_worker.turns import take_short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STDERR: Final = 2
_EXEC_FAILED: Final = 127
_PR_SET_PDEATHSIG: Final = 1
_PTRACE_TRACEME: Final = 0
_PTRACE_DETACH: Final = 17
_LIBC: Final = ctypes.CDLL(None)
_LIBC.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_LIBC.ptrace.restype = ctypes.c_long


@dataclass(frozen=True, slots=True)
class Launch:
    """A process that stands still until `release`; it may also have ended before.

    Attributes:
        pid: Its process and its process group.
        stdout: Descriptor to read its output from.
        stderr: Likewise.
    """

    pid: int
    stdout: int
    stderr: int

    def release(self) -> None:
        """Let the process run."""
        with contextlib.suppress(ProcessLookupError):  # it is gone: its end is seen elsewhere
            os.killpg(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Close both descriptors."""
        os.close(self.stdout)
        os.close(self.stderr)


def launch(executable: str, argv: Sequence[str], environment: Mapping[str, str]) -> Launch:
    """Make a process that is `executable`, in a process group of its own, stdin empty, standing still.

    It is killed when the thread that calls this ends, so that no tool outlives its worker.

    Raises:
        OSError: There are no processes or descriptors left.
    """
    stdin = os.open(os.devnull, os.O_RDONLY)
    stdout, stdout_write = os.pipe()
    stderr, stderr_write = os.pipe()
    streams = (stdin, stdout_write, stderr_write)
    child = _Child(executable, tuple(argv), dict(environment), streams, parent=os.getpid())
    try:
        pid = _fork(child)
    except OSError:
        os.close(stdout)
        os.close(stderr)
        raise
    finally:
        for descriptor in streams:
            os.close(descriptor)
    _await_standstill(pid)
    return Launch(pid, stdout, stderr)


def _await_standstill(pid: int) -> None:
    """Wait until a child has stopped as the tool, untraced, or has ended; its end stays to be waited for."""
    while True:
        seen = os.waitid(os.P_PID, pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
        if seen is None or seen.si_code != os.CLD_TRAPPED:
            return
        _LIBC.ptrace(_PTRACE_DETACH, pid, None, signal.SIGSTOP)


@dataclass(frozen=True, slots=True)
class _Child:
    executable: str
    argv: tuple[str, ...]
    environment: dict[str, str]
    streams: tuple[int, int, int]
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
    """Replace this process by the tool, and stop. Runs in the child."""
    try:
        os.setpgid(0, 0)
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != child.parent:
            os._exit(_EXEC_FAILED)
        _restore_signals()
        for number, stream in enumerate(child.streams):
            os.dup2(stream, number)
        _close_all_but_streams()
        take_short()
        if _LIBC.ptrace(_PTRACE_TRACEME, 0, None, None) != 0:
            os.kill(os.getpid(), signal.SIGSTOP)
        os.execve(child.executable, child.argv, child.environment)  # noqa: S606 - no shell is wanted
    except OSError as error:
        os.write(_STDERR, f"{child.executable}: {error.strerror}\n".encode())
    finally:
        os._exit(_EXEC_FAILED)


def _restore_signals() -> None:
    """Undo what Python and this program changed, before any signal is let through."""
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _close_all_but_streams() -> None:
    """Close what was inherited: a port that another request has left must not stay taken by this child."""
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - in a forked child the less runs the better
        if int(name) > _STDERR:
            with contextlib.suppress(OSError):  # the listing's own descriptor is closed already
                os.close(int(name))
