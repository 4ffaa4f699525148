"""iperf3, from 3.12 to 3.21: the client's JSON, which has the server's within it.

Its exit codes lie; the document's `error` does not. What the sender counted as sent includes what lay in its
buffer, so that the receiver's sums are the figures, and the sender's what they are held against. A document
with an error may be complete and wrong: it is not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from netcadence_worker.contract import Interval, Mark, Protocol, Reason
from netcadence_worker.parsing.complaints import find_complaint, find_unknown_option
from netcadence_worker.parsing.output import Measurement, ToolOutput, UnusableOutput, check_sane, results_of

#: How far a run may end before the time asked for, and after it: queues on the way have to empty.
_EARLY_S: Final = 0.1
_EARLY_SHARE: Final = 0.02
_LATE_SHARE: Final = 0.1
_LATE_S: Final = {Protocol.TCP: 10.0, Protocol.UDP: 1.0}
#: Share by which a rate may differ from bytes and time, and the sums of the two sides from one another.
_ROUNDING: Final = 1e-3
#: Share of the bytes that intervals may leave out: 3.21 has none for what comes after the last of them.
_BETWEEN: Final = 0.02
#: Datagrams beyond the last that arrived may be on their way still when the server stops to count: so many,
#: or this share of those sent. Where it is more than both they never came, and count as lost.
_ON_THE_WAY: Final = 100
_ON_THE_WAY_SHARE: Final = 0.01
#: A last interval below this length, which a server adds, goes to the one before it: its rate is arbitrary.
_LEAST_INTERVAL_S: Final = 0.1
#: How far apart intervals of the two sides may begin and still be the same: each counts from its own begin.
_SAME_BEGIN_S: Final = 0.25

_MEANINGS: Final = (
    (
        re.compile(r"unable to read from stream socket: Resource temporarily unavailable"),
        Reason.CONNECT_TIMEOUT,
    ),
)
_VERSION: Final = re.compile(r"iperf (3\.\d{1,4}(?:\.\d{1,4}){0,2}[\w.+-]{0,16})")

_Seconds = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0, le=10**17)]
_Rate = Annotated[float, Field(ge=0, le=1e16, allow_inf_nan=False)]
_Microseconds = Annotated[int, Field(ge=0, le=10**12)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Sum(_Part):
    """What was counted in a span of time; of datagrams, with those that did not come."""

    start: _Seconds
    end: _Seconds
    seconds: _Seconds
    bytes: _Count
    bits_per_second: _Rate
    retransmits: _Count | None = None
    jitter_ms: _Seconds | None = None
    #: Below 0 where datagrams came twice.
    lost_packets: Annotated[int, Field(ge=-(10**15), le=10**15)] | None = None
    packets: _Count | None = None
    omitted: bool = False

    @property
    def kbytes(self) -> float:
        return self.bytes / 1024

    @property
    def is_contradictory(self) -> bool:
        counted = self.bits_per_second * self.seconds / 8
        return abs(counted - self.bytes) > _ROUNDING * max(counted, self.bytes) + 1


class _StreamPart(_Sum):
    """Of a sender over TCP, with the kernel's own view of its connection."""

    snd_cwnd: _Count | None = None
    rtt: _Microseconds | None = None


class _IntervalPart(_Part):
    streams: Annotated[list[_StreamPart], Field(max_length=256)]
    sum: _Sum


class _Sender(_Part):
    max_snd_cwnd: _Count | None = None
    max_rtt: _Microseconds | None = None
    min_rtt: _Microseconds | None = None
    mean_rtt: _Microseconds | None = None


class _Datagrams(_Part):
    #: Not in every version.
    out_of_order: _Count = 0


class _StreamEnd(_Part):
    sender: _Sender | None = None
    udp: _Datagrams | None = None


class _End(_Part):
    streams: Annotated[list[_StreamEnd], Field(max_length=256)]
    sum_sent: _Sum
    sum_received: _Sum


class _TestStart(_Part):
    protocol: Literal["TCP", "UDP"]
    num_streams: Annotated[int, Field(ge=1, le=256)]
    blksize: Annotated[int, Field(ge=1, le=10**9)]
    duration: Annotated[int, Field(ge=0, le=100_000)]
    reverse: Literal[0]


class _Start(_Part):
    test_start: _TestStart


class _ServerDocument(_Part):
    intervals: Annotated[list[_IntervalPart], Field(max_length=4_000)]
    end: _End


class _Document(_Part):
    start: _Start
    intervals: Annotated[list[_IntervalPart], Field(max_length=4_000)]
    end: _End
    server_output_json: _ServerDocument


def version(text: str) -> str:
    """Return the version, such as 3.12, out of what `iperf3 --version` prints.

    Raises:
        ValueError: The text is not iperf3's.
    """
    found = _VERSION.search(text)
    if found is None:
        raise ValueError(f"no version of iperf3 in {text[:200]!r}")
    return found[1]


