"""Runs benchmarks that do not survive: each in a process that kills itself with SIGKILL as a step is told of.

A line on stdin holds, between tabs, words of that step, the scenario, the kubeconfig and the run's id; the
process's exit status is the answer. What takes long to import is imported once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from flows import environment
from netcadence.home import Home

environment.prepare(Home.beside(environment.CHECKOUT))

from flows.benchmark import benchmark  # noqa: E402 - Prefect reads its settings as it is imported
from netcadence import judgement  # noqa: E402 - likewise
from tasks.progress import Listener, heard_by  # noqa: E402 - likewise


class Doom(Listener):
    """Listens to a run, and ends its process as it is told that a phase begins."""

    def __init__(self, words):
        self._words = words

    def step(self, what):
        if self._words in what:
            os.kill(os.getpid(), signal.SIGKILL)


def run_in_a_process_of_its_own(words, scenario, kubeconfig, run_id):
    assert threading.active_count() == 1, "forking would lose a thread"
    pid = os.fork()
    if pid == 0:
        try:
            with heard_by(Doom(words)):
                benchmark(scenario, kubeconfig=Path(kubeconfig), cluster="lab", run_id=run_id)
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


judgement.preload()
for line in sys.stdin:
    print(run_in_a_process_of_its_own(*line.rstrip("\n").split("\t")), flush=True)  # noqa: T201 - the answer
