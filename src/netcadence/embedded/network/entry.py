"""Being in another network namespace for a moment."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_CLONE_NEWNET: Final = 0x40000000


@contextlib.contextmanager
def inside(namespace: Path) -> Iterator[None]:
    """Let this thread be in a namespace for a moment; sockets stay where they were made.

    Raises:
        OSError: The namespace is gone, or this process may not enter it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        away = os.open(namespace, os.O_RDONLY)
        try:
            _set_namespace(libc, away)
        finally:
            os.close(away)
        try:
            yield
        finally:
            _set_namespace(libc, home)
    finally:
        os.close(home)


def _set_namespace(libc: ctypes.CDLL, descriptor: int) -> None:
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
