"""Starting a tool at an instant.

The tool is made beforehand, and its process stands still until the instant, when nothing is left to do but to
let it go. Becoming the tool and coming to life cost a processor some milliseconds; with many tools on few
processors all of that would fall on one instant, and the traffic of the first would delay the others.

A process stands still at a place of its program only if somebody traces it that far (`Standstill`). iperf 2
and siege are brought to where they make their first thread: they have read their options by then and not yet
looked at a clock or made a socket, for they do both in threads. iperf3 has no threads before it is connected,
and stands where it makes its first socket. Other tools stand before their first instruction. Where tracing is
forbidden all stop before they become the tool, and come to life after the instant. A
program of Go makes threads before it does anything; one that waits for its input to end is held by that.
`subprocess` can do neither: its `Popen` returns only once the tool runs.

Forking a process with threads is safe here because the child runs no other code than `_become`, which takes
no lock that another thread could have held.
"""

from __future__ import annotations

import contextlib
import ctypes
import enum
import os
import signal
import socket
import struct
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

from netcadence_worker.turns import take_short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Seconds in which a tool has to come to life; iperf and siege take some milliseconds.
_LIFE_S: Final = 2.0
_STDERR: Final = 2
_EXEC_FAILED: Final = 127
_PR_SET_PDEATHSIG: Final = 1
#: Requests, options and events of ptrace(2), by their names there.
_PTRACE_TRACEME: Final = 0
_PTRACE_CONT: Final = 7
_PTRACE_DETACH: Final = 17
_PTRACE_SETOPTIONS: Final = 0x4200
_PTRACE_GETEVENTMSG: Final = 0x4201
_PTRACE_O_TRACECLONE: Final = 0x8
_PTRACE_O_EXITKILL: Final = 0x100000
_PTRACE_EVENT_CLONE: Final = 3
_PTRACE_SYSCALL: Final = 24
_PTRACE_GET_SYSCALL_INFO: Final = 0x420E
_PTRACE_SYSCALL_INFO_ENTRY: Final = 1
_PTRACE_O_TRACESYSGOOD: Final = 0x1
#: How a stop at a system call is told apart, with that option.
_AT_SYSTEM_CALL: Final = signal.SIGTRAP | 0x80
#: Beginning of `struct ptrace_syscall_info` at a call's entry: which stop it is, number and first argument.
_SYSTEM_CALL: Final = struct.Struct("=B23xQQ")
#: Number of socket(2) by machine; elsewhere a tool that is to come that far stops at its first instruction.
_SOCKET_CALL: Final = {"x86_64": 41, "aarch64": 198, "riscv64": 198, "ppc64le": 326, "s390x": 359}
_INTERNET: Final = (socket.AF_INET, socket.AF_INET6)
_WAIT_ALL: Final = 0x40000000
_LIBC: Final = ctypes.CDLL(None)
_LIBC.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
_LIBC.ptrace.restype = ctypes.c_long


class Standstill(enum.Enum):
    """How far a process comes before it stands still."""

    #: It has become the tool, and nothing more.
    FIRST_INSTRUCTION = enum.auto()
    #: Where it makes its first thread.
    FIRST_THREAD = enum.auto()
    #: Where it makes its first socket of an internet family; the socket is there, and nothing done with it.
    FIRST_SOCKET = enum.auto()

    @property
    def options(self) -> int:
        """What is traced."""
        return _PTRACE_O_TRACECLONE if self is Standstill.FIRST_THREAD else _PTRACE_O_TRACESYSGOOD

    @property
    def going_on(self) -> int:
        """The request that lets it go on to the next stop."""
        return _PTRACE_SYSCALL if self is Standstill.FIRST_SOCKET else _PTRACE_CONT


