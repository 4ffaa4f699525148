"""One line an event on stderr, named for what it is about; `logging` would cost each worker's start 4 ms."""

from __future__ import annotations

import sys


def say(subject: str, sentence: str) -> None:
    """Write one line; a single write keeps the lines of several threads apart."""
    sys.stderr.write(f"{subject}: {sentence.replace(chr(10), ' | ')}\n")
    sys.stderr.flush()
