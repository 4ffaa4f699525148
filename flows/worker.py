"""The process worker: takes what a deployment's schedule wants run, and runs it on this machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

from flows.background import Background
from netcadence.home import Home

_ONLINE_WITHIN_S: Final = 60.0
_PAUSE_S: Final = 0.2
#: A run that is stopped stores what it has measured and cleans the cluster.
_STOP_WITHIN_S: Final = 60.0


def start(home: Home, pool: str, environment: Mapping[str, str], *, is_online: Callable[[], bool]) -> None:
    """Start a worker for a pool in the background; one that runs from this home is replaced.

    Args:
        environment: Variables that it and its flow runs have beside those of this process.
        is_online: Asks the server whether a worker of the pool has reported.

    Raises:
        EndedError: It ended instead; the text holds the last lines of its log.
        LateError: It did not report in time.
    """
    stop(home)
    process = _process(home)
    told = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "INFO", **environment}
    name = f"{socket.gethostname()} {os.getpid()}"
    process.start(("start", "--pool", pool, "--type", "process", "--name", name), told)
    # Each question goes to the server.
    process.wait(is_online, within_s=_ONLINE_WITHIN_S, pause_s=_PAUSE_S)


def stop(home: Home) -> bool:
    """Stop the worker that `start` started from this home, its flow runs first; returns whether one ran."""
    process = _process(home)
    process.end_children(within_s=_STOP_WITHIN_S)  # the worker itself would kill them
    return process.stop()


def _process(home: Home) -> Background:
    return Background.of_prefect(home, "worker")
