"""The contract between orchestrator and worker, as frozen models of the two custom resources.

The schemas in `deployments/kubernetes/crd/` say the same to the API server; a property test holds the two
together. The orchestrator writes `spec`. Of the status, the client's worker writes `client`, the server's
worker writes `server`, and whichever of them reports (see `reporting_role`) writes the rest.
"""

from __future__ import annotations

import enum
import ipaddress
import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

from netcadence_worker.histogram import Bucket, Histogram
from netcadence_worker.metrics import METRICS

GROUP: Final = "netcadence.io"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
REQUESTS: Final = "networktestrequests"
RUNS: Final = "networktestruns"

#: Every object of a run carries its id under this label.
RUN_LABEL: Final = "netcadence.io/run"
#: A request carries one label per pod that serves it: this prefix and the pod's name; the value is the role.
#: One watch with the bare key as selector then shows a worker exactly its own requests, in either role.
POD_LABEL_PREFIX: Final = "pod.netcadence.io/"

IPERF_PORT: Final = 5001
HTTP_PORT: Final = 5301
#: Readiness and liveness of a worker.
HEALTH_PORT: Final = 5300
#: Where a worker answers clock questions (UDP).
CLOCK_PORT: Final = 5302

#: The ports that a worker itself listens on, by what a request would have to ask for to meet them.
OWN_PORTS: Final = {"UDP": CLOCK_PORT, "TCP": HEALTH_PORT, "HTTP": HEALTH_PORT, "GRPC": HEALTH_PORT}
#: Bytes of a request's body at most: a pipe holds as much.
MOST_PAYLOAD: Final = 65_536
#: Bytes that a UDP datagram carries at most.
LARGEST_DATAGRAM: Final = 65_507
#: Requests that a worker serves at the same time.
MOST_REQUESTS: Final = 128
#: Pairs that a run numbers, and rounds whose starts it holds.
MOST_PAIRS: Final = 1_000_000
MOST_ROUNDS: Final = 10_000

_MICROSECONDS = "%Y-%m-%dT%H:%M:%S.%fZ"
_INSTANT = re.compile(r"[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}Z")


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return value.astimezone(UTC)


def _text_or_datetime(value: object) -> object:
    if isinstance(value, datetime) or (isinstance(value, str) and _INSTANT.fullmatch(value)):
        return value
    raise ValueError("an instant is RFC 3339 text with microseconds, such as 2026-01-31T12:00:00.000001Z")


#: An instant in UTC, always six fractional digits on the wire, as Kubernetes' MicroTime.
Instant = Annotated[
    datetime,
    BeforeValidator(_text_or_datetime),
    AfterValidator(_aware),
    PlainSerializer(lambda value: value.strftime(_MICROSECONDS), return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "maxLength": 27, "pattern": f"^{_INSTANT.pattern}$"}),
]


class Strict(BaseModel):
    """Base of every model at an edge: frozen, camelCase on the wire, nothing unknown accepted."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Protocol(enum.StrEnum):
    """What travels between the two pods."""

    TCP = "TCP"
    UDP = "UDP"
    HTTP = "HTTP"
    GRPC = "GRPC"


class Tool(enum.StrEnum):
    """The program that makes the traffic."""

    IPERF = "iperf"
    IPERF3 = "iperf3"
    SIEGE = "siege"
    FORTIO = "fortio"
    #: The worker's own: it tries again and again whether its server answers, and tells when that changed.
    PROBE = "probe"


def own_ports(protocol: Protocol, tool: Tool) -> tuple[int, ...]:
    """Return the ports that a request cannot have, for a worker itself listens there."""
    needed = [protocol]
    if protocol is Protocol.UDP and tool is Tool.IPERF3:  # its control connection
        needed.append(Protocol.TCP)
    return tuple(OWN_PORTS[each] for each in needed)


class Role(enum.StrEnum):
    """A worker's side of a pair."""

    CLIENT = "client"
    SERVER = "server"

    @property
    def other(self) -> Role:
        return Role.SERVER if self is Role.CLIENT else Role.CLIENT


