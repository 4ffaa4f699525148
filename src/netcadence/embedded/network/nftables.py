"""Packet filters of network namespaces, through the library that the program `nft` is made of.

A process for each of a hundred namespaces takes a second, a call into the library a millisecond of it.
"""

from __future__ import annotations

import ctypes
import shutil
import socket
import threading
import time
from functools import cache
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.network.entry import inside

_LIBRARY: Final = "libnftables.so.1"
_NETLINK_NETFILTER: Final = 12
#: Freeing a context waits until the kernel has cleared away what its commands replaced, which takes ten times
#: as long as they do. After such a rest it has done so. A namespace lives on for so long.
_REST_S: Final = 0.2
#: Contexts, and when they were last used.
_used: Final[SimpleQueue[tuple[float, int]]] = SimpleQueue()


def missing_for_nftables() -> str:
    """Return what this machine lacks for packet filters; an empty text if it has all."""
    if not shutil.which("nft"):
        return "the program nft (package nftables)"
    try:
        _library()
    except OSError as error:
        return f"the library of nft ({error})"
    try:
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER).close()
    except OSError as error:  # the library would end the whole process
        return f"packet filters in the kernel ({error.strerror})"
    return ""


def run(namespace: Path, script: str) -> None:
    """Run nft commands in a namespace, as one transaction: all of them take effect, or none.

    Raises:
        EmbeddedClusterError: They were refused.
        OSError: The namespace is gone.
    """
    library = _library()
    with inside(namespace):
        context = library.nft_ctx_new(0)
        try:
            library.nft_ctx_buffer_error(context)
            if library.nft_run_cmd_from_buffer(context, script.encode()):
                said = library.nft_ctx_get_error_buffer(context).decode(errors="replace").strip()
                raise EmbeddedClusterError(f"nft in {namespace.name} failed: {said}")
        finally:
            _used.put((time.monotonic(), context))
            _freer(library)


def refusal(namespace: Path, script: str) -> str:
    """Try commands in a namespace; return why they cannot be had here, or an empty text."""
    if missing := missing_for_nftables():
        return missing
    try:
        run(namespace, script)
    except (EmbeddedClusterError, OSError) as error:
        return str(error)
    return ""


@cache
def _freer(library: ctypes.CDLL) -> threading.Thread:
    """Return the thread that frees contexts once they have rested."""
    thread = threading.Thread(target=_free, args=(library,), name="nftables-freer", daemon=True)
    thread.start()
    return thread


def _free(library: ctypes.CDLL) -> None:
    while True:
        since, context = _used.get()
        time.sleep(max(0.0, since + _REST_S - time.monotonic()))
        library.nft_ctx_free(context)


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(_LIBRARY)
    library.nft_ctx_new.argtypes = [ctypes.c_uint32]
    library.nft_ctx_new.restype = ctypes.c_void_p
    library.nft_ctx_free.argtypes = [ctypes.c_void_p]
    library.nft_ctx_free.restype = None
    library.nft_ctx_buffer_error.argtypes = [ctypes.c_void_p]
    library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    library.nft_ctx_get_error_buffer.argtypes = [ctypes.c_void_p]
    library.nft_ctx_get_error_buffer.restype = ctypes.c_char_p
    return library
