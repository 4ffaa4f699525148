"""The worker's program, loaded once: each process is a fork of it, which spares half a second of imports."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from netcadence.embedded import fork_server


class LoadedProgram:
    """What an embedded cluster's pods are forked from, for whoever wants nothing else of a cluster."""

    def __init__(self, package: str) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._codes: dict[int, int] = {}
        with theirs:
            self._server = subprocess.Popen(
                [sys.executable, "-P", fork_server.__file__, package, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
            )

    def start(self, environment: Mapping[str, str], log: Path) -> int:
        """Return the pid of a new process with this environment alone, which writes to the log."""
        order = fork_server.Order((), dict(environment), str(Path.cwd()), network=None, mounts=None)
        with log.open("wb") as output:
            socket.send_fds(self._orders, [json.dumps(asdict(order)).encode()], [output.fileno()])
        while "code" in (word := self._hear()):
            pass
        return int(word["pid"])

    def code(self, pid: int, within_s: float) -> int:
        """Return the code with which a process ended, the negative number of a signal, once it has."""
        self._orders.settimeout(within_s)
        while pid not in self._codes:
            self._hear()
        self._orders.settimeout(None)
        return self._codes[pid]

    def close(self) -> None:
        self._orders.close()
        assert self._server.wait(10) == 0

    def _hear(self) -> dict[str, int]:
        word: dict[str, int] = json.loads(self._orders.recv(4_096))
        if "code" in word:
            self._codes[word["pid"]] = word["code"]
        return word
