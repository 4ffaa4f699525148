"""The daemon's entry point; started by `Cluster.up`, never by hand."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from netcadence.embedded.daemon import Daemon
from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.lifeline import DESCRIPTOR, READY, WORD_BYTES
from netcadence.embedded.settings import Settings
from netcadence.embedded.state import ClusterState

_log = logging.getLogger("netcadence.embedded")


def main() -> int:
    """Run a cluster until it is told to end; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m netcadence.embedded")
    parser.add_argument("state", type=Path, help="directory of the cluster, with its settings")
    parser.add_argument("--detached", action="store_true", help="go on when the starter has ended")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    lifeline = socket.socket(fileno=DESCRIPTOR)
    lifeline.set_inheritable(False)  # pods must not hold it
    os.chdir("/")
    state = ClusterState(arguments.state)
    daemon = Daemon(state, Settings.from_json(state.settings.read_text()))
    try:
        asyncio.run(_run(daemon, lifeline, detached=arguments.detached))
    except EmbeddedClusterError as error:
        _log.error("%s", error)
        _say(lifeline, str(error))
        return 1
    return 0


async def _run(daemon: Daemon, lifeline: socket.socket, *, detached: bool) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, daemon.stop)
    if not detached:
        loop.add_reader(lifeline, daemon.stop)  # nobody ever writes here: what can be read is the end
    await daemon.run(lambda: _say(lifeline, READY.decode()))
    loop.remove_reader(lifeline)


def _say(lifeline: socket.socket, word: str) -> None:
    try:
        lifeline.sendall(word.encode()[:WORD_BYTES])
    except OSError:  # nobody listens any more
        _log.warning("could not say %r: the starter has gone", word)


if __name__ == "__main__":
    sys.exit(main())
