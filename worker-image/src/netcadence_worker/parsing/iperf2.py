"""iperf 2, from 2.0.6 to 2.2.1: the receiver's report, and whether the sender did its job.

Only the server's own rows are figures: a client counts what it handed to its socket, and a report relayed
to it is garbage where versions differ. Sums are made here: some versions print wrong ones.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

from netcadence_worker.contract import Interval, Mark, Reason
from netcadence_worker.metrics import POSITIONS
from netcadence_worker.parsing.complaints import find_complaint, find_unknown_option
from netcadence_worker.parsing.output import Measurement, ToolOutput, UnusableOutput, check_sane, results_of
from netcadence_worker.parsing.rows import Datagrams, Latency, Report, Row, RowError, read_report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Enhanced reports change what is printed, not what is measured; 2.0.6 does not know them.
_HARMLESS_OPTIONS: Final = frozenset({"e", "enhanced", "enhancedreports"})

#: How far a span may end before the time asked for. Streams start some ms after one another and 2.0.x prints
#: tenths; what is lost beyond that was cut off, or a clock's offset was subtracted.
_EARLY_S: Final = 0.1
_EARLY_SHARE: Final = 0.02
#: How far it may end after it: queues on the way have to empty, for TCP the sender's buffer as well (a few
#: MBytes, on a slow link seconds).
_LATE_SHARE: Final = 0.1
_LATE_UDP_S: Final = 1.0
_LATE_TCP_S: Final = 10.0

_LARGEST_PAYLOAD: Final = 65_507
#: Share by which bytes may differ from those of the round trips: they are printed with three figures.
_TRIP_BYTES: Final = 0.01
#: As many as a request's status takes.
_MOST_INTERVALS: Final = 3_700

_VERSION: Final = re.compile(r"iperf version (\d{1,4}(?:\.\d{1,4}){1,3}[\w.+-]{0,16})")


def version(text: str) -> str:
    """Return the version, such as 2.1.8, out of what `iperf -v` prints.

    Raises:
        ValueError: The text is not iperf 2's.
    """
    found = _VERSION.search(text)
    if found is None:
        raise ValueError(f"no version of iperf 2 in {text[:200]!r}")
    return found[1]


def read_tcp_server(output: ToolOutput, *, duration_s: float, streams: int = 1) -> Measurement:
    """Read the report of a TCP server that served one client.

    `throughput` is all bytes over the longest stream's time, which for several streams is less than the sum
    of their rates if they did not end together.

    Args:
        output: The server's output.
        duration_s: Seconds of traffic the client was asked for. The streams have to end at most 0.1 s and 2 %
            before, and at most 10 s and 10 % after it.
        streams: Parallel streams the client was asked for.

    Raises:
        UnusableOutput: No client came (ConnectTimeout), the server could not run or was ended before its
            report (ToolFailed), or the report is missing, incomplete or contradicts itself (ParseFailed).
    """
    return _read_server(output, duration_s, streams, datagrams=False)


def read_udp_server(output: ToolOutput, *, duration_s: float, streams: int = 1) -> Measurement:
    """Read the report of a UDP server that served one client.

    Of several streams, loss and packet rate come from the sums of the counts; jitter is the mean weighted by
    datagrams received; latency has the mean weighted likewise, the least, the most and the pooled deviation.
    Latency is missing without enhanced reports. It is kept where clocks disagree, and marked.

    Args:
        output: The server's output.
        duration_s: Seconds of traffic the client was asked for. The streams have to end at most 0.1 s and 2 %
            before, and at most 1 s and 10 % after it.
        streams: Parallel streams the client was asked for.

    Raises:
        UnusableOutput: Nothing arrived (ConnectTimeout), the server could not run or was ended before its
            report (ToolFailed), or the report is missing, incomplete or contradicts itself (ParseFailed).
    """
    return _read_server(output, duration_s, streams, datagrams=True)


def check_client(output: ToolOutput, *, duration_s: float) -> None:
    """Make sure that a client sent for as long as it was asked to, with as many streams.

    A missing acknowledgement of the last datagram is no failure: the server's report tells what arrived.

    Raises:
        UnusableOutput: Nobody listened (ConnectionRefused), the server could not be reached (ConnectTimeout),
            the client failed, was ended, ran short or did not know an option (ToolFailed), or its report
            cannot be read (ParseFailed).
    """
    _refuse_unknown_option(output)
    if complaint := find_complaint(output.stderr):
        raise UnusableOutput(complaint.reason, f"the client failed: {complaint.line}", output)
    if output.exit_code != 0:
        raise UnusableOutput(Reason.TOOL_FAILED, f"the client {_ending(output)}", output)
    totals = _totals(_report(output).rows)
    if not totals:
        raise UnusableOutput(Reason.PARSE_FAILED, "the client reported no stream", output)
    asked = _asked_streams(output.argv)
    if len(totals) < asked:
        raise UnusableOutput(Reason.TOOL_FAILED, f"{len(totals)} of {asked} streams were sent", output)
    if (shortest_s := min(row.end_s for row in totals)) < _earliest_end_s(duration_s):
        summary = f"the client sent for {shortest_s:g} s of {duration_s:g} s"
        raise UnusableOutput(Reason.TOOL_FAILED, summary, output)
    if not any(row.kbytes > 0 for row in totals):
        raise UnusableOutput(Reason.TOOL_FAILED, "the client sent nothing", output)


def read_tcp_way_back(output: ToolOutput, *, duration_s: float, streams: int = 1) -> Measurement:
    """Read what a client received, or a server sent, on the way back of a two-way test.

    Args:
        output: Of either side.
        duration_s: Seconds of traffic asked for; the same tolerances hold as on the way there.
        streams: Parallel streams asked for.

    Raises:
        UnusableOutput: The report is missing, incomplete or contradicts itself (ParseFailed), or the tool was
            ended before (ToolFailed).
    """
    totals = _totals(_report(output, way_back=True).rows)
    try:
        _check_streams(totals, duration_s, streams, datagrams=False)
        figures = {f"{name}_reverse": value for name, value in _figures(totals).items()}
        return Measurement(results_of(figures), (), ())
    except ValueError as error:
        raise UnusableOutput(
            _unusable(output), f"the report of the way back is wrong: {error}", output
        ) from error


def read_round_trips(output: ToolOutput, *, duration_s: float, size: int, streams: int = 1) -> Measurement:
    """Read a client's report of round trips; of several streams all trips together.

    Args:
        output: The client's output.
        duration_s: Seconds asked for; the streams have to end as those of a client that sends.
        size: Bytes of a request, and of an answer.
        streams: Parallel streams asked for.

    Raises:
        UnusableOutput: The client failed (see `check_client`), or its report has no round trips or
            contradicts itself (ParseFailed).
    """
    check_client(output, duration_s=duration_s)
    report = _report(output)
    totals = _totals(report.rows)
    try:
        _check_streams(totals, duration_s, streams, datagrams=False)
        for row in totals:
            _check_trips(row, size)
        results = results_of(_trip_figures(totals))
        intervals = tuple(
            Interval(start=start_s, end=max(row.end_s for row in rows), values=_checked(_trip_figures(rows)))
            for start_s, rows in _parts(report.rows, totals).items()
        )
    except ValueError as error:
        raise UnusableOutput(_unusable(output), f"the client's report is wrong: {error}", output) from error
    return Measurement(results, intervals, ())


def _check_trips(row: Row, size: int) -> None:
    if row.round_trips is None or not row.round_trips[0]:
        raise ValueError(f"stream {row.stream} has no round trips")
    count, time = row.round_trips
    if time.is_contradictory:
        raise ValueError(f"mean, least, most and deviation of stream {row.stream} contradict each other")
    if abs(row.kbytes - 2 * size * count / 1024) > _TRIP_BYTES * row.kbytes:
        raise ValueError(f"{count} round trips of {size} bytes are not {row.kbytes:g} KBytes")


def _trip_figures(rows: Sequence[Row]) -> dict[str, float]:
    trips = [
        (row.round_trips[1], row.round_trips[0]) for row in rows if row.round_trips and row.round_trips[0]
    ]
    count = {"round_trips": float(sum(each for _, each in trips))}
    return count | {f"round_trip_{name}": value for name, value in _pooled(trips).items()}


def _read_server(output: ToolOutput, duration_s: float, streams: int, *, datagrams: bool) -> Measurement:
    _refuse_unknown_option(output)
    report = _report(output)
    totals = _totals(report.rows)
    if not totals:
        raise _nothing_reported(output)
    try:
        _check_streams(totals, duration_s, streams, datagrams=datagrams)
        parts = _parts(report.rows, totals)
        _check_waiting(parts, duration_s)
        results = results_of(_figures(totals))
        intervals = tuple(
            Interval(start=start_s, end=max(row.end_s for row in rows), values=_checked(_figures(rows)))
            for start_s, rows in parts.items()
        )
    except ValueError as error:
        raise UnusableOutput(_unusable(output), f"the server's report is wrong: {error}", output) from error
    return Measurement(results, intervals, _marks(output, report, totals))


def _refuse_unknown_option(output: ToolOutput) -> None:
    if option := find_unknown_option(output.stderr, _HARMLESS_OPTIONS):
        summary = f"this iperf does not know the option {option!r} and ran without it"
        raise UnusableOutput(Reason.TOOL_FAILED, summary, output)


def _report(output: ToolOutput, *, way_back: bool = False) -> Report:
    try:
        return read_report(output.stdout, way_back=way_back)
    except RowError as error:
        raise UnusableOutput(_unusable(output), str(error), output) from error


def _unusable(output: ToolOutput) -> Reason:
    # A report that a signal cut off is no puzzle to parse.
    return Reason.TOOL_FAILED if output.ended_by_signal else Reason.PARSE_FAILED


def _ending(output: ToolOutput) -> str:
    if output.ended_by_signal:
        return "was ended by a signal" + (f" ({-output.exit_code})" if output.exit_code else "")
    return f"ended with exit code {output.exit_code}"


def _nothing_reported(output: ToolOutput) -> UnusableOutput:
    if complaint := find_complaint(output.stderr):
        return UnusableOutput(complaint.reason, f"the server failed: {complaint.line}", output)
    if output.exit_code is not None and output.exit_code > 0:
        return UnusableOutput(Reason.TOOL_FAILED, f"the server {_ending(output)}", output)
    if " connected with " in output.stdout:
        summary = f"the server reported no stream and {_ending(output)}"
        return UnusableOutput(_unusable(output), summary, output)
    if "Server listening on " in output.stdout and "] Interval" not in output.stdout:
        return UnusableOutput(Reason.CONNECT_TIMEOUT, "nothing ever reached the server", output)
    return UnusableOutput(_unusable(output), "the server reported no stream", output)


def _asked_streams(argv: Sequence[str]) -> int:
    asked = argv[argv.index("-P") + 1 :][:1] if "-P" in argv else ()
    return next((int(number) for number in asked if re.fullmatch(r"\d{1,6}", number)), 1)


def _earliest_end_s(duration_s: float) -> float:
    return duration_s - _EARLY_S - _EARLY_SHARE * duration_s


def _totals(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Return each stream's longest row from 0; of several alike the last, which has the last datagrams."""
    longest: dict[int, Row] = {}
    for row in rows:
        if row.start_s == 0 and (row.stream not in longest or row.end_s >= longest[row.stream].end_s):
            longest[row.stream] = row
    return tuple(longest.values())


