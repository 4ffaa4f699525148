"""Workers with which several benchmarks measure, one after another, instead of each with its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Crew:
    """The workers of one run, and of all others that are to measure with them.

    Whichever run is first deploys them; they go with it, so that it has to stay until all have measured. A
    worker that is lost is lost to all of them.
    """

    def __init__(self) -> None:
        self._deploying = threading.Lock()
        self._run_id = ""

    @contextmanager
    def joined_by(self, run_id: str) -> Iterator[str]:
        """Yield the run whose workers they are; if it is this one, they are to be deployed within.

        One at a time. Where that fails it is the next one's turn to deploy them.
        """
        with self._deploying:
            yield self._run_id or run_id
            self._run_id = self._run_id or run_id
