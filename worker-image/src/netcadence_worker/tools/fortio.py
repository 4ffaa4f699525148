"""fortio: HTTP and gRPC at a fixed rate, to a server of fortio's own; the client's side reports."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Final

from netcadence_worker.contract import FortioOptions, Protocol, Reason, Tool
from netcadence_worker.parsing import UnusableOutput, fortio
from netcadence_worker.parsing.fortio import read_fortio
from netcadence_worker.path_check import Knock
from netcadence_worker.tool import Gate
from netcadence_worker.tools.driver import ClientProcess, ServerProcess

if TYPE_CHECKING:
    from netcadence_worker.contract import RequestSpec
    from netcadence_worker.destination import Destination
    from netcadence_worker.parsing import Measurement, ToolOutput

#: A server has nothing to say once its client has ended; it never ends by itself.
_GRACE_S: Final = 0.0
#: How a server ends that we have told to.
_OUR_ENDINGS: Final = (-signal.SIGINT, -signal.SIGTERM)
_MICROSECONDS: Final = 1_000_000


class Fortio:
    """Drives fortio 1.66.

    A client reads what it is to send from its input, and opens no connection before that has ended. So it
    comes to life while arming, and the end of its input is its start. Each connection then has one request
    that is not counted, so that opening it is no latency. What fails is counted, and ends nothing.

    A server listens at the request's port and at no other: neither pages nor settings are served.
    """

    tool: Final = Tool.FORTIO
    version_argument: Final = "version"

    def version(self, text: str) -> str:
        return fortio.version(text)

    def knocks(self, spec: RequestSpec) -> tuple[Knock, ...]:  # noqa: ARG002 - the interface's
        return (Knock.STREAM,)

    def client(self, spec: RequestSpec, destination: Destination) -> ClientProcess:
        options = _options(spec)
        rate = ("-qps", str(options.qps or 0), "-c", str(spec.number_of_clients), "-t", f"{spec.duration}s")
        pace = (
            *(("-uniform",) if options.uniform else ()),
            *(("-nocatchup",) if options.no_catch_up else ()),
        )
        argv = (
            *("fortio", "load", "-json", "-", "-payload-file", "-"),
            *("-log-errors=false", "-allow-initial-errors", "-timeout", "3s"),
            *(*rate, *pace, "-r", f"{_resolution_s(options):g}", *_protocol(spec, options, destination)),
        )
        return ClientProcess(argv, gate=Gate(b"x" * options.payload, waiting=b"Reading payload from stdin"))

    def server(self, spec: RequestSpec) -> ServerProcess:
        host = f"[{spec.server_pod_ip}]" if ":" in spec.server_pod_ip else spec.server_pod_ip
        listener = f"{host}:{spec.port}"
        is_grpc = spec.protocol is Protocol.GRPC
        ports = {
            "http": "disabled" if is_grpc else listener,
            "grpc": listener if is_grpc else "disabled",
            "tcp": "disabled",
            "udp": "disabled",
            "redirect": "disabled",
        }
        closed = ("-ui-path", "", "-echo-debug-path", "", "-config-dir", "", "-quiet")
        words = (word for name, place in ports.items() for word in (f"-{name}-port", place))
        argv = ("fortio", "server", *words, *closed)
        return ServerProcess(argv, listening=b"server listening on", grace_s=_GRACE_S)

    def read_client(self, output: ToolOutput, spec: RequestSpec) -> Measurement:
        options = _options(spec)
        return read_fortio(
            output,
            duration_s=spec.duration,
            qps=options.qps,
            connections=spec.number_of_clients,
            resolution_s=_resolution_s(options),
        )

    def read_server(self, output: ToolOutput, spec: RequestSpec) -> None:  # noqa: ARG002 - the interface's
        if output.exit_code not in _OUR_ENDINGS:
            summary = f"fortio's server ended by itself, with exit code {output.exit_code}"
            raise UnusableOutput(Reason.TOOL_FAILED, summary, output)


def _options(spec: RequestSpec) -> FortioOptions:
    return spec.options.fortio or FortioOptions()


def _resolution_s(options: FortioOptions) -> float:
    return options.resolution_us / _MICROSECONDS


def _protocol(spec: RequestSpec, options: FortioOptions, destination: Destination) -> tuple[str, ...]:
    if spec.protocol is Protocol.GRPC:
        return ("-grpc", "-ping", destination.authority)
    return (*(("-h2",) if options.http_version == 2 else ()), f"http://{destination.authority}/")  # noqa: PLR2004 - the protocol's name
