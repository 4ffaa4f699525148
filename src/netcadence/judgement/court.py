"""Judging beside what still measures: in a process that takes only what nobody else wants of the processors.

Great Expectations takes seconds of a processor to load, and up to one for each run. Here the kernel gives
these to whoever has something else to do, at once and each time (SCHED_IDLE), and counts them apart (nice),
so that no node looks busy for them. Once somebody waits for a verdict, judging is as urgent as all else.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, cast

from netcadence.judgement import judge, preload
from netcadence.record import Judgement, RunRecord
from netcadence.sla import Requirement

_NICEST: Final = 19


def may_give_way() -> bool:
    """Tell whether a process may be put behind all others here and be taken back from there, as root may."""
    with ThreadPoolExecutor(1) as trial:  # a thread of its own, for it may have to stay there
        return trial.submit(_there_and_back).result()


def _there_and_back() -> bool:
    try:
        _put_behind(0)
        _take_back(0)
    except (AttributeError, PermissionError):
        return False
    return True


def _put_behind(pid: int) -> None:
    os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    os.setpriority(os.PRIO_PROCESS, pid, _NICEST)


def _take_back(pid: int) -> None:
    """Give a process the rank that this one has."""
    os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))
    os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, os.getpid()))


class Court:
    """That process; a context manager, for where `may_give_way` says yes."""

    def __init__(self) -> None:
        self._clerk = ThreadPoolExecutor(1, thread_name_prefix="court")
        self._waiting = 0
        self._changed = threading.Lock()
        # Of a group of its own: Ctrl-C is for whoever started it, who then ends it.
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )
        self.pid = self._process.pid
        _put_behind(self.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._clerk.shutdown(cancel_futures=True)
        with contextlib.suppress(OSError):  # something was still on its way there
            self._process.communicate()

    def hand(self, record: RunRecord, requirements: Sequence[Requirement], *, home: Path) -> Case:
        """Have a run judged, as `netcadence.judgement.judge` does, when there is time for it."""
        return Case(self, self._clerk.submit(self._ask, record, tuple(requirements), home))

    def _ask(self, *case: object) -> Judgement | None:
        orders, verdicts = self._process.stdin, self._process.stdout
        assert orders and verdicts  # noqa: S101, PT018 - as it was started; tells the type checker
        packed = pickle.dumps(case)
        try:
            orders.write(packed)
            orders.flush()
            return cast("Judgement | None", pickle.load(verdicts))  # noqa: S301 - of our own process
        except (OSError, EOFError, pickle.UnpicklingError):  # it has ended, perhaps in the middle of a word
            return None

    @contextlib.contextmanager
    def awaited(self) -> Iterator[None]:
        """Have it be as urgent as all else meanwhile."""
        self._await(1)
        try:
            yield
        finally:
            self._await(-1)

    def _await(self, more: int) -> None:
        with self._changed, contextlib.suppress(ProcessLookupError):
            self._waiting += more
            (_take_back if self._waiting else _put_behind)(self.pid)


@dataclass(frozen=True, slots=True)
class Case:
    """A run that was handed over."""

    court: Court
    judgement: Future[Judgement | None]

    def verdict(self) -> Judgement | None:
        """Wait for what the run comes to; None where it failed, so that somebody else has to find out."""
        with self.court.awaited():
            return self.judgement.result()


def main() -> None:
    """Judge what comes in, one run after another, until nothing comes any more."""
    orders, verdicts = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what the library prints is no verdict
    preload()
    while True:
        try:
            record, requirements, home = pickle.load(orders)  # noqa: S301 - from whoever started this
        except EOFError:
            return
        try:
            found = judge(record, requirements, home=home)
        except Exception:  # noqa: BLE001 - it is judged again where somebody sees what is wrong
            found = None
        pickle.dump(found, verdicts)
        verdicts.flush()


if __name__ == "__main__":
    main()
