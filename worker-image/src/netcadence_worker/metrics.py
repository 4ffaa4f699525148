"""The metric catalogue: every figure that netcadence reports, declared once.

Parsers, thresholds, tables and trends read name, unit, direction and sane range from here.
One KByte is 1024 bytes, as iperf counts.
"""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from typing import Final


class Direction(enum.StrEnum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure's meaning.

    Attributes:
        name: Identifier in requests, the lake and SLA files.
        unit: Unit in which every value is given.
        direction: Which way is better.
        lowest: Smallest value that can be true.
        highest: Largest value that can be true.
        title: Words for a table's heading.
    """

    name: str
    unit: str
    direction: Direction
    lowest: float
    highest: float
    title: str

    def is_sane(self, value: float) -> bool:
        """Tell whether `value` is a number that this metric can take."""
        return math.isfinite(value) and self.lowest <= value <= self.highest


_HIGHER, _LOWER, _NEUTRAL = Direction.HIGHER, Direction.LOWER, Direction.NEUTRAL
_TERABIT_KBYTES = 1e12 / 8 / 1024
_DAY_S = 86_400.0
_MANY = 1e15

#: What a side's machine did while the traffic flowed; the role stands before the name.
_BESIDE = tuple(
    Metric(f"{role}_{name}", unit, direction, 0, highest, f"{role.capitalize()}: {title}")
    for role in ("client", "server")
    for name, unit, direction, highest, title in (
        ("tool_cpu", "processors", _NEUTRAL, 65_536, "processors kept busy by the tool"),
        ("node_busy", "%", _NEUTRAL, 100, "node's processors busy"),
        ("node_softirq", "%", _NEUTRAL, 100, "node's processors in soft interrupts"),
        ("throttled", "s", _LOWER, 1e12, "time throttled by the CPU limit"),
        ("throttled_periods", "periods", _LOWER, _MANY, "periods throttled by the CPU limit"),
        ("segments_sent", "segments", _NEUTRAL, _MANY, "TCP segments sent"),
        ("retransmits", "segments", _LOWER, _MANY, "TCP segments sent again"),
        ("drops", "packets", _LOWER, _MANY, "packets dropped by the pod's interfaces"),
    )
)

_CATALOGUE = (
    Metric("transferred", "KBytes", _NEUTRAL, 0, _MANY, "Transferred"),
    Metric("throughput", "KBytes/s", _HIGHER, 0, 10 * _TERABIT_KBYTES, "Throughput"),
    Metric("jitter", "ms", _LOWER, 0, 60_000, "Jitter"),
    Metric("lost_packets", "packets", _LOWER, 0, _MANY, "Lost packets"),
    Metric("total_packets", "packets", _NEUTRAL, 0, _MANY, "Packets sent"),
    Metric("packet_loss", "%", _LOWER, 0, 100, "Packet loss"),
    # One-way latency may be negative where clocks disagree: it is kept, and marked ClocksDisagree.
    Metric("latency_avg", "ms", _LOWER, -_DAY_S * 1000, _DAY_S * 1000, "Latency, mean"),
    Metric("latency_min", "ms", _LOWER, -_DAY_S * 1000, _DAY_S * 1000, "Latency, least"),
    Metric("latency_max", "ms", _LOWER, -_DAY_S * 1000, _DAY_S * 1000, "Latency, most"),
    Metric("latency_stdev", "ms", _LOWER, 0, _DAY_S * 1000, "Latency, deviation"),
    # Where latencies are corrected for clocks that were apart: as the tool told them, and how sure they are.
    Metric("latency_avg_uncorrected", "ms", _NEUTRAL, -_MANY, _MANY, "Latency, mean, uncorrected"),
    Metric("latency_min_uncorrected", "ms", _NEUTRAL, -_MANY, _MANY, "Latency, least, uncorrected"),
    Metric("latency_max_uncorrected", "ms", _NEUTRAL, -_MANY, _MANY, "Latency, most, uncorrected"),
    Metric("latency_uncertainty", "ms", _NEUTRAL, 0, _MANY, "Latency, uncertainty"),
    Metric("packet_rate", "packets/s", _HIGHER, 0, 1e10, "Packet rate"),
    Metric("transactions", "hits", _NEUTRAL, 0, _MANY, "Transactions"),
    Metric("availability", "%", _HIGHER, 0, 100, "Availability"),
    Metric("elapsed", "s", _NEUTRAL, 0, _DAY_S, "Elapsed"),
    Metric("data_transferred", "MB", _NEUTRAL, 0, _MANY, "Data transferred"),
    Metric("response_time", "s", _LOWER, 0, _DAY_S, "Response time"),
    Metric("transaction_rate", "hits/s", _HIGHER, 0, 1e9, "Transaction rate"),
    Metric("http_throughput", "MB/s", _HIGHER, 0, 1e9, "HTTP throughput"),
    Metric("concurrency", "connections", _NEUTRAL, 0, 1e6, "Concurrency"),
    Metric("successful_transactions", "hits", _NEUTRAL, 0, _MANY, "Successful transactions"),
    Metric("failed_transactions", "hits", _LOWER, 0, _MANY, "Failed transactions"),
    Metric("longest_transaction", "s", _LOWER, 0, _DAY_S, "Longest transaction"),
    Metric("shortest_transaction", "s", _LOWER, 0, _DAY_S, "Shortest transaction"),
    # Of single requests; latencies are of those that succeeded.
    Metric("requests", "requests", _NEUTRAL, 0, _MANY, "Requests"),
    Metric("failed_requests", "requests", _LOWER, 0, _MANY, "Failed requests"),
    Metric("request_errors", "%", _LOWER, 0, 100, "Errors"),
    Metric("request_rate", "requests/s", _HIGHER, 0, 1e9, "Rate"),
    Metric("request_rate_asked", "requests/s", _NEUTRAL, 0, 1e9, "Rate asked for"),
    Metric("request_latency_avg", "ms", _LOWER, 0, _DAY_S * 1000, "Request latency, mean"),
    Metric("request_latency_min", "ms", _LOWER, 0, _DAY_S * 1000, "Request latency, least"),
    Metric("request_latency_max", "ms", _LOWER, 0, _DAY_S * 1000, "Request latency, most"),
    Metric("request_latency_p50", "ms", _LOWER, 0, _DAY_S * 1000, "Latency p50"),
    Metric("request_latency_p90", "ms", _LOWER, 0, _DAY_S * 1000, "Latency p90"),
    Metric("request_latency_p99", "ms", _LOWER, 0, _DAY_S * 1000, "Latency p99"),
    Metric("request_latency_p999", "ms", _LOWER, 0, _DAY_S * 1000, "Latency p99.9"),
    Metric("response_size", "bytes", _NEUTRAL, 0, _MANY, "Response size"),
    # Of a pair beside its counterpart on the host network; noise can make it negative.
    Metric("overlay_cost", "%", _LOWER, -1e6, 100, "Overlay cost"),
    # What came back over the same connections at the same time.
    Metric("transferred_reverse", "KBytes", _NEUTRAL, 0, _MANY, "Transferred, way back"),
    Metric("throughput_reverse", "KBytes/s", _HIGHER, 0, 10 * _TERABIT_KBYTES, "Throughput, way back"),
    # Of requests over a TCP connection, each answered before the next is made.
    Metric("round_trips", "trips", _NEUTRAL, 0, _MANY, "Round trips"),
    Metric("round_trip_avg", "ms", _LOWER, 0, _DAY_S * 1000, "Round trip, mean"),
    Metric("round_trip_min", "ms", _LOWER, 0, _DAY_S * 1000, "Round trip, least"),
    Metric("round_trip_max", "ms", _LOWER, 0, _DAY_S * 1000, "Round trip, most"),
    Metric("round_trip_stdev", "ms", _LOWER, 0, _DAY_S * 1000, "Round trip, deviation"),
    # The connections as the sender's kernel sees them.
    Metric("tcp_retransmits", "segments", _LOWER, 0, _MANY, "Segments sent again"),
    Metric("tcp_rtt_avg", "ms", _LOWER, 0, _DAY_S * 1000, "TCP round trip, mean"),
    Metric("tcp_rtt_min", "ms", _LOWER, 0, _DAY_S * 1000, "TCP round trip, least"),
    Metric("tcp_rtt_max", "ms", _LOWER, 0, _DAY_S * 1000, "TCP round trip, most"),
    Metric("congestion_window", "KBytes", _NEUTRAL, 0, _MANY, "Congestion window, mean"),
    # Of a prober, and of the change that it saw the effect of.
    Metric("probe_attempts", "attempts", _NEUTRAL, 0, _MANY, "Attempts"),
    Metric("effect_after", "ms", _LOWER, -_DAY_S * 1000, _DAY_S * 1000, "Effect after"),
    Metric("effect_uncertainty", "ms", _LOWER, 0, _DAY_S * 1000, "Effect, uncertainty"),
    Metric("probe_leaks", "attempts", _LOWER, 0, _MANY, "Leaks"),
    Metric("probe_flaps", "attempts", _LOWER, 0, _MANY, "Flaps"),
    Metric("assigned_after", "ms", _LOWER, 0, _DAY_S * 1000, "Address after"),
    # Of the time in which all pairs of a round were sending.
    Metric("common_window", "s", _NEUTRAL, 0, _DAY_S, "Time in which all pairs sent"),
    Metric("throughput_common", "KBytes/s", _HIGHER, 0, 10 * _TERABIT_KBYTES, "Throughput while all sent"),
    *_BESIDE,
)

METRICS: Final[dict[str, Metric]] = {metric.name: metric for metric in _CATALOGUE}

#: What fortio yields, over HTTP and over gRPC. It fills no position: siege's figures mean something else.
OF_REQUESTS: Final = (
    "requests",
    "failed_requests",
    "request_errors",
    "request_rate",
    "request_latency_avg",
    "request_latency_min",
    "request_latency_max",
    "request_latency_p50",
    "request_latency_p90",
    "request_latency_p99",
    "request_latency_p999",
)
#: Percentiles of latency by metric; the merged one over all pairs comes from their histograms.
PERCENT_OF: Final[dict[str, float]] = {
    "request_latency_p50": 50,
    "request_latency_p90": 90,
    "request_latency_p99": 99,
    "request_latency_p999": 99.9,
}

#: What `status.metrics` holds at which index, as upstream's worker defines it.
POSITIONS: Final[dict[str, tuple[str, ...]]] = {
    "TCP": ("transferred", "throughput"),
    "UDP": (
        "transferred",
        "throughput",
        "jitter",
        "lost_packets",
        "total_packets",
        "packet_loss",
        "latency_avg",
        "latency_min",
        "latency_max",
        "latency_stdev",
        "packet_rate",
    ),
    "HTTP": (
        "transactions",
        "availability",
        "elapsed",
        "data_transferred",
        "response_time",
        "transaction_rate",
        "http_throughput",
        "concurrency",
        "successful_transactions",
        "failed_transactions",
        "longest_transaction",
    ),
}

#: What a prober's request yields, whatever its protocol; all but the attempts once its change is known.
PROBED: Final = ("probe_attempts", "effect_after", "effect_uncertainty", "probe_leaks", "probe_flaps")