@dataclass(frozen=True, slots=True)
class Launch:
    """A process that stands still until `release`; it may also have ended before.

    Attributes:
        pid: Its process and its process group.
        stdout: Descriptor to read its output from.
        stderr: Likewise.
        stdin: Descriptor to write its input to; None where that is empty.
    """

    pid: int
    stdout: int
    stderr: int
    stdin: int | None = None

    def release(self) -> None:
        """Let the process run."""
        with contextlib.suppress(ProcessLookupError):  # it is gone: its end is seen elsewhere
            os.killpg(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Close both descriptors."""
        os.close(self.stdout)
        os.close(self.stderr)


def launch(
    executable: str,
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    standstill: Standstill = Standstill.FIRST_INSTRUCTION,
    has_input: bool = False,
) -> Launch:
    """Make a process that is `executable`, in a process group of its own, standing still.

    It is killed when the thread that calls this ends, so that no tool outlives its worker.

    Args:
        standstill: How far it comes; where it does not get there it stands still after two seconds.
        has_input: Give it a pipe to read from; otherwise its input is empty.

    Raises:
        OSError: There are no processes or descriptors left.
    """
    stdin, stdin_write = os.pipe() if has_input else (os.open(os.devnull, os.O_RDONLY), None)
    stdout, stdout_write = os.pipe()
    stderr, stderr_write = os.pipe()
    streams = (stdin, stdout_write, stderr_write)
    child = _Child(executable, tuple(argv), dict(environment), streams, parent=os.getpid())
    try:
        pid = _fork(child)
    except OSError:
        for descriptor in (stdout, stderr, stdin_write):
            if descriptor is not None:
                os.close(descriptor)
        raise
    finally:
        for descriptor in streams:
            os.close(descriptor)
    patience = threading.Timer(_LIFE_S, os.kill, (pid, signal.SIGSTOP))
    patience.start()
    _bring_to(standstill, pid)
    patience.cancel()
    patience.join()
    return Launch(pid, stdout, stderr, stdin_write)


def _bring_to(standstill: Standstill, pid: int) -> None:
    """Return once a child has stopped, untraced, or has ended; its end stays to be waited for."""
    while True:
        seen = os.waitid(os.P_PID, pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
        if seen is None or seen.si_code != os.CLD_TRAPPED:
            return
        if standstill is Standstill.FIRST_SOCKET and os.uname().machine not in _SOCKET_CALL:
            standstill = Standstill.FIRST_INSTRUCTION
        if seen.si_status >> 8 == _PTRACE_EVENT_CLONE:
            _let_go_stopped(pid)
        elif seen.si_status == signal.SIGSTOP or standstill is Standstill.FIRST_INSTRUCTION:
            _trace(_PTRACE_DETACH, pid, signal.SIGSTOP)
        elif seen.si_status == signal.SIGTRAP:  # it has become the tool
            _trace(_PTRACE_SETOPTIONS, pid, standstill.options | _PTRACE_O_EXITKILL)
            _trace(standstill.going_on, pid, 0)
        elif seen.si_status == _AT_SYSTEM_CALL:
            if _makes_internet_socket(pid):
                os.kill(pid, signal.SIGSTOP)  # it stops when it comes back from the call
                _trace(_PTRACE_DETACH, pid, 0)
            else:
                _trace(standstill.going_on, pid, 0)
        else:
            _trace(standstill.going_on, pid, seen.si_status)


def _makes_internet_socket(pid: int) -> bool:
    """Tell whether a process that stands at a system call is about to make such a socket."""
    info = ctypes.create_string_buffer(_SYSTEM_CALL.size)
    size = ctypes.c_void_p(_SYSTEM_CALL.size)
    _LIBC.ptrace(_PTRACE_GET_SYSCALL_INFO, pid, size, ctypes.addressof(info))
    stop, number, family = _SYSTEM_CALL.unpack(info.raw)
    entered = stop == _PTRACE_SYSCALL_INFO_ENTRY
    return entered and number == _SOCKET_CALL.get(os.uname().machine) and family in _INTERNET


def _let_go_stopped(pid: int) -> None:
    """Leave a process that has just made a thread: both get the stop before they run any further."""
    thread = ctypes.c_ulong()
    _trace(_PTRACE_GETEVENTMSG, pid, ctypes.addressof(thread))
    os.waitpid(thread.value, _WAIT_ALL)
    os.kill(pid, signal.SIGSTOP)
    _trace(_PTRACE_DETACH, thread.value, 0)
    _trace(_PTRACE_DETACH, pid, 0)


def _trace(request: int, pid: int, data: int) -> int:
    result: int = _LIBC.ptrace(request, pid, None, data)
    return result


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
        if _trace(_PTRACE_TRACEME, 0, 0) != 0:
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
