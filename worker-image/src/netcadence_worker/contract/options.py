"""Typed options of the tools: never free-form arguments."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, WithJsonSchema

from netcadence_worker.contract.names import LARGEST_DATAGRAM, MOST_PAYLOAD, Protocol, Tool
from netcadence_worker.contract.values import Strict


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