def read_iperf3(
    output: ToolOutput, *, protocol: Protocol, duration_s: float, streams: int = 1
) -> Measurement:
    """Read the client's document, asked for with `-J --get-server-output`.

    `throughput` is what arrived over the time in which it did. Of TCP, retransmits are of all streams; the
    round trip is the kernel's smoothed estimate at the sender, once in an interval: the streams' mean, least
    and most; the congestion window is the sum over the streams. Of UDP, jitter is the streams' mean; a
    datagram that comes late counts as come. Intervals are the server's, with the client's view beside.

    Args:
        output: The client's output.
        protocol: TCP or UDP.
        duration_s: Seconds of traffic asked for. Traffic has to end at most 0.1 s and 2 % before, and at most
            1 s (UDP) or 10 s (TCP) and 10 % after it.
        streams: Parallel streams asked for.

    Raises:
        UnusableOutput: The document says that something failed (ConnectionRefused, ConnectTimeout or
            ToolFailed), iperf3 did not know an option or was ended (ToolFailed), or the document is missing,
            incomplete, or contradicts itself or what was asked for (ParseFailed).
    """
    content = _content(output, "client")
    try:
        document = _Document.model_validate(content)
    except ValidationError as error:
        raise UnusableOutput(Reason.PARSE_FAILED, f"the client's document: {_told(error)}", output) from error
    try:
        _check_asked(document, protocol, duration_s, streams)
        _check_sums(document, protocol, duration_s)
        results = results_of(_figures(document, protocol))
        intervals = _intervals(document, protocol)
    except ValueError as error:
        raise UnusableOutput(
            Reason.PARSE_FAILED, f"the client's document is wrong: {error}", output
        ) from error
    disordered = any(stream.udp and stream.udp.out_of_order for stream in document.end.streams)
    return Measurement(results, intervals, (Mark.OUT_OF_ORDER,) if disordered else ())


def check_iperf3_server(output: ToolOutput) -> None:
    """Make sure that a server saw its test to the end; its figures are read from the client's document.

    Raises:
        UnusableOutput: It failed or was ended before (ToolFailed), nothing reached it (ConnectTimeout), or it
            printed no document (ParseFailed).
    """
    content = _content(output, "server")
    if not content.get("end"):
        raise UnusableOutput(Reason.CONNECT_TIMEOUT, "nothing ever reached the server", output)


def _content(output: ToolOutput, side: str) -> dict[str, Any]:
    """Return the document that one side printed, if it does not say itself that there is an error."""
    if option := find_unknown_option(output.stderr, ()):
        raise UnusableOutput(Reason.TOOL_FAILED, f"this iperf3 does not know the option {option!r}", output)
    try:
        content = json.loads(output.stdout)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        reason = Reason.PARSE_FAILED if output.exit_code == 0 else Reason.TOOL_FAILED
        summary = f"the {side} printed no JSON document; exit code {output.exit_code}"
        raise UnusableOutput(reason, summary, output)
    if said := content.get("error"):
        raise UnusableOutput(_reason(str(said)), f"the {side} failed: {said}", output)
    return content


def _reason(said: str) -> Reason:
    own = next((reason for pattern, reason in _MEANINGS if pattern.search(said)), None)
    complaint = find_complaint(said)
    return own or (complaint.reason if complaint else Reason.TOOL_FAILED)


