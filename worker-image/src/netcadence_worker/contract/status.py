"""What the two workers of a pair report."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from netcadence_worker.contract.names import Mark, Phase, Reason, Role, Tool
from netcadence_worker.contract.values import Figure, Instant, PodIP, PodName, PodUID, Seconds, Strict
from netcadence_worker.histogram import Bucket, Histogram
from netcadence_worker.metrics import METRICS

_LONGEST_MESSAGE: Final = 4_096
_COLOUR_OR_CONTROL: Final = re.compile(r"\x1b\[[0-?]{0,16}[ -/]{0,4}[@-~]|[\x00-\x08\x0b-\x1f\x7f]")


class ReportedError(Strict):
    """Why a side has no result."""

    reason: Reason
    #: What happened, to what, with the tool's last lines: ASCII, for it may hold what anybody has sent.
    message: Annotated[str, Field(max_length=_LONGEST_MESSAGE, pattern=r"^[\t\n -~]*$")]

    @classmethod
    def of(cls, reason: Reason, text: str) -> Self:
        """Make one of any text: its head says what happened, its tail holds the tool's last lines.

        Colours and control characters are left out, what is not ASCII is escaped, and of what is too long the
        middle is left out.
        """
        plain = _COLOUR_OR_CONTROL.sub("", _without_middle(text, 2 * _LONGEST_MESSAGE))
        escaped = plain.encode("ascii", "backslashreplace").decode("ascii")
        return cls(reason=reason, message=_without_middle(escaped, _LONGEST_MESSAGE))


def _without_middle(text: str, longest: int) -> str:
    half = longest // 2 - 3
    return text if len(text) <= longest else f"{text[:half]} ... {text[-half:]}"


class ToolVersion(Strict):
    """Which program ran."""

    name: Tool
    #: As the program calls itself, such as 2.1.8.
    version: Annotated[str, Field(max_length=64, pattern=r"^[ -~]*$")]


class ClockReading(Strict):
    """A worker's clock beside the run's reference worker, by four timestamps (best of several exchanges)."""

    #: Pod whose clock is the reference.
    reference: PodName
    #: Seconds to add to this worker's clock to get the reference's.
    offset: Seconds
    #: Half the best exchange's round trip in seconds: the offset is within this of the truth.
    uncertainty: Annotated[Seconds, Field(ge=0)]
    #: When it was read, by this worker's own clock.
    at: Instant | None = None


_Count = Annotated[int, Field(ge=0, le=1_000_000_000_000_000)]
_Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]


class ResourceUsage(Strict):
    """What a side's machine did while the traffic flowed; what could not be seen is left out."""

    #: Seconds that were looked at: from shortly after the start to the tool's end.
    seconds: Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
    #: Of the node.
    processors: Annotated[int, Field(ge=1, le=65_536)]
    #: Processors that the tool kept busy on average; of an HTTP server, the worker.
    tool_cpu: Annotated[float, Field(ge=0, le=65_536, allow_inf_nan=False)]
    #: Percent of the time of all the node's processors; what gives way to others (nice) does not count.
    node_busy: _Percent
    node_softirq: _Percent
    #: Seconds for which the pod's CPU limit kept its processes from running, and in how many periods.
    throttled: Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)] | None = None
    throttled_periods: _Count | None = None
    #: TCP segments that the pod sent, and sent again.
    segments_sent: _Count | None = None
    retransmits: _Count | None = None
    #: Packets that the pod's interfaces dropped.
    drops: _Count | None = None


class RawOutput(Strict):
    """What the tool printed, kept so that a parser can be corrected years later."""

    encoding: Literal["gzip+base64"] = "gzip+base64"
    #: gzip of a JSON object with `argv`, `stdout`, `stderr` and `exit_code`.
    data: Annotated[str, Field(max_length=262_144, pattern=r"^[A-Za-z0-9+/=]*$")]
    #: Whether output was cut to fit.
    truncated: bool = False


def _known_metric(name: str) -> str:
    if name not in METRICS:
        raise ValueError(f"unknown metric {name!r}; known: {', '.join(METRICS)}")
    return name


MetricName = Annotated[str, Field(max_length=63, pattern=r"^[a-z][a-z0-9_]*$"), AfterValidator(_known_metric)]


class Result(Strict):
    """One figure in the catalogue's unit."""

    metric: MetricName
    value: Figure
    unit: Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[A-Za-z0-9%/]+$")]

    @classmethod
    def of(cls, metric: str, value: float) -> Self:
        return cls(metric=metric, value=value, unit=METRICS[metric].unit)


