"""Containers' logs: plain files that their processes append to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

#: What the kubelet puts at most into a termination message when it falls back to the log.
_LAST_WORDS_BYTES: Final = 2_048
_LAST_WORDS_LINES: Final = 80
_CHUNK_BYTES: Final = 65_536
#: A file gives no word of its growth; someone who follows a log looks this often.
_FOLLOW_S: Final = 0.1
#: A log is cut to its newest half when it grows beyond this (the kubelet rotates at the same size).
_LARGEST_BYTES: Final = 10 * 1024 * 1024


def tail_text(path: Path) -> str:
    """Return a log's last lines, as the termination message shows them."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - _LAST_WORDS_BYTES))
            text = log.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-_LAST_WORDS_LINES:])


async def read(
    path: Path, *, follow: bool, tail_lines: int | None, still_written: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """Yield a log in pieces.

    Args:
        path: The log file.
        follow: Go on with what is appended, for as long as `still_written` says so.
        tail_lines: Begin so many lines before the end; None begins at the start.
        still_written: Whether the container that writes the log is still running.
    """
    with path.open("rb") as log:
        if tail_lines is not None:
            log.seek(_tail_offset(log.fileno(), tail_lines))
        while True:
            last_look = not follow or not still_written()
            while piece := log.read(_CHUNK_BYTES):
                yield piece
            if last_look:
                return
            if os.fstat(log.fileno()).st_size < log.tell():
                log.seek(0)  # it was cut short
            await asyncio.sleep(_FOLLOW_S)


def cut_short(path: Path) -> None:
    """Drop the older half of a log that has grown too large."""
    if not path.exists() or path.stat().st_size <= _LARGEST_BYTES:
        return
    with path.open("r+b") as log:
        log.seek(-_LARGEST_BYTES // 2, os.SEEK_END)
        log.readline()
        newest = log.read()
        log.truncate(0)
        log.seek(0)
        log.write(newest)


def _tail_offset(descriptor: int, lines: int) -> int:
    """Return where the last so many lines begin; a last line need not be ended."""
    end = os.fstat(descriptor).st_size
    if lines <= 0:
        return end
    position, wanted = end, lines
    if end and os.pread(descriptor, 1, end - 1) == b"\n":
        wanted += 1
    while position > 0:
        start = max(0, position - _CHUNK_BYTES)
        piece = os.pread(descriptor, position - start, start)
        if piece.count(b"\n") < wanted:
            wanted -= piece.count(b"\n")
            position = start
            continue
        at = len(piece)
        for _ in range(wanted):
            at = piece.rindex(b"\n", 0, at)
        return start + at + 1
    return 0
