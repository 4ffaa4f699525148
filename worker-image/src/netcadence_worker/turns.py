"""Short turns on the processor, for the moment at which many tools start at once.

Where fifty tools become runnable on two processors, each would hold its processor for a full time slice, some
milliseconds, before the next one starts: the last starts a tenth of a second late. A process that asks for
short slices yields sooner, so that all of them start within milliseconds and come to life side by side; once
they have, they get ordinary turns again, for short ones cost throughput. Linux grants this since 6.12 to
whoever asks; older kernels take no notice.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIBC: Final = ctypes.CDLL(None)
#: The system call `sched_setattr`, for which the C library has no name.
_CALL: Final = {"x86_64": 314, "aarch64": 274}.get(platform.machine())
#: struct sched_attr: size, policy, flags, nice, priority, runtime (the slice in ns), deadline, period.
_ATTRIBUTES: Final = struct.Struct("=IIQiIQQQ")
_SHORT_NS: Final = 100_000
_ORDINARY_NS: Final = 0


def _packed(slice_ns: int) -> bytes:
    return _ATTRIBUTES.pack(_ATTRIBUTES.size, os.SCHED_OTHER, 0, 0, 0, slice_ns, 0, 0)


_SHORT: Final = _packed(_SHORT_NS)
_ORDINARY: Final = _packed(_ORDINARY_NS)


def take_short() -> None:
    """Ask for short turns for this thread, and for what it starts or becomes."""
    _ask(0, _SHORT)


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """Have this thread go before all others where that is allowed, for a moment that has to be exact.

    Where it is not (that takes CAP_SYS_NICE), it has short turns as long as this lasts.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        take_short()
    try:
        yield
    finally:
        _ask(0, _ORDINARY)


def take_ordinary(pid: int) -> None:
    """Give all threads of a process ordinary turns again; harmless if it is gone."""
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            _ask(int(thread.name), _ORDINARY)


def _ask(thread: int, attributes: bytes) -> None:
    if _CALL is not None:
        _LIBC.syscall(_CALL, thread, attributes, 0)
