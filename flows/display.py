"""What a person sees while a run goes: one line that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress_bar import ProgressBar
from rich.table import Column

from tasks.progress import Listener


class _Bar(BarColumn):
    """A bar of what is done, or of the time that has passed; it only moves where neither is known.

    Both are fields of the task, which itself has no end: rich stops the clock of a task that came to one.
    """

    def render(self, task: Task) -> ProgressBar:
        total: float | None = task.fields["total_s"] or task.fields["of"]
        done = time.monotonic() - task.fields["since"] if task.fields["total_s"] else task.fields["done"]
        return ProgressBar(
            total=total,
            completed=min(done, total or 0),
            width=self.bar_width,
            pulse=total is None,
            animation_time=task.get_time(),
        )


#: What a step begins with: nothing that could be counted.
_UNKNOWN: Final[dict[str, Any]] = {"total_s": None, "since": 0.0, "of": None, "done": 0, "note": ""}


def _whole() -> Column:
    # A column that is not made narrower in favour of a long description.
    return Column(no_wrap=True)


class Display(Listener):
    """A listener of the tasks' progress, drawn with rich; a context manager for one run."""

    def __init__(self, console: Console, title: str) -> None:
        self._console = console
        self._title = title
        self._live = console.is_terminal
        self._begun = time.monotonic()
        self._progress = Progress(
            SpinnerColumn(table_column=_whole()),
            TextColumn("[bold]{task.fields[title]}", table_column=_whole()),
            _Bar(bar_width=20, table_column=_whole()),
            TimeElapsedColumn(table_column=_whole()),
            TextColumn("{task.description} [dim]{task.fields[note]}"),
            console=console,
            transient=True,
            disable=not self._live,
        )
        self._task = self._progress.add_task("starting", title=escape(title), total=None, **_UNKNOWN)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def step(self, what: str) -> None:
        """Begin a step: a new description, and no bar until its size is known."""
        self._progress.update(self._task, description=escape(what), refresh=True, **_UNKNOWN)
        if not self._live:
            elapsed_s = time.monotonic() - self._begun
            line = f"{elapsed_s:6.1f} s  {self._title}  {what}"
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def remark(self, what: str) -> None:
        """Say something that stays, above the steps."""
        self._console.print(what, style="yellow", highlight=False, markup=False, soft_wrap=True)

    def count(self, done: int, total: int) -> None:
        """Show how much of the step is done."""
        self._progress.update(self._task, done=done, of=total, note=f"{done} of {total}")

    def traffic(self, seconds: float) -> None:
        """Let the bar show time for as long as traffic flows."""
        self._progress.update(self._task, total_s=seconds, since=time.monotonic())
