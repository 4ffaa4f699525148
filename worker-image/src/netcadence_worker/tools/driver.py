"""What the two sides of a request have to know about its tool."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from netcadence_worker.capture import KEPT_BYTES
from netcadence_worker.launch import Standstill

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netcadence_worker.contract import RequestSpec, Tool
    from netcadence_worker.destination import Destination
    from netcadence_worker.parsing import Measurement, ToolOutput
    from netcadence_worker.path_check import Knock
    from netcadence_worker.tool import Gate


@dataclass(frozen=True, slots=True)
class ClientProcess:
    """The sending tool as a process; it is made while arming, and let go at the start.

    Attributes:
        argv: Always an argument list, never a shell.
        standstill: How far it comes to life while arming: as far as it can get before it touches the network
            and looks at a clock.
        gate: Where it runs and waits for its input to end instead, if it does so.
        files: What its home has to hold, by path within it.
        kept_bytes: Of each of its streams, from the beginning, and as many from the end.
    """

    argv: tuple[str, ...]
    standstill: Standstill = Standstill.FIRST_INSTRUCTION
    gate: Gate | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    kept_bytes: int = KEPT_BYTES


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """The receiving tool as a process of its own, made for one request.

    Attributes:
        argv: Always an argument list, never a shell.
        listening: What it prints once it listens. None if it says nothing: then the kernel is asked
            whether a TCP socket listens at the server's address and port.
        grace_s: Seconds that it may go on after its client has ended; then it is ended by us.
        kept_bytes: Of each of its streams, from the beginning, and as many from the end.
    """

    argv: tuple[str, ...]
    listening: bytes | None
    grace_s: float
    kept_bytes: int = KEPT_BYTES


class Driver(Protocol):
    """How one tool is driven. It has no state: one object serves all requests."""

    @property
    def tool(self) -> Tool:
        """The tool; its value is the program's name on the PATH."""

    @property
    def version_argument(self) -> str:
        """What makes the program tell its version and end."""

    def version(self, text: str) -> str:
        """Return the version out of what the program then prints, on either stream.

        Raises:
            ValueError: The text is not this tool's.
        """

    def knocks(self, spec: RequestSpec) -> tuple[Knock, ...]:
        """Return what the way to the server is checked with, in this order, before any tool is there.

        Each kind of traffic that the tool will send, a control connection included: what a firewall swallows
        is found while arming then, and has the reason of a way and not of a tool.
        """

    def client(self, spec: RequestSpec, destination: Destination) -> ClientProcess:
        """Build the sending tool. It connects to `destination`, not to where the server says it listens."""

    def server(self, spec: RequestSpec) -> ServerProcess | None:
        """Build the receiving tool; None where the worker's own HTTP server is asked.

        It listens at `spec.server_pod_ip` and `spec.port`, wherever the client connects.
        """

    def read_client(self, output: ToolOutput, spec: RequestSpec) -> Measurement | None:
        """Make sure that the client did its work; return what it measured if the client's side reports.

        Raises:
            UnusableOutput: It did not, or its output cannot be read.
        """

    def read_server(self, output: ToolOutput, spec: RequestSpec) -> Measurement | None:
        """Make sure that the server did its work; return what it measured if the server's side reports.

        It is called only where there is a process, once the client's side has ended without a failure.

        Raises:
            UnusableOutput: It did not, or its output cannot be read.
        """