def _check_streams(totals: Sequence[Row], duration_s: float, streams: int, *, datagrams: bool) -> None:
    if len(totals) != streams:
        raise ValueError(f"{len(totals)} streams instead of {streams}")
    late_s = (_LATE_UDP_S if datagrams else _LATE_TCP_S) + _LATE_SHARE * duration_s
    for row in totals:
        if not _earliest_end_s(duration_s) <= row.end_s <= duration_s + late_s or row.seconds <= 0:
            raise ValueError(f"stream {row.stream} lasted {row.end_s:g} s instead of {duration_s:g} s")
        if (row.datagrams is not None) != datagrams:
            raise ValueError(f"stream {row.stream} is one of {'TCP' if datagrams else 'UDP'}")
        if row.datagrams and row.kbytes * 1024 > 1.01 * _LARGEST_PAYLOAD * row.datagrams.received + 1024:
            raise ValueError(f"stream {row.stream} has more bytes than its datagrams can hold")
    if not any(row.kbytes > 0 for row in totals):
        raise ValueError("nothing was received")


def _parts(rows: Sequence[Row], totals: Sequence[Row]) -> dict[float, list[Row]]:
    """Return the rows of each interval by its start, of intervals in which no running stream is missing."""
    ends = {row.stream: row.end_s for row in totals}
    parts: defaultdict[float, list[Row]] = defaultdict(list)
    for row in rows:
        if row.seconds > 0 and (row.start_s, row.end_s) != (0, ends.get(row.stream)):
            parts[row.start_s].append(row)
    if len(parts) > _MOST_INTERVALS:
        raise ValueError(f"{len(parts)} intervals are more than any run has")
    return {
        start_s: parts[start_s]
        for start_s in sorted(parts)
        if sorted(row.stream for row in parts[start_s])
        == sorted(stream for stream, end_s in ends.items() if end_s > start_s)
    }


