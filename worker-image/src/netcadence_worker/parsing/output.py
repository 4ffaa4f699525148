"""What goes into a parser, and the two things that can come out."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from netcadence_worker.contract import Result
from netcadence_worker.histogram import Histogram
from netcadence_worker.metrics import METRICS, POSITIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netcadence_worker.contract import Interval, Mark, ProbeSpan, Reason

#: Together with the words between them these stay below the contract's 4096 characters of a message.
_SUMMARY_CHARACTERS: Final = 800
_TAIL_CHARACTERS: Final = 1_500
_TAIL_LINES: Final = 15
#: Units of what is counted, and is the same on both sides; and the share by which it may differ.
_AMOUNTS: Final = frozenset({"KBytes"})
_AGREED: Final = 0.01
_COLOUR_OR_CONTROL: Final = re.compile(r"\x1b\[[0-9;]{0,16}m|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """One finished run of a tool.

    Attributes:
        argv: The command as it was started.
        stdout: All it printed there, decoded.
        stderr: Likewise.
        exit_code: None or negative where a signal ended it.
    """

    argv: tuple[str, ...]
    stdout: str
    stderr: str
    exit_code: int | None

    @property
    def ended_by_signal(self) -> bool:
        return self.exit_code is None or self.exit_code < 0


@dataclass(frozen=True, slots=True)
class Measurement:
    """The figures of one run.

    Attributes:
        results: Figures over the whole run, each metric at most once.
        intervals: Figures of its parts, in order; parts that a tool left out are missing.
        marks: What a reader has to know about them.
        histogram: Latencies of single requests, of tools that count them.
        spans: What a prober saw.
    """

    results: tuple[Result, ...]
    intervals: tuple[Interval, ...] = ()
    marks: tuple[Mark, ...] = ()
    histogram: Histogram | None = None
    spans: tuple[ProbeSpan, ...] = ()

    @property
    def metrics(self) -> tuple[float, ...]:
        """The figures by the positions of their protocol, ending before the first one that is missing."""
        values = {result.metric: result.value for result in self.results}
        filled = (tuple(takewhile(values.__contains__, names)) for names in POSITIONS.values())
        return tuple(values[name] for name in max(filled, key=len))


def joined(measured: Measurement, told: Sequence[Result]) -> Measurement:
    """Return figures with those that the other side was told to add; what both have counted has to agree.

    Of a rate the other side's counts, which has seen the traffic arrive.

    Raises:
        ValueError: The two sides have counted different amounts.
    """
    own = {result.metric: result for result in measured.results}
    for result in told:
        counted = own.get(result.metric)
        if result.unit in _AMOUNTS and counted and abs(counted.value - result.value) > _AGREED * result.value:
            raise ValueError(
                f"{result.metric} is {counted.value:g} on one side and {result.value:g} on the other"
            )
        own[result.metric] = result
    return replace(measured, results=tuple(own.values()))


class UnusableOutput(Exception):  # noqa: N818 - says what was found, as the reasons do
    """There is no figure, and this is why.

    Attributes:
        reason: One of the closed list.
        message: What is wrong, then the tool's last lines; at most 4096 characters.
    """

    def __init__(self, reason: Reason, summary: str, output: ToolOutput) -> None:
        self.reason = reason
        self.message = _printable(summary)[:_SUMMARY_CHARACTERS] + _last_lines(output)
        super().__init__(self.message)


def results_of(values: Mapping[str, float]) -> tuple[Result, ...]:
    """Put figures into the catalogue's units.

    Raises:
        ValueError: A figure is none that its metric can take.
    """
    check_sane(values)
    return tuple(Result.of(metric, value) for metric, value in values.items())


def check_sane(values: Mapping[str, float]) -> None:
    """Refuse what cannot be true.

    Raises:
        ValueError: A figure is none that its metric can take.
    """
    for name, value in values.items():
        if not METRICS[name].is_sane(value):
            raise ValueError(f"{name} of {value:g} {METRICS[name].unit} cannot be true")


def _last_lines(output: ToolOutput) -> str:
    parts = [("stdout", _tail(output.stdout)), ("stderr", _tail(output.stderr))]
    if not any(tail for _, tail in parts):
        return f"\n(the tool printed nothing; exit code {output.exit_code})"
    return "".join(f"\n{name}:\n{tail}" for name, tail in parts if tail)


def _tail(text: str) -> str:
    # Lines of a tool are short: this many characters hold more lines than are wanted.
    end = _printable(text[-4 * _TAIL_CHARACTERS :]).strip()
    return "\n".join(end.splitlines()[-_TAIL_LINES:])[-_TAIL_CHARACTERS:]


def _printable(text: str) -> str:
    plain = _COLOUR_OR_CONTROL.sub("", text)
    return plain.encode("utf-8", "replace").decode("utf-8")
