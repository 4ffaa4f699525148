"""Attempts from a worker's first moment on: what a new pod reaches before anybody has asked it to measure.

No request is there yet, so none can be proved to be served. What is tried is a server worker's health port,
at which each worker answers.
"""

from __future__ import annotations

import threading
import time
from typing import Final

from netcadence_worker.bell import Bell
from netcadence_worker.contract import HEALTH_PORT, ProbeOptions
from netcadence_worker.path_check import Knock, Path
from netcadence_worker.probing.prober import Prober
from netcadence_worker.probing.question import Question
from netcadence_worker.probing.sight import Sight

#: Seconds after which nobody can want to know any more.
_LONGEST_S: Final = 300.0
_QUESTION: Final = Question(
    b"GET /livez HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n", b"HTTP/1.1 200 ", is_beginning=True
)


class Birth(threading.Thread):
    """Tries a server until `end` is called."""

    def __init__(self, server: str, source: str | None) -> None:
        super().__init__(name="birth", daemon=True)
        self._path = Path("", Knock.HTTP, server, HEALTH_PORT, source)
        self._ending = threading.Event()
        self._sight = Sight()

    def run(self) -> None:
        with Bell() as bell, Prober(self._path, ProbeOptions(), _QUESTION) as prober:
            self._sight = prober.sight
            begin_s = time.monotonic()
            prober.run(
                bell, begin_s=begin_s, until_s=begin_s + _LONGEST_S, done=lambda _: self._ending.is_set()
            )

    def end(self) -> Sight:
        """Make no more attempts; return what was seen, once nothing of it is open."""
        self._ending.set()
        self.join()
        return self._sight