def _told(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _check_asked(document: _Document, protocol: Protocol, duration_s: float, streams: int) -> None:
    test = document.start.test_start
    for what, found, asked in (
        ("protocol", test.protocol, protocol.value),
        ("streams", test.num_streams, streams),
        ("streams in the end", len(document.end.streams), streams),
        ("duration", test.duration, duration_s),
    ):
        if found != asked:
            raise ValueError(f"{what} {found} instead of {asked}")


def _check_sums(document: _Document, protocol: Protocol, duration_s: float) -> None:
    sent, received = document.end.sum_sent, document.end.sum_received
    seen = document.server_output_json.end.sum_received
    latest_s = duration_s + _LATE_S[protocol] + _LATE_SHARE * duration_s
    for side, total in (("sent", sent), ("received", received)):
        if not duration_s - _EARLY_S - _EARLY_SHARE * duration_s <= total.seconds <= latest_s:
            raise ValueError(f"it {side} for {total.seconds:g} s instead of {duration_s:g} s")
        if total.is_contradictory:
            raise ValueError(f"rate, time and bytes {side} contradict each other")
    if not received.bytes:
        raise ValueError("nothing was received")
    slack = 2 * document.start.test_start.blksize * len(document.end.streams)
    if received.bytes > sent.bytes + slack:
        raise ValueError(f"{received.bytes} bytes were received of {sent.bytes} sent")
    if abs(received.bytes - seen.bytes) > _ROUNDING * seen.bytes:
        raise ValueError(f"the client was told of {received.bytes} bytes, the server counted {seen.bytes}")
    counted = sum(part.sum.bytes for part in document.server_output_json.intervals)
    if not (1 - _BETWEEN) * seen.bytes - slack <= counted <= (1 + _ROUNDING) * seen.bytes:
        raise ValueError(f"the intervals have {counted} bytes, their whole {seen.bytes}")


def _figures(document: _Document, protocol: Protocol) -> dict[str, float]:
    received = document.end.sum_received
    values = {"transferred": received.kbytes, "throughput": received.kbytes / received.seconds}
    if protocol is Protocol.UDP:
        return values | _datagram_figures(received, document.end.sum_sent, document.start.test_start.blksize)
    if document.end.sum_sent.retransmits is not None:
        values["tcp_retransmits"] = float(document.end.sum_sent.retransmits)
    senders = [stream.sender for stream in document.end.streams if stream.sender]
    means = [sender.mean_rtt for sender in senders if sender.mean_rtt]
    if len(means) == len(document.end.streams):
        values["tcp_rtt_avg"] = _mean(means) / 1000
        values["tcp_rtt_min"] = min(sender.min_rtt or 0 for sender in senders) / 1000
        values["tcp_rtt_max"] = max(sender.max_rtt or 0 for sender in senders) / 1000
        if not values["tcp_rtt_min"] <= values["tcp_rtt_avg"] <= values["tcp_rtt_max"]:
            raise ValueError("mean, least and most round trip contradict each other")
    windows = [sum(part.snd_cwnd or 0 for part in each.streams) for each in document.intervals]
    if any(windows):
        values["congestion_window"] = _mean(windows) / 1024
    return values


def _datagram_figures(received: _Sum, sent: _Sum, size: int) -> dict[str, float]:
    if received.packets is None or received.lost_packets is None or sent.packets is None:
        raise ValueError("there are no counts of datagrams")
    come = received.packets - received.lost_packets
    unseen = sent.packets - received.packets
    if unseen < 0 or received.lost_packets < 0 or come < 0:
        raise ValueError(
            f"of {sent.packets} datagrams sent {received.packets} were seen, {received.lost_packets} lost"
        )
    if abs(come * size - received.bytes) > _ROUNDING * received.bytes + size:
        raise ValueError(f"{come} datagrams of {size} bytes are not {received.bytes} bytes")
    gone = unseen if unseen > max(_ON_THE_WAY, _ON_THE_WAY_SHARE * sent.packets) else 0
    lost, total = received.lost_packets + gone, received.packets + gone
    values = {"lost_packets": float(lost), "total_packets": float(total), "packet_loss": 100 * lost / total}
    jitter = {} if received.jitter_ms is None else {"jitter": received.jitter_ms}
    return jitter | values | {"packet_rate": come / received.seconds}


def _intervals(document: _Document, protocol: Protocol) -> tuple[Interval, ...]:
    parts = _joined([part.sum for part in document.server_output_json.intervals if not part.sum.omitted])
    intervals = []
    for position, part in enumerate(parts):
        values = {"transferred": part.kbytes, "throughput": part.kbytes / part.seconds}
        if protocol is Protocol.UDP:
            values |= _datagrams_of(part)
        elif position < len(document.intervals):
            beside = document.intervals[position]
            if abs(beside.sum.start - part.start) <= _SAME_BEGIN_S:
                values |= _connection_of(beside)
        check_sane(values)
        intervals.append(Interval(start=part.start, end=part.end, values=values))
    return tuple(intervals)


def _joined(parts: Sequence[_Sum]) -> list[_Sum]:
    """Return the parts without one that is too short for a rate: it goes to the part before it."""
    joined: list[_Sum] = []
    for part in parts:
        if joined and part.seconds < _LEAST_INTERVAL_S:
            before = joined[-1]
            both: dict[str, Any] = {"end": part.end, "seconds": part.end - before.start}
            both["bytes"] = before.bytes + part.bytes
            for name in ("packets", "lost_packets"):
                counts = (getattr(before, name), getattr(part, name))
                both[name] = None if None in counts else sum(counts)
            joined[-1] = before.model_copy(update=both)
        elif part.seconds > 0:
            joined.append(part)
    return joined


def _datagrams_of(part: _Sum) -> dict[str, float]:
    if part.packets is None or part.lost_packets is None:
        return {}
    values = {"lost_packets": float(max(part.lost_packets, 0)), "total_packets": float(part.packets)}
    if part.packets:
        values["packet_loss"] = 100 * values["lost_packets"] / part.packets
    if part.jitter_ms is not None:
        values["jitter"] = part.jitter_ms
    return values | {"packet_rate": max(part.packets - part.lost_packets, 0) / part.seconds}


def _connection_of(part: _IntervalPart) -> Mapping[str, float]:
    values: dict[str, float] = {}
    if part.sum.retransmits is not None:
        values["tcp_retransmits"] = float(part.sum.retransmits)
    trips = [stream.rtt for stream in part.streams if stream.rtt]
    if trips:
        values["tcp_rtt_avg"] = _mean(trips) / 1000
    windows = [stream.snd_cwnd for stream in part.streams if stream.snd_cwnd is not None]
    if windows:
        values["congestion_window"] = sum(windows) / 1024
    return values


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values)
