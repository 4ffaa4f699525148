"""Network namespaces by the files that keep them: making one, being in one for a moment, removing one.

As `ip netns` does, of which each call is a process: that takes milliseconds, and the work less than one.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_CLONE_NEWNET: Final = 0x40000000
_MS_BIND: Final = 4096
_MNT_DETACH: Final = 2


def make(namespace: Path) -> None:
    """Make a new one, kept by a file that there is not yet, in a folder that `ip netns` has prepared.

    Raises:
        OSError: The system refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    os.close(os.open(namespace, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0))
    try:
        with _at_home_again(libc):
            _done(libc.unshare(_CLONE_NEWNET))
            _done(libc.mount(b"/proc/thread-self/ns/net", bytes(namespace), b"none", _MS_BIND, None))
    except OSError:
        namespace.unlink()
        raise


def remove(namespace: Path) -> None:
    """Let go of one; it ends once nobody is in it.

    Raises:
        OSError: It is gone already, or the system refused.
    """
    _done(ctypes.CDLL(None, use_errno=True).umount2(bytes(namespace), _MNT_DETACH))
    namespace.unlink()


@contextlib.contextmanager
def inside(namespace: Path) -> Iterator[None]:
    """Let this thread be in a namespace for a moment; sockets stay where they were made.

    Raises:
        OSError: The namespace is gone, or this process may not enter it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with _at_home_again(libc):
        away = os.open(namespace, os.O_RDONLY)
        try:
            _done(libc.setns(away, _CLONE_NEWNET))
        finally:
            os.close(away)
        yield


@contextlib.contextmanager
def _at_home_again(libc: ctypes.CDLL) -> Iterator[None]:
    """Take this thread back to the namespace that it is in now."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        yield
    finally:
        try:
            _done(libc.setns(home, _CLONE_NEWNET))
        finally:
            os.close(home)


def _done(answer: int) -> None:
    if answer != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