class Phase(enum.StrEnum):
    """How far a side, or a whole request, has come."""

    PENDING = "Pending"
    ARMED = "Armed"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"

    @property
    def is_final(self) -> bool:
        return self in (Phase.SUCCEEDED, Phase.FAILED)


class Reason(enum.StrEnum):
    """Why there is no result. A closed list, so that years of errors can be counted."""

    CONNECTION_REFUSED = "ConnectionRefused"
    CONNECT_TIMEOUT = "ConnectTimeout"
    TOOL_TIMEOUT = "ToolTimeout"
    TOOL_FAILED = "ToolFailed"
    PARSE_FAILED = "ParseFailed"
    TOOL_MISSING = "ToolMissing"
    START_MISSED = "StartMissed"
    #: The two sides were not both ready before the arming deadline.
    ARM_TIMEOUT = "ArmTimeout"
    #: The other side failed first; its error is the cause.
    PEER_FAILED = "PeerFailed"
    #: The worker was told to stop (SIGTERM) while the request was open.
    WORKER_STOPPED = "WorkerStopped"
    #: The request asks for something that this worker cannot do or that contradicts itself.
    REQUEST_REJECTED = "RequestRejected"
    #: A worker's pod vanished or restarted while its request was open.
    POD_LOST = "PodLost"
    #: The workers that were ready could not be put into the planned pairs.
    NOT_PAIRED = "NotPaired"
    #: The workers never became ready, so that the pair could not be asked to measure.
    WORKER_NOT_READY = "WorkerNotReady"
    #: The collection deadline passed without a report.
    RESULT_MISSING = "ResultMissing"
    #: The run was stopped by a person or its scheduler.
    INTERRUPTED = "Interrupted"
    #: The cluster does not offer what was to be measured.
    NOT_APPLICABLE = "NotApplicable"
    #: The name of the server's target leads to no address.
    NAME_NOT_RESOLVED = "NameNotResolved"
    #: The way to the server has no address, such as a Service that no load balancer was assigned to.
    ADDRESS_MISSING = "AddressMissing"


class Mark(enum.StrEnum):
    """What a reader has to know about a result that is a number all the same."""

    #: The two clocks were measured to be apart, or show it: a one-way latency is negative, or its parts
    #: contradict each other.
    CLOCKS_DISAGREE = "ClocksDisagree"
    #: Datagrams arrived out of order.
    OUT_OF_ORDER = "OutOfOrder"
    #: The processors may have been the limit, by the tool's own word or by what was counted.
    CPU_BOUND = "CpuBound"
    #: The pod was kept from running by its CPU limit.
    HARNESS_BOUND = "HarnessBound"
    #: Datagrams were larger than the receiver's buffer, so that bytes are undercounted.
    TRUNCATED_READS = "TruncatedReads"
    #: The tool's summary is coarser than the value (siege below 10 ms).
    COARSE_CLOCK = "CoarseClock"
    #: Fewer requests were made than were asked for: the other side was slower than that.
    RATE_MISSED = "RateMissed"
    #: A change's effect was not seen as long as the prober ran: its time is that until then.
    NO_EFFECT = "NoEffect"
    #: The two clocks were apart, and one-way latencies are corrected by how far, as it was measured.
    CLOCKS_CORRECTED = "ClocksCorrected"


def reporting_role(protocol: Protocol, tool: Tool, *, bounces: bool = False) -> Role:
    """Return which side's worker reports the figures: of iperf 2 the receiver, else the one who asks.

    Args:
        bounces: Whether round trips are asked for, which the one who asks measures.
    """
    receives = protocol in (Protocol.TCP, Protocol.UDP) and tool is Tool.IPERF and not bounces
    return Role.SERVER if receives else Role.CLIENT


_POD_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
PodName = Annotated[str, Field(min_length=1, max_length=63, pattern=_POD_NAME)]
RunID = Annotated[str, Field(min_length=1, max_length=53, pattern=_POD_NAME)]
PodUID = Annotated[str, Field(max_length=64, pattern=r"^[-0-9A-Za-z]*$")]
Port = Annotated[int, Field(ge=1024, le=65535)]


