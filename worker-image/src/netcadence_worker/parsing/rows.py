"""The rows of iperf 2's text reports, from 2.0.6 to 2.2.1, with and without enhanced reports.

A row is read by the header above it and by the units in it. Widths, padding, decimals and the number of
columns differ between versions, between the sides, and between busy and idle intervals of one report.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_NUMBER: Final = r"-?\d{1,18}(?:\.\d{1,9})?"

_HEADER: Final = re.compile(r"\[ ?ID\] Interval ")
_RELAYED: Final = re.compile(r"\[ {0,5}(\d{1,6})\] Server Report:")
#: Sums ([SUM], [SUM-4], [FD1]) are no streams, and wrong in several versions; a star is the way back.
_SPAN: Final = re.compile(
    r"\[ {0,5}(?P<stream>\d{1,6})\] {1,3}(?P<start>\d{1,9}\.\d{1,6})- {0,5}(?P<end>\d{1,9}\.\d{1,6}) sec "
)
#: The same of what a side receives on the way back of a two-way test; of the other side, what it sends there.
_SPAN_BACK: Final = re.compile(_SPAN.pattern.replace(r"\[ {0,5}(?P", r"\[ {0,5}\*(?P", 1))
#: Count, mean, least, most and deviation of round trips.
_ROUND_TRIPS: Final = re.compile(
    rf"\s{{0,12}}(?P<count>\d{{1,12}})=(?P<avg>{_NUMBER})/(?P<min>{_NUMBER})/(?P<max>{_NUMBER})"
    rf"/(?P<stdev>{_NUMBER}) ms"
)
_AMOUNT: Final = re.compile(
    rf" {{0,12}}(?P<bytes>{_NUMBER}) (?P<bytes_unit>[KMGT]?)Bytes"
    rf" {{1,12}}(?P<rate>{_NUMBER}) (?P<rate_unit>[KMGT]?(?:Bytes|bits))/sec"
)
_OUT_OF_ORDER: Final = re.compile(r" {0,12}\d{1,15} datagrams {1,2}received out-of-order")
_HISTOGRAM: Final = re.compile(r" {0,4}[A-Z]{1,2}8(?:\(f\))?-PDF:")

_PREFIXES: Final = ("", "K", "M", "G", "T")
_KBYTES: Final = {prefix: 1024.0 ** (power - 1) for power, prefix in enumerate(_PREFIXES)}
_KBYTES_PER_S: Final = {f"{prefix}Bytes": kbytes for prefix, kbytes in _KBYTES.items()} | {
    f"{prefix}bits": 1000.0**power / 8 / 1024 for power, prefix in enumerate(_PREFIXES)
}

#: Columns of a datagram report by the name that its header gives them.
_COLUMNS: Final = {
    "Jitter": re.compile(rf"\s{{0,12}}(?P<jitter>{_NUMBER}) ms"),
    "Lost/Total": re.compile(
        r"\s{0,12}(?P<lost>-?\d{1,15})/ {0,12}(?P<total>-?\d{1,15}) \((?P<percent>[^()%]{1,16})%\)"
    ),
    "Latency avg/min/max/stdev": re.compile(
        rf"\s{{0,12}}(?:-/-/-/-|(?P<avg>{_NUMBER})/ {{0,8}}(?P<min>{_NUMBER})/ {{0,8}}(?P<max>{_NUMBER})"
        rf"/ {{0,8}}(?P<stdev>{_NUMBER})) ms"
    ),
    "PPS": re.compile(r"\s{0,12}\S{1,20} pps"),
    "Rx/inP": re.compile(r"\s{0,12}\S{1,60} pkts"),
    "Read/Timeo/": re.compile(r"\s{0,12}\d{1,15}/\d{1,15}/(?P<truncated>\d{1,15})"),
}
_LATENCIES: Final = ("avg", "min", "max", "stdev")
_NEEDED: Final = frozenset({"Jitter", "Lost/Total"})
_PERCENT: Final = re.compile(r"\d{1,3}(?:\.\d{1,9})?(?:e[+-]\d{1,2})?")


class RowError(ValueError):
    """A row cannot be read, or contradicts itself."""


@dataclass(frozen=True, slots=True)
class Latency:
    """One-way latency in ms, as the receiver's clock less the sender's; or the time of round trips."""

    avg: float
    min: float
    max: float
    stdev: float

    @property
    def is_contradictory(self) -> bool:
        """Whether no pair of agreeing clocks can have measured this."""
        rounding = 0.001
        # The deviation of a sample is largest for two values, which lie at the ends of the range.
        widest = (self.max - self.min) / 2**0.5
        ordered = self.min - rounding <= self.avg <= self.max + rounding
        return self.min < 0 or not ordered or self.stdev > 1.01 * widest + rounding


@dataclass(frozen=True, slots=True)
class Datagrams:
    """The datagram columns of a row: jitter in ms, datagrams lost and sent, reads that were cut."""

    jitter: float
    lost: int
    total: int
    latency: Latency | None
    truncated: int

    @property
    def received(self) -> int:
        return self.total - self.lost


@dataclass(frozen=True, slots=True)
class Row:
    """What one stream did in one span of time.

    Attributes:
        stream: The stream's number in this report.
        start_s: Begin of the span as printed, in seconds since the stream began.
        end_s: Its end as printed.
        seconds: Its length, as near as bytes, rate and printed times tell it.
        kbytes: Bytes in units of 1024.
        datagrams: Present in reports about received datagrams.
        round_trips: Present in a client's reports about them: how many, and how long they took.
    """

    stream: int
    start_s: float
    end_s: float
    seconds: float
    kbytes: float
    datagrams: Datagrams | None
    round_trips: tuple[int, Latency] | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """All rows about single streams in the order printed, and whether datagrams came out of order."""

    rows: tuple[Row, ...]
    out_of_order: bool


def read_report(text: str, *, way_back: bool = False) -> Report:
    """Read what one side printed; what it relays from the other side is left out.

    Args:
        way_back: Read the rows about the way back of a two-way test instead of the others.

    Raises:
        RowError: A line that has to be a row cannot be read, or contradicts itself.
    """
    rows: list[Row] = []
    columns: tuple[str, ...] = ()
    relayed: set[str] = set()
    out_of_order = False
    matches_span = (_SPAN_BACK if way_back else _SPAN).match
    for line in text.splitlines():
        if span := matches_span(line):
            if _OUT_OF_ORDER.match(line, span.end()):
                out_of_order = True
            elif span["stream"] in relayed:
                relayed.discard(span["stream"])
            elif not _HISTOGRAM.match(line, span.end()):
                rows.append(_row(line, span, columns))
        elif announced := _RELAYED.match(line):
            relayed.add(announced[1])
        elif _HEADER.match(line):
            # Sums and sending rows have headers too; receiving rows go on after them without a new one.
            columns = _datagram_columns(line) or columns
    return Report(tuple(rows), out_of_order)


@lru_cache(maxsize=32)
def _datagram_columns(header: str) -> tuple[str, ...]:
    named = sorted((header.find(name), name) for name in _COLUMNS if name in header)
    return tuple(name for _, name in named) if "Jitter" in header else ()


def _row(line: str, span: re.Match[str], columns: tuple[str, ...]) -> Row:
    amount = _AMOUNT.match(line, span.end())
    if amount is None:
        raise RowError(f"a row cannot be read: {line[:200]}")
    bytes_unit, rate_unit = _KBYTES[amount["bytes_unit"]], _KBYTES_PER_S[amount["rate_unit"]]
    start_s, end_s, kbytes = float(span["start"]), float(span["end"]), float(amount["bytes"]) * bytes_unit
    rate, rate_step = float(amount["rate"]) * rate_unit, _last_place(amount["rate"]) * rate_unit
    length_s, length_step_s = end_s - start_s, _last_place(span["end"])
    # Each printed number is off by up to one of its last places: versions round or cut.
    off = (
        _last_place(amount["bytes"]) * bytes_unit
        + rate * length_step_s
        + rate_step * (length_s + length_step_s)
    )
    if length_s < 0 or abs(kbytes - rate * length_s) > off * (1 + 1e-9) + 1e-9 * kbytes:
        raise RowError(f"rate, time and bytes of a row contradict each other: {line[:200]}")
    # Times have as little as one decimal, rates four figures: together they tell the length best.
    derived_s = kbytes / rate if rate > 0 else length_s
    seconds = min(max(derived_s, length_s - length_step_s), length_s + length_step_s)
    datagrams = _datagrams(line, amount.end(), columns)
    round_trips = _round_trips(line, amount.end())
    return Row(int(span["stream"]), start_s, end_s, seconds, kbytes, datagrams, round_trips)


def _last_place(number: str) -> float:
    return 10.0 ** -len(number.partition(".")[2])


def _datagrams(line: str, position: int, columns: tuple[str, ...]) -> Datagrams | None:
    found: dict[str, str | None] = {}
    for name in columns:
        column = _COLUMNS[name].match(line, position)
        if column is not None:
            found |= column.groupdict()
            position = column.end()
        elif name in _NEEDED:
            return None
    if not found:
        return None
    lost, total = int(found["lost"] or 0), int(found["total"] or 0)
    if not 0 <= lost <= total or (total and not _PERCENT.fullmatch(found["percent"] or "")):
        raise RowError(f"counts of datagrams contradict each other: {line[:200]}")
    return Datagrams(
        float(found["jitter"] or 0), lost, total, _latency(found), int(found.get("truncated") or 0)
    )


def _round_trips(line: str, position: int) -> tuple[int, Latency] | None:
    found = _ROUND_TRIPS.match(line, position)
    return (int(found["count"]), Latency(*(float(found[name]) for name in _LATENCIES))) if found else None


def _latency(found: dict[str, str | None]) -> Latency | None:
    figures = [found.get(name) for name in _LATENCIES]
    return Latency(*(float(figure) for figure in figures if figure)) if all(figures) else None
