"""iperf 2: TCP and UDP from the client to the server, whose side reports, but for round trips.

Of two-way traffic each side tells what it received; the client's part reaches the server with its status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcadence_worker.contract import IperfOptions, Protocol, Tool
from netcadence_worker.launch import Standstill
from netcadence_worker.parsing import iperf2, joined
from netcadence_worker.parsing.iperf2 import (
    check_client,
    read_round_trips,
    read_tcp_server,
    read_tcp_way_back,
    read_udp_server,
)
from netcadence_worker.path_check import Knock
from netcadence_worker.tools.driver import ClientProcess, ServerProcess

if TYPE_CHECKING:
    from netcadence_worker.contract import RequestSpec
    from netcadence_worker.destination import Destination
    from netcadence_worker.parsing import Measurement, ToolOutput

_LISTENING: Final = b"Server listening"
#: Bytes of a request that is to be answered, if nothing else is asked for.
_BOUNCED_BYTES: Final = 100
#: A server waits for datagrams that are late. One that never heard of the end waits for ever.
_GRACE_S: Final = 2.0


class Iperf2:
    """Drives iperf 2, from 2.0.9 to 2.2.1."""

    tool: Final = Tool.IPERF
    version_argument: Final = "-v"

    def version(self, text: str) -> str:
        return iperf2.version(text)

    def knocks(self, spec: RequestSpec) -> tuple[Knock, ...]:
        return (Knock.DATAGRAM if spec.protocol is Protocol.UDP else Knock.STREAM,)

    def client(self, spec: RequestSpec, destination: Destination) -> ClientProcess:
        options = spec.options.iperf or IperfOptions()
        rate = ("-b", str(options.bandwidth)) if options.bandwidth is not None else ()
        bind = ("-B", destination.source) if destination.source else ()
        ways = [*(("-M", str(options.mss)) if options.mss is not None else ())]
        if options.full_duplex:
            ways += ["--full-duplex"]
        if options.bounceback is not None:
            ways += [f"--bounceback={options.bounceback}"]
        common = _common(spec, destination.port, is_ipv6=destination.is_ipv6)
        argv = ("iperf", "-c", destination.address, "-t", str(spec.duration), *common, *rate, *ways, *bind)
        return ClientProcess(argv, standstill=Standstill.FIRST_THREAD)

    def server(self, spec: RequestSpec) -> ServerProcess:
        """Build the receiving iperf, which serves this request's streams and then ends."""
        common = _common(spec, spec.port, is_ipv6=":" in spec.server_pod_ip)
        argv = ("iperf", "-s", *common, "-B", spec.server_pod_ip)
        return ServerProcess(argv, listening=_LISTENING, grace_s=_GRACE_S)

    def read_client(self, output: ToolOutput, spec: RequestSpec) -> Measurement | None:
        options, streams = spec.options.iperf or IperfOptions(), spec.number_of_clients
        if options.bounceback is not None:
            size = options.length or _BOUNCED_BYTES
            return read_round_trips(output, duration_s=spec.duration, size=size, streams=streams)
        check_client(output, duration_s=spec.duration)
        if options.full_duplex:
            return read_tcp_way_back(output, duration_s=spec.duration, streams=streams)
        return None

    def read_server(self, output: ToolOutput, spec: RequestSpec) -> Measurement | None:
        options = spec.options.iperf or IperfOptions()
        read = read_udp_server if spec.protocol is Protocol.UDP else read_tcp_server
        measured = read(output, duration_s=spec.duration, streams=spec.number_of_clients)
        if options.full_duplex:
            sent = read_tcp_way_back(output, duration_s=spec.duration, streams=spec.number_of_clients)
            return joined(measured, sent.results)
        return None if options.bounceback is not None else measured


def _common(spec: RequestSpec, port: int, *, is_ipv6: bool) -> tuple[str, ...]:
    options = spec.options.iperf or IperfOptions()
    words = ["-e", "-f", "K", "-i", "1", "-p", str(port), "-P", str(spec.number_of_clients)]
    if spec.protocol is Protocol.UDP:
        words += ["-u"]
    if is_ipv6:
        words += ["-V"]
    if options.length is not None:
        words += ["-l", str(options.length)]
    if options.window is not None:
        words += ["-w", str(options.window)]
    return tuple(words)