def pod_address(value: str) -> str:
    """Return an address that a pod can have as its own.

    Raises:
        ValueError: It is none, or one that no pod has.
    """
    address = ipaddress.ip_address(value)
    if (
        address.is_unspecified
        or address.is_multicast
        or address.is_link_local
        or value == "255.255.255.255"
        or getattr(address, "ipv4_mapped", None) is not None
    ):
        raise ValueError(
            "no pod has an unspecified, broadcast, multicast, link-local or IPv4-mapped address as its own"
        )
    return value


#: An address that a pod can have. Loopback is one on an embedded cluster without network namespaces; a worker
#: that has another address of its own refuses it.
PodIP = Annotated[
    str, Field(min_length=2, max_length=45, pattern=r"^[0-9a-fA-F:.]+$"), AfterValidator(pod_address)
]


#: Labels of letters, digits and hyphens; the last begins with a letter, so that no resolver takes the whole
#: for an address in one of the spellings that only it knows.
_DNS_NAME = r"([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?[.])*[a-z]([-a-z0-9]{0,61}[a-z0-9])?"


def is_name(address: str) -> bool:
    """Tell whether a target's address is a DNS name, and no IP address."""
    return re.fullmatch(_DNS_NAME, address) is not None


def _name_or_pod_address(value: str) -> str:
    return value if is_name(value) else pod_address(value)


#: Where a client may connect: an address as a pod's, or a DNS name.
TargetAddress = Annotated[
    str,
    Field(min_length=1, max_length=253, pattern=rf"^([0-9a-fA-F:.]{{2,45}}|{_DNS_NAME})$"),
    AfterValidator(_name_or_pod_address),
]
#: A figure in whatever unit: far beyond what any metric of the catalogue takes, so that nothing true is lost.
Figure = Annotated[float, Field(ge=-1e18, le=1e18, allow_inf_nan=False)]
#: Seconds between two clocks, either of which may be set to anything between the years 1 and 9999.
Seconds = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]


class IperfOptions(Strict):
    """Typed options of iperf 2."""

    #: Target rate in bits/s for each stream; required in effect for UDP, paces TCP.
    bandwidth: Annotated[int, Field(ge=1_000, le=1_000_000_000_000)] | None = None
    #: Bytes of one read or write; for UDP the datagram's payload.
    length: Annotated[int, Field(ge=64, le=1_048_576)] | None = None
    #: Socket buffer in bytes.
    window: Annotated[int, Field(ge=1_024, le=1_073_741_824)] | None = None
    #: Most bytes of a TCP segment.
    mss: Annotated[int, Field(ge=88, le=9_216)] | None = None
    #: TCP both ways at the same time, over the same connections.
    full_duplex: bool = False
    #: Instead of as much as goes: so many requests a second, each of `length` bytes and answered before the
    #: next is made, by which the time of a TCP round trip is measured.
    bounceback: Annotated[int, Field(ge=1, le=10_000)] | None = None

    def obstacle(self, protocol: Protocol) -> tuple[str, str] | None:
        """Return the name of the option that does not fit, and why; None where all do."""
        given = {"mss": self.mss, "full_duplex": self.full_duplex, "bounceback": self.bounceback}
        if protocol is Protocol.UDP:
            return next(((name, "is for TCP; allowed for UDP: none") for name in given if given[name]), None)
        if self.bounceback and (self.full_duplex or self.bandwidth):
            return "bounceback", "is a test of its own; allowed beside it: length, window, mss"
        return None


class Iperf3Options(Strict):
    """Typed options of iperf3."""

    #: Target rate in bits/s for each stream; required in effect for UDP, paces TCP.
    bandwidth: Annotated[int, Field(ge=1_000, le=1_000_000_000_000)] | None = None
    #: Bytes of one read or write; for UDP the datagram's payload.
    length: Annotated[int, Field(ge=64, le=1_048_576)] | None = None
    #: Socket buffer in bytes; where the system does not grant it, there is no result.
    window: Annotated[int, Field(ge=1_024, le=536_870_912)] | None = None
    #: Most bytes of a TCP segment.
    mss: Annotated[int, Field(ge=88, le=9_216)] | None = None

    def obstacle(self, protocol: Protocol) -> tuple[str, str] | None:
        """Return the name of the option that does not fit, and why; None where all do."""
        if protocol is Protocol.UDP:
            if self.mss is not None:
                return "mss", "is for TCP; allowed for UDP: none"
            if self.length is not None and self.length > LARGEST_DATAGRAM:
                return "length", f"is more than a datagram holds; allowed for UDP: up to {LARGEST_DATAGRAM}"
        return None


