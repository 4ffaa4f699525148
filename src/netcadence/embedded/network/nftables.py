"""Packet filters of network namespaces, through the library that the program `nft` is made of.

A process for each of a hundred namespaces takes a second, a call into the library a millisecond of it.
"""

from __future__ import annotations

import ctypes
import shutil
from functools import cache
from pathlib import Path
from typing import Final

from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.network.entry import inside

_LIBRARY: Final = "libnftables.so.1"


def missing_for_nftables() -> str:
    """Return what this machine lacks for packet filters; an empty text if it has all."""
    if not shutil.which("nft"):
        return "the program nft (package nftables)"
    try:
        _library()
    except OSError as error:
        return f"the library of nft ({error})"
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