def _check_waiting(parts: Mapping[float, Sequence[Row]], duration_s: float) -> None:
    """Refuse a report over time in which the server only waited, as it does for ever if its client died."""
    for start_s, rows in parts.items():
        if start_s >= duration_s and not any(row.kbytes > 0 for row in rows):
            raise ValueError(f"the server still waited for traffic at {start_s:g} s of {duration_s:g} s")


def _checked(values: dict[str, float]) -> dict[str, float]:
    check_sane(values)
    return values


def _figures(rows: Sequence[Row]) -> dict[str, float]:
    """Sum rows of one span over their streams, by metric in the order of the protocol's positions.

    Raises:
        ValueError: Some rows are about datagrams and some are not.
    """
    seconds = max(row.seconds for row in rows)
    kbytes = sum(row.kbytes for row in rows)
    values = {"transferred": kbytes, "throughput": kbytes / seconds}
    counts = [row.datagrams for row in rows if row.datagrams is not None]
    if len(counts) not in (0, len(rows)):
        raise ValueError("a row has no counts of datagrams")
    if counts:
        values |= _datagram_figures(counts, seconds)
    return {name: values[name] for name in POSITIONS["UDP"] if name in values}


def _datagram_figures(counts: Sequence[Datagrams], seconds: float) -> dict[str, float]:
    lost, total = sum(count.lost for count in counts), sum(count.total for count in counts)
    received = total - lost
    # iperf's own rate of packets is wrong in totals of 2.2.1, and its percentage is rounded.
    values = {"lost_packets": float(lost), "total_packets": float(total), "packet_rate": received / seconds}
    if total:
        values["packet_loss"] = 100 * lost / total
    if received:
        values["jitter"] = sum(count.jitter * count.received for count in counts) / received
    return values | _latency_figures(counts)