class SiegeOptions(Strict):
    """Typed options of siege."""

    #: Each simulated user waits a random time up to this many seconds between requests; 0 means no wait.
    delay: Annotated[float, Field(ge=0, le=60, allow_inf_nan=False)] = 1.0


class FortioOptions(Strict):
    """Typed options of fortio."""

    #: 1 is HTTP/1.1, 2 is HTTP/2 without encryption; by default 1. gRPC has its own.
    http_version: Annotated[Literal[1, 2], WithJsonSchema({"type": "integer", "enum": [1, 2]})] | None = None
    #: Requests per second of the pair, all its connections together; as many as go if it is not given.
    qps: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    #: Bytes of each request's body, which the server sends back. Of none HTTP makes a GET, else a POST.
    payload: Annotated[int, Field(ge=0, le=MOST_PAYLOAD)] = 0
    #: Connections take turns evenly, instead of sending all at once.
    uniform: bool = False
    #: A request that is late is left out, instead of being made up for.
    no_catch_up: bool = False
    #: Microseconds: width of the histogram's narrowest buckets. Up to 12 of these latencies are told apart by
    #: it, up to 1,000 by a tenth to a quarter, beyond that by a factor of two or less.
    resolution_us: Annotated[int, Field(ge=1, le=10_000)] = 100

    def obstacle(self, protocol: Protocol, *, duration_s: int, connections: int) -> tuple[str, str] | None:
        """Return the name of the option that does not fit, and why; None where all do."""
        if protocol is Protocol.GRPC and self.http_version is not None:
            return "http_version", "is for HTTP; allowed for GRPC: none"
        least = -(-2 * connections // duration_s)
        if self.qps is not None and self.qps < least:
            return "qps", f"leaves a connection less than 2 requests; allowed: {least} or more"
        return None


class ProbeOptions(Strict):
    """Typed options of the worker's own prober."""

    #: Milliseconds between two attempts.
    interval_ms: Annotated[int, Field(ge=1, le=1_000)] = 5
    #: Milliseconds after which an attempt that was not answered has failed; sooner where 128 are open.
    timeout_ms: Annotated[int, Field(ge=5, le=10_000)] = 1_000
    #: Seconds for which the change's effect is watched before the end.
    hold: Annotated[int, Field(ge=1, le=60)] = 2
    #: Whether attempts are to get through once the change has its effect, or none is to; by default they are.
    reachable: bool | None = None
    #: Whether it is the other way round before, so that the pair is armed only then; by default it is.
    from_opposite: bool | None = None
    #: Whether the client is a new pod, which tries what it was told to from its first moment on.
    newborn: bool | None = None

    @property
    def ends_reachable(self) -> bool:
        return self.reachable is not False

    @property
    def begins_opposite(self) -> bool:
        return self.from_opposite is not False


class ToolOptions(Strict):
    """Options by tool; only those of the request's own tool may be given."""

    iperf: IperfOptions | None = None
    iperf3: Iperf3Options | None = None
    siege: SiegeOptions | None = None
    fortio: FortioOptions | None = None
    probe: ProbeOptions | None = None

    def obstacle(self, protocol: Protocol, *, duration_s: int, streams: int) -> tuple[str, str] | None:
        """Return the first option that does not fit, such as `iperf3.mss`, and why; None where all do."""
        found = {
            Tool.IPERF: self.iperf and self.iperf.obstacle(protocol),
            Tool.IPERF3: self.iperf3 and self.iperf3.obstacle(protocol),
            Tool.FORTIO: self.fortio
            and self.fortio.obstacle(protocol, duration_s=duration_s, connections=streams),
        }
        return next(((f"{tool}.{each[0]}", each[1]) for tool, each in found.items() if each), None)


#: The tools that can make a protocol's traffic.
TOOLS_OF: Final[dict[Protocol, frozenset[Tool]]] = {
    Protocol.TCP: frozenset({Tool.IPERF, Tool.IPERF3, Tool.PROBE}),
    Protocol.UDP: frozenset({Tool.IPERF, Tool.IPERF3}),
    Protocol.HTTP: frozenset({Tool.SIEGE, Tool.FORTIO, Tool.PROBE}),
    Protocol.GRPC: frozenset({Tool.FORTIO}),
}


class Target(Strict):
    """Where a client connects, if not to its server's own address: a Service's, a node's, a name."""

    address: TargetAddress
    port: Port


class RequestSpec(Strict):
    """What one pair is asked to measure."""

    run_id: RunID = Field(alias="runID")
    pair_index: Annotated[int, Field(ge=0, le=MOST_PAIRS)]
    round: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    client_pod_name: PodName
    server_pod_name: PodName
    #: Where the server listens.
    server_pod_ip: PodIP = Field(alias="serverPodIP")
    port: Port
    #: Where the client connects; by default where the server listens. It has to lead to this server alone,
    #: which the check of the path proves.
    target: Target | None = None
    protocol: Protocol
    tool: Tool
    #: Seconds of traffic.
    duration: Annotated[int, Field(ge=1, le=3_600)]
    #: Microseconds after the round's published start at which this pair's client starts.
    start_delay_us: Annotated[int, Field(ge=0, le=100_000)] = 0
    #: Parallel streams (iperf), simulated users (siege) or connections (fortio).
    number_of_clients: Annotated[int, Field(ge=1, le=128)] = 1
    #: Seconds within which both sides have to be armed, counted from when a worker sees the request.
    arm_timeout: Annotated[int, Field(ge=1, le=600)] = 10
    options: ToolOptions = ToolOptions()

    @model_validator(mode="after")
    def _tool_fits(self) -> Self:
        if self.tool not in TOOLS_OF[self.protocol]:
            allowed = ", ".join(sorted(TOOLS_OF[self.protocol]))
            raise ValueError(f"tool {self.tool} cannot make {self.protocol} traffic; allowed: {allowed}")
        for name in type(self.options).model_fields:
            if name != self.tool and getattr(self.options, name) is not None:
                raise ValueError(f"options.{name} are given, but the tool is {self.tool}")
        obstacle = self.options.obstacle(
            self.protocol, duration_s=self.duration, streams=self.number_of_clients
        )
        if obstacle is not None:
            raise ValueError("options.{} {}".format(*obstacle))
        return self

    @model_validator(mode="after")
    def _two_pods_and_a_free_port(self) -> Self:
        if self.client_pod_name == self.server_pod_name:
            raise ValueError(f"client and server are the same pod, {self.client_pod_name}")
        if self.port in own_ports(self.protocol, self.tool):
            raise ValueError(f"port {self.port} is the worker's own for {self.protocol}")
        return self

    @property
    def destination(self) -> Target:
        """Where the client connects."""
        return self.target or Target(address=self.server_pod_ip, port=self.port)

    def pod_name(self, role: Role) -> str:
        return self.client_pod_name if role is Role.CLIENT else self.server_pod_name

    @property
    def reporter(self) -> Role:
        """The side whose worker reports the figures, and the request's own phase and error."""
        bounces = self.options.iperf is not None and self.options.iperf.bounceback is not None
        return reporting_role(self.protocol, self.tool, bounces=bounces)


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
    #: Percent of the time of all the node's processors.
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


class RoundStart(Strict):
    """The instant at which every client of a round starts, by the reference worker's clock."""

    round: Annotated[int, Field(ge=0, le=1_000_000)]
    at: Instant


class ClockReference(Strict):
    """The worker whose clock the run goes by."""

    pod_name: PodName
    pod_ip: PodIP = Field(alias="podIP")


class RunSpec(Strict):
    """What all workers of a run watch: publishing a round's start here is one write, seen by all."""

    run_id: RunID = Field(alias="runID")
    scenario: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9][a-z0-9.:-]*$")]
    reference: ClockReference | None = None
    starts: Annotated[tuple[RoundStart, ...], Field(max_length=MOST_ROUNDS)] = ()

    def start_of(self, round_: int) -> datetime | None:
        return next((start.at for start in self.starts if start.round == round_), None)
