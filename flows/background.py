"""Processes that stay when the command that started them has ended: a server, a worker, pages."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Self

from netcadence.errors import PermanentError, TransientError
from netcadence.home import Home

_STOP_WITHIN_S: Final = 15.0
_PAUSE_S: Final = 0.1
#: Held, for Python warns of a process that is forgotten while it runs, which is what these are for.
_started: Final[list[subprocess.Popen[bytes]]] = []


class EndedError(PermanentError):
    """A process in the background ended at its start."""


class LateError(TransientError):
    """A process in the background was started and did not do in time what it is for."""


@dataclass(frozen=True, slots=True)
class Background:
    """A Python program found again by a file with its process's number.

    Attributes:
        name: The name of its files.
        program: Its module and what tells it from others of that module.
        title: What it is called.
    """

    home: Home
    name: str
    program: tuple[str, ...]
    title: str

    @classmethod
    def of_prefect(cls, home: Home, name: str) -> Self:
        """Return a process of the command `prefect`, of which `name` is the first word."""
        return cls(home, name, ("prefect", name), f"The Prefect {name}")

    @property
    def log(self) -> Path:
        """The file that holds what it said."""
        return self.home.prefect / f"{self.name}.log"

    @property
    def is_alive(self) -> bool:
        return self.is_alive_with()

    def is_alive_with(self, *words: str) -> bool:
        """Tell whether it runs, and has these words in its command."""
        return self._is_ours(self._pid, *words)

    def start(self, arguments: Sequence[str], variables: Mapping[str, str] | None = None) -> None:
        """Start it with arguments in a session of its own, with variables beside this process's."""
        self.home.prefect.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", *self.program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self.home.prefect,
                env=os.environ | (variables or {}),
            )
        _started.append(process)
        self._file.write_text(str(process.pid))

    def wait(self, is_up: Callable[[], bool], *, within_s: float, pause_s: float = _PAUSE_S) -> None:
        """Wait until it does what it is for.

        Raises:
            EndedError: It ended instead; the text holds the last lines of its log.
            LateError: It did neither in time.
        """
        deadline = time.monotonic() + within_s
        while not is_up():
            if not self.is_alive:
                raise EndedError(f"{self.title} ended at its start. {self._last_words()}")
            if time.monotonic() > deadline:
                raise LateError(f"{self.title} was not up within {within_s:.0f} s. {self._last_words()}")
            time.sleep(pause_s)

    def end_children(self, *, within_s: float) -> None:
        """Ask what it has started in groups of their own to end, and wait for that."""
        pid, deadline = self._pid, time.monotonic() + within_s
        asked: set[int] = set()
        while self._is_ours(pid) and time.monotonic() < deadline:
            children = {each.pid for each in _living() if each.parent == pid != each.group}
            if not children:
                return
            for child in children - asked:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGTERM)
            asked |= children
            time.sleep(_PAUSE_S)

    def stop(self, *, within_s: float = _STOP_WITHIN_S) -> bool:
        """End it and what it has started, and return whether there was one.

        What it has started may live a little longer, and hold its port.
        """
        pid = self._pid
        if not self._is_ours(pid):
            return False
        os.killpg(pid, signal.SIGTERM)
        deadline = time.monotonic() + within_s
        while any(each.group == pid for each in _living()):
            if time.monotonic() > deadline:
                os.killpg(pid, signal.SIGKILL)
                break
            time.sleep(_PAUSE_S)
        self._file.unlink(missing_ok=True)
        for process in _started:
            process.poll()  # the end of a child has to be noticed by its parent
        return True

    def _last_words(self, lines: int = 15) -> str:
        try:
            said = "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            said = "(no log)"
        return f"Its log's last lines:\n{said}"

    @property
    def _file(self) -> Path:
        # Prefect has a `server.pid` of its own there.
        return self.home.prefect / f"{self.name}.process"

    @property
    def _pid(self) -> int:
        try:
            return int(self._file.read_text())
        except (OSError, ValueError):
            return 0

    def _is_ours(self, pid: int, *words: str) -> bool:
        """Tell whether a process still is the one that was started, and not another that got its number."""
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if not command:  # one that has just been started has none yet, and one that has ended none any more
            return pid > 0 and state not in "ZX"
        wanted = {each.encode() for each in (*self.program, *words)}
        return pid > 0 and wanted <= set(command.split(b"\0"))


class _Running(NamedTuple):
    pid: int
    parent: int
    group: int


def _living() -> Iterator[_Running]:
    """Yield the processes that run; one that has ended and waits to be noticed does not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # Behind the name, which may hold anything: state, parent, group.
            state, parent, group = stat.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if state not in "ZX":
            yield _Running(int(stat.parent.name), int(parent), int(group))