def _latency_figures(counts: Sequence[Datagrams]) -> dict[str, float]:
    weighted = [(count.latency, count.received) for count in counts if count.latency and count.received]
    return {f"latency_{name}": value for name, value in _pooled(weighted).items()}


def _pooled(weighted: Sequence[tuple[Latency, int]]) -> dict[str, float]:
    """Return mean, least, most and deviation of all of which these are parts, each with its count."""
    if not weighted:
        return {}
    whole = sum(weight for _, weight in weighted)
    mean = sum(latency.avg * weight for latency, weight in weighted) / whole
    variance = sum((latency.stdev**2 + (latency.avg - mean) ** 2) * weight for latency, weight in weighted)
    return {
        "avg": mean,
        "min": min(latency.min for latency, _ in weighted),
        "max": max(latency.max for latency, _ in weighted),
        "stdev": math.sqrt(variance / whole),
    }


def _marks(output: ToolOutput, report: Report, totals: Sequence[Row]) -> tuple[Mark, ...]:
    counts = [row.datagrams for row in totals if row.datagrams]
    latencies = [count.latency for count in counts if count.latency]
    marks = {
        Mark.CLOCKS_DISAGREE: any(latency.is_contradictory for latency in latencies),
        Mark.OUT_OF_ORDER: report.out_of_order,
        Mark.CPU_BOUND: "may have been CPU bound" in output.stdout,
        Mark.TRUNCATED_READS: any(count.truncated for count in counts),
    }
    return tuple(mark for mark, applies in marks.items() if applies)
