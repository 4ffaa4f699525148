"""A tool as it runs: started on time, its output read, ended by us if it does not end itself."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from netcadence_worker.capture import KEPT_BYTES, Capture
from netcadence_worker.contract import Reason
from netcadence_worker.failure import FailureError
from netcadence_worker.launch import Launch, Standstill, launch
from netcadence_worker.missing import how_to_get
from netcadence_worker.parsing import ToolOutput
from netcadence_worker.turns import at_once, take_ordinary
from netcadence_worker.usage import Look, between, look, process_s

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from netcadence_worker.contract import ResourceUsage

_CHUNK: Final = 64 * 1024
#: So long after a start that was agreed on, a tool's first words wait in their pipe: on a machine with many
#: workers all of them would otherwise read just while the last tools are about to start.
_QUIET_S: Final = 0.25
#: Whoever ends a tool tries these in turn, and waits so many seconds after each. Some iperf servers take a
#: second to notice the first, some (2.0.9) ignore it; a worker told to stop has two seconds in all.
_ENDINGS: Final = ((signal.SIGINT, 0.6), (signal.SIGTERM, 0.2), (signal.SIGKILL, 1.0))
#: Seconds in which a tool has to take its input.
_FEED_S: Final = 2.0
#: Lines of output that an error message quotes.
_QUOTED_LINES: Final = 5


@dataclass(frozen=True, slots=True)
class Gate:
    """Where a tool stands that runs, and waits for the end of its input: that is its start.

    Attributes:
        input: What it reads before.
        waiting: What it prints once it waits.
    """

    input: bytes
    waiting: bytes


class RunningTool:
    """One process, with a thread that reads what it prints and sees it end. To be used with `with`.

    Attributes:
        ready: Whether it has said that it is.
        started_at: By the system's clock; None before its start.
        ended_at: Likewise, its end.
        usage: What it and its machine did from `settle` to its end; None where that cannot be told.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        changed: Callable[[], None] = lambda: None,
        ready_text: bytes | None = None,
        standstill: Standstill = Standstill.FIRST_INSTRUCTION,
        gate: Gate | None = None,
        files: Mapping[str, str] | None = None,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        """Make the process; it stands still until `start`.

        Args:
            changed: Called from another thread when the tool is ready and when it has ended.
            ready_text: What it prints once it is ready.
            standstill: How far it comes to life before.
            gate: Let it come to life, and stand still where it waits for its input; it is `ready` there.
            files: What its home has to hold, by path within it; the home is its own and goes with it.
            kept_bytes: Of each stream, from its beginning, and as many from its end.

        Raises:
            FailureError: ToolMissing.
        """
        executable = shutil.which(argv[0])
        if executable is None:
            how = how_to_get(argv[0])
            raise FailureError(Reason.TOOL_MISSING, f"{argv[0]} is not on this worker's PATH{how}")
        self.argv = tuple(argv)
        self.ready = False
        self.started_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.usage: ResourceUsage | None = None
        self._first_look: Look | None = None
        self._exit_code: int | None = None
        self._changed = changed
        self._lock = threading.Lock()
        self._ready_text = gate.waiting if gate else ready_text
        self._captures = (Capture(kept_bytes), Capture(kept_bytes))
        self._quiet_until = 0.0
        self._ended = threading.Event()
        self._home = tempfile.TemporaryDirectory(prefix="netcadence-")
        _furnish(Path(self._home.name), files or {})
        environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "HOME": self._home.name}
        self._launch: Launch = launch(
            executable, self.argv, environment, standstill=standstill, has_input=gate is not None
        )
        self._input = self._launch.stdin
        threading.Thread(target=self._mind, name=f"{argv[0]} output", daemon=True).start()
        if gate is not None:
            self._launch.release()
            self._feed(gate.input)

    def start(self, at: float = 0.0) -> None:
        """Start the tool at the instant `at` of the monotonic clock, then return; a past one means now."""
        with at_once():
            time.sleep(max(0.0, at - time.monotonic()))
            with self._lock:
                if not self.ended:
                    self._quiet_until = at + _QUIET_S if at else 0.0
                    self.started_at = datetime.now(UTC)
                    self._launch.release()
                    self._end_input()

    def settle(self) -> None:
        """Give the tool ordinary turns on the processor, instead of short ones; begin to count."""
        with self._lock:
            if not self.ended:
                take_ordinary(self._launch.pid)
                with contextlib.suppress(OSError):
                    self._first_look = look(process_s(self._launch.pid))

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    @property
    def truncated(self) -> bool:
        return any(capture.truncated for capture in self._captures)

    def output(self) -> ToolOutput:
        """Return what the tool has printed; its exit code is None or negative if a signal ended it."""
        stdout, stderr = (capture.text() for capture in self._captures)
        return ToolOutput(self.argv, stdout, stderr, self._exit_code)

    def last_lines(self) -> str:
        """Return the end of what it said, for an error message; errors stand on stderr."""
        output = self.output()
        said = [line.strip() for line in (output.stderr.strip() or output.stdout.strip()).splitlines()]
        return " | ".join(said[-_QUOTED_LINES:]) or "it printed nothing"

    def stop(self) -> None:
        """End the tool and whatever it has started: politely, then firmly. Returns once it is gone."""
        for number, patience_s in _ENDINGS:
            with self._lock:
                if self.ended:
                    return
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._launch.pid, number)
                    self._launch.release()  # one that has not been started sees no signal but this
            if self._ended.wait(patience_s):
                return

    def wait(self, seconds: float) -> bool:
        """Wait until the tool has ended; tell whether it did."""
        return self._ended.wait(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._home.cleanup()

    def _feed(self, content: bytes) -> None:
        """Write a tool's input, which a pipe holds; where it is a small one, the tool reads as it comes."""
        deadline = time.monotonic() + _FEED_S
        rest = memoryview(content)
        with self._lock, contextlib.suppress(BrokenPipeError):  # it may have ended
            while rest and self._input is not None:
                patience_s = max(0.0, deadline - time.monotonic())
                if not select.select([], [self._input], [], patience_s)[1]:
                    break  # what it makes of a part, its output tells
                rest = rest[os.write(self._input, rest[: select.PIPE_BUF]) :]

    def _end_input(self) -> None:
        if self._input is not None:
            os.close(self._input)
            self._input = None

    def _mind(self) -> None:
        """Read both streams as they come, so that no full pipe holds the tool up, until it has ended."""
        streams = dict(zip((self._launch.stdout, self._launch.stderr), self._captures, strict=True))
        sources = set(streams)
        while sources:
            readable = select.select(list(sources), [], [])[0]
            time.sleep(max(0.0, self._quiet_until - time.monotonic()))
            for source in readable:
                if data := os.read(source, _CHUNK):
                    streams[source].add(data)
                    self._notice(data)
                else:
                    sources.discard(source)
        self._conclude()

    def _notice(self, data: bytes) -> None:
        """See whether the tool says that it is ready; it does so in one write."""
        if self._ready_text and not self.ready and self._ready_text in data:
            self.ready = True
            self._changed()

    def _conclude(self) -> None:
        self.ended_at = datetime.now(UTC)
        with self._lock:  # nobody may signal a process whose number is free again
            _, status, spent = os.wait4(self._launch.pid, 0)
            self._exit_code = os.waitstatus_to_exitcode(status)
            self._launch.close()
            self._end_input()
            if self._first_look is not None:
                self.usage = between(self._first_look, look(spent.ru_utime + spent.ru_stime))
            self._ended.set()
        self._changed()


def _furnish(home: Path, files: Mapping[str, str]) -> None:
    for place, content in files.items():
        file = home / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="ascii")


#: A tool that does not tell its version within this many seconds is not asked for more.
_VERSION_PATIENCE_S: Final = 5.0


def ask_version(argv: Sequence[str]) -> str:
    """Run a tool to have it tell its version; return all that it printed.

    Raises:
        FailureError: ToolMissing, or ToolTimeout.
    """
    with RunningTool(argv) as asked:
        asked.start()
        if not asked.wait(_VERSION_PATIENCE_S):
            raise FailureError(Reason.TOOL_TIMEOUT, f"{argv[0]} does not tell its version")
        output = asked.output()
    return output.stdout + output.stderr
