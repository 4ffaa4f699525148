"""iperf3: TCP and UDP from the client to the server; the client's side reports, for it is told by both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcadence_worker.contract import Iperf3Options, Protocol, Tool
from netcadence_worker.launch import Standstill
from netcadence_worker.parsing import iperf3
from netcadence_worker.parsing.iperf3 import check_iperf3_server, read_iperf3
from netcadence_worker.path_check import Knock
from netcadence_worker.tools.driver import ClientProcess, ServerProcess

if TYPE_CHECKING:
    from netcadence_worker.contract import RequestSpec
    from netcadence_worker.destination import Destination
    from netcadence_worker.parsing import Measurement, ToolOutput

#: A server ends with its client; one whose client is gone without a word may wait for it.
_GRACE_S: Final = 2.0
#: An interval is longer than a second where there would be more reports of single streams than this: they
#: stand in one document, of which nothing may be left out. With the most that a request asks for it is 58 s.
_MOST_REPORTS: Final = 8_000
#: Bytes kept of the document: what so many reports take on both sides, and as much again.
_KEPT_BYTES: Final = 8 * 1024 * 1024


class Iperf3:
    """Drives iperf3, from 3.12 to 3.21."""

    tool: Final = Tool.IPERF3
    version_argument: Final = "--version"

    def version(self, text: str) -> str:
        return iperf3.version(text)

    def knocks(self, spec: RequestSpec) -> tuple[Knock, ...]:
        """Its control connection is TCP whatever it sends; datagrams that are swallowed cost it 30 s."""
        return (Knock.STREAM, Knock.DATAGRAM) if spec.protocol is Protocol.UDP else (Knock.STREAM,)

    def client(self, spec: RequestSpec, destination: Destination) -> ClientProcess:
        options = spec.options.iperf3 or Iperf3Options()
        words = [
            "iperf3",
            "-c",
            destination.address,
            "-p",
            str(destination.port),
            "-J",
            "--get-server-output",
        ]
        words += ["-t", str(spec.duration), "-i", str(_interval_s(spec)), "-P", str(spec.number_of_clients)]
        if spec.protocol is Protocol.UDP:
            words += ["-u"]
        for flag, value in (
            ("-b", options.bandwidth),
            ("-l", options.length),
            ("-w", options.window),
            ("-M", options.mss),
            ("-B", destination.source),
        ):
            if value is not None:
                words += [flag, str(value)]
        # It makes threads, if it has any, once it is connected.
        return ClientProcess(tuple(words), standstill=Standstill.FIRST_SOCKET, kept_bytes=_KEPT_BYTES)

    def server(self, spec: RequestSpec) -> ServerProcess:
        """Build the receiving iperf3, which serves one client and then ends; it says nothing before."""
        words = ("iperf3", "-s", "-1", "-J", "-i", str(_interval_s(spec)))
        argv = (*words, "-p", str(spec.port), "-B", spec.server_pod_ip)
        return ServerProcess(argv, listening=None, grace_s=_GRACE_S, kept_bytes=_KEPT_BYTES)

    def read_client(self, output: ToolOutput, spec: RequestSpec) -> Measurement:
        return read_iperf3(
            output, protocol=spec.protocol, duration_s=spec.duration, streams=spec.number_of_clients
        )

    def read_server(self, output: ToolOutput, spec: RequestSpec) -> None:  # noqa: ARG002 - the interface's
        check_iperf3_server(output)


def _interval_s(spec: RequestSpec) -> int:
    return max(1, -(-spec.duration * spec.number_of_clients // _MOST_REPORTS))
