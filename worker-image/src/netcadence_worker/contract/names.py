"""The names that both sides share: of objects and ports, and the closed lists of what can be said."""

from __future__ import annotations

import enum
from typing import Final

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
    #: The server's worker did not run for a while: what went unanswered says nothing of the network.
    SERVER_STALLED = "ServerStalled"


def reporting_role(protocol: Protocol, tool: Tool, *, bounces: bool = False) -> Role:
    """Return which side's worker reports the figures: of iperf 2 the receiver, else the one who asks.

    Args:
        bounces: Whether round trips are asked for, which the one who asks measures.
    """
    receives = protocol in (Protocol.TCP, Protocol.UDP) and tool is Tool.IPERF and not bounces
    return Role.SERVER if receives else Role.CLIENT
