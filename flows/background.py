"""Processes of Prefect's that stay when the command that started them has ended: the server, a worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from netcadence.home import Home

_STOP_WITHIN_S: Final = 15.0
_PAUSE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Background:
    """A process of the command `prefect`, found again by a file with its number.

    Attributes:
        name: The first word after `prefect`, and the name of its files.
    """

    home: Home
    name: str

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
        """Start `prefect NAME ARGUMENTS` in a session of its own, with variables beside this process's."""
        self.home.prefect.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "prefect", self.name, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=self.home.prefect,
                env=os.environ | (variables or {}),
            )
        self._file.write_text(str(process.pid))

    def stop(self, *, within_s: float = _STOP_WITHIN_S) -> bool:
        """End it and what it has started, and return whether there was one.

        What it has started may live a little longer, and hold its port.
        """
        pid = self._pid
        if not self._is_ours(pid):
            return False
        os.killpg(pid, signal.SIGTERM)
        deadline = time.monotonic() + within_s
        while _group_lives(pid):
            if time.monotonic() > deadline:
                os.killpg(pid, signal.SIGKILL)
                break
            time.sleep(_PAUSE_S)
        self._file.unlink(missing_ok=True)
        return True

    def last_words(self, lines: int = 15) -> str:
        """Return the last lines of its log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return "(no log)"

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
        wanted = {each.encode() for each in ("prefect", self.name, *words)}
        return pid > 0 and wanted <= set(command.split(b"\0"))


def _group_lives(group: int) -> bool:
    """Tell whether a process of a group still runs; one that has ended and waits to be noticed does not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # Behind the name, which may hold anything: state, parent, group.
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except (OSError, ValueError):
            continue
        if int(its_group) == group and state not in "ZX":
            return True
    return False