class Stall(Strict):
    """A time in which a side's worker did not run, so that it could answer nobody; by its own clock."""

    from_at: Instant
    until_at: Instant


class SideStatus(Strict):
    """One worker's own part of the status."""

    phase: Phase = Phase.PENDING
    #: The pod that speaks: a restarted pod is another worker.
    pod_uid: PodUID | None = Field(default=None, alias="podUID")
    tool: ToolVersion | None = None
    #: Bytes; of the interface that has the pod's address.
    mtu: Annotated[int, Field(ge=68, le=2_147_483_647)] | None = None
    armed_at: Instant | None = None
    #: Of a client: how long before its start it saw that start published; negative if that was too late.
    start_notice: Seconds | None = None
    #: When the tool really started, by this worker's own clock, taken just before it replaced its launcher.
    started_at: Instant | None = None
    ended_at: Instant | None = None
    #: Of a client: the address that it connects to, its target's name resolved.
    target: PodIP | None = None
    clock: ClockReading | None = None
    #: The same once the traffic is over, so that drift between the two can be corrected.
    clock_after: ClockReading | None = None
    usage: ResourceUsage | None = None
    error: ReportedError | None = None
    output: RawOutput | None = None
    #: What this side alone can know, where the other one reports: the reporting side adds it to its own.
    results: Annotated[tuple[Result, ...], Field(max_length=16)] = ()
    #: Of a server that answers a prober.
    stalls: Annotated[tuple[Stall, ...], Field(max_length=64)] = ()


_OfTest = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class Interval(Strict):
    """Figures of a part of the test; times in seconds since the tool began to count."""

    start: _OfTest
    end: _OfTest
    values: Annotated[dict[MetricName, Figure], Field(max_length=64)]


_Ns = Annotated[int, Field(ge=0, le=1_000_000_000_000_000_000)]


class LatencyBucket(Strict):
    """How many requests took longer than `over_ns`, and at most `up_to_ns` nanoseconds."""

    over_ns: _Ns
    up_to_ns: _Ns
    count: Annotated[int, Field(ge=1, le=1_000_000_000_000)]


class Latencies(Strict):
    """How long the requests took that succeeded, in nanoseconds, so that pairs can be merged."""

    least_ns: _Ns
    most_ns: _Ns
    sum_ns: _Ns
    buckets: Annotated[tuple[LatencyBucket, ...], Field(min_length=1, max_length=128)]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        _ = self.histogram
        return self

    @property
    def histogram(self) -> Histogram:
        buckets = tuple(Bucket(each.over_ns, each.up_to_ns, each.count) for each in self.buckets)
        return Histogram(buckets, self.least_ns, self.most_ns, self.sum_ns)

    @classmethod
    def of(cls, histogram: Histogram) -> Self:
        return cls(
            least_ns=histogram.least_ns,
            most_ns=histogram.most_ns,
            sum_ns=histogram.sum_ns,
            buckets=tuple(
                LatencyBucket(over_ns=each.over_ns, up_to_ns=each.up_to_ns, count=each.count)
                for each in histogram.buckets
            ),
        )


#: Times that what a prober sees may change; one that sees more gives up.
MOST_SPANS: Final = 512


class ProbeSpan(Strict):
    """Attempts one after another that all got through, or of which none did."""

    reachable: bool
    #: Of the first and the last attempt: when it was answered, or when it was sent if it was not. By the
    #: client's own clock.
    first_at: Instant
    last_at: Instant
    attempts: Annotated[int, Field(ge=1, le=1_000_000_000)]


class RequestStatus(Strict):
    """What the workers report."""

    phase: Phase = Phase.PENDING
    client: SideStatus | None = None
    server: SideStatus | None = None
    results: Annotated[tuple[Result, ...], Field(max_length=64)] = ()
    #: The same figures by upstream's positions (`metrics.POSITIONS`).
    metrics: Annotated[tuple[Figure, ...], Field(max_length=16)] = ()
    intervals: Annotated[tuple[Interval, ...], Field(max_length=3_700)] = ()
    marks: Annotated[tuple[Mark, ...], Field(max_length=16)] = ()
    latencies: Latencies | None = None
    #: What a prober saw, from the first attempt to the last.
    spans: Annotated[tuple[ProbeSpan, ...], Field(max_length=MOST_SPANS)] = ()
    #: Seconds from the published start to the start of the client's tool, as the reporting worker knows it.
    worker_delay: Seconds | None = None
    error: ReportedError | None = None

    def side(self, role: Role) -> SideStatus:
        return (self.client if role is Role.CLIENT else self.server) or SideStatus()
