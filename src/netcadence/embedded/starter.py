"""How a container's first process comes to be: run anew, or forked from one that has it loaded already.

Either way it runs in its pod's place, in a process group of its own, and dies with the daemon
(PR_SET_PDEATHSIG). It has no session of its own: the kernel's autogroups would share out the processors by
pod and no longer by process, which made pairs that are alike differ by a third.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from netcadence.embedded import fork_server
from netcadence.embedded.images import Image
from netcadence.embedded.place import Place
from netcadence.embedded.processes import MARK, Process

_SETPRIV: Final = "setpriv"
_DIE_WITH_DAEMON: Final = ("--pdeathsig", "KILL", "--")
_ANSWER_BYTES: Final = 4_096


class Starter:
    """Starts the processes of a cluster's containers."""

    def __init__(self) -> None:
        self._servers: dict[tuple[object, ...], _ForkServer] = {}

    async def start(
        self,
        image: Image,
        argv: Sequence[str],
        *,
        place: Place,
        environment: Mapping[str, str],
        directory: Path,
        log: Path,
        mark: str,
    ) -> Process:
        """Start a process; both its outputs are appended to the log.

        Raises:
            OSError: The program cannot be run.
        """
        variables, entry = {**environment, MARK: mark}, image.argv
        # O_APPEND, so that the log can be cut short while the process writes to it.
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            if image.preloaded and tuple(argv[: len(entry)]) == entry:
                order = fork_server.Order(
                    arguments=tuple(argv[len(entry) :]),
                    environment=variables,
                    directory=str(directory),
                    network=str(place.network) if place.network else None,
                    mounts=str(place.mounts) if place.mounts else None,
                )
                return Process(*await self._server_of(image).fork(order, output), mark)
            command = place.command([_SETPRIV, *_DIE_WITH_DAEMON, *argv], directory)
            return Process(*_run(command, variables, directory, output), mark)
        finally:
            os.close(output)

    def close(self) -> None:
        """End what is loaded, and with it the processes that came from there."""
        for server in self._servers.values():
            server.close()

    def _server_of(self, image: Image) -> _ForkServer:
        program = (image.argv, *sorted(image.environment.items()))
        known = self._servers.get(program)
        if known is None or known.is_gone:
            known = self._servers[program] = _ForkServer(image)
        return known


class _ForkServer:
    """The process that has the program of one image loaded."""

    def __init__(self, image: Image) -> None:
        python, _, self._package = image.argv
        self._answers: deque[asyncio.Future[tuple[int, asyncio.Future[int]]]] = deque()
        self._turn = asyncio.Lock()
        self._running: dict[int, asyncio.Future[int]] = {}
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._orders.settimeout(0)
        program = [python, "-P", fork_server.__file__, self._package, str(theirs.fileno())]
        with theirs:
            popen = subprocess.Popen(
                [shutil.which(_SETPRIV) or _SETPRIV, *_DIE_WITH_DAEMON, *program],
                stdin=subprocess.DEVNULL,
                env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", **image.environment},
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
        self._ended = _end_of(popen)
        asyncio.get_running_loop().add_reader(self._orders, self._hear)

    @property
    def is_gone(self) -> bool:
        return self._orders.fileno() < 0

    async def fork(self, order: fork_server.Order, log: int) -> tuple[int, asyncio.Future[int]]:
        """Return the pid of a new process, and what has its return code once it has ended.

        Raises:
            OSError: The program cannot be loaded, or the system refused.
        """
        message = json.dumps(asdict(order)).encode()
        if len(message) > fork_server.ORDER_BYTES:
            raise OSError(errno.E2BIG, f"{len(message)} bytes of arguments and variables are too many")
        async with self._turn:  # a socket holds a few orders only
            if self.is_gone:
                raise self._gone()
            answer: asyncio.Future[tuple[int, asyncio.Future[int]]]
            answer = asyncio.get_running_loop().create_future()
            socket.send_fds(self._orders, [message], [log])
            self._answers.append(answer)
            return await answer

    def close(self) -> None:
        if not self.is_gone:
            asyncio.get_running_loop().remove_reader(self._orders)
            self._orders.close()

    def _gone(self) -> OSError:
        return OSError(errno.ECHILD, f"the process that had loaded {self._package} has ended, or could not")

    def _hear(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while word := self._orders.recv(_ANSWER_BYTES):
                self._take(json.loads(word))
            self._end()

    def _take(self, word: Mapping[str, int]) -> None:
        if "code" in word:
            self._running.pop(word["pid"]).set_result(word["code"])
            return
        answer = self._answers.popleft()
        if "errno" in word:
            if not answer.done():
                answer.set_exception(OSError(word["errno"], os.strerror(word["errno"])))
            return
        ended = self._running[word["pid"]] = asyncio.get_running_loop().create_future()
        if answer.done():  # whoever ordered it was cancelled meanwhile
            os.kill(word["pid"], signal.SIGKILL)
        else:
            answer.set_result((word["pid"], ended))  # it may have ended before anybody looks

    def _end(self) -> None:
        """Take the end of the server, and of all that came from it."""
        self.close()
        for answer in self._answers:
            if not answer.done():
                answer.set_exception(self._gone())
        self._answers.clear()
        for ended in self._running.values():
            ended.set_result(-signal.SIGKILL)
        self._running.clear()


def _run(
    command: Sequence[str], variables: Mapping[str, str], directory: Path, output: int
) -> tuple[int, asyncio.Future[int]]:
    popen = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd=directory,
        env=variables,
        process_group=0,
    )
    return popen.pid, _end_of(popen)


def _end_of(popen: subprocess.Popen[bytes]) -> asyncio.Future[int]:
    """Return what has the return code of a process once it has ended."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()
    pidfd = os.pidfd_open(popen.pid)

    def reap() -> None:
        loop.remove_reader(pidfd)
        os.close(pidfd)
        ended.set_result(popen.wait())

    loop.add_reader(pidfd, reap)
    return ended
