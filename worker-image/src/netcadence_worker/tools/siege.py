"""siege: HTTP/1.1 to the worker's own server; the client's side reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcadence_worker.contract import SiegeOptions, Tool
from netcadence_worker.http_server import HTTP_PATH
from netcadence_worker.launch import Standstill
from netcadence_worker.parsing import siege
from netcadence_worker.parsing.siege import read_siege
from netcadence_worker.path_check import Knock
from netcadence_worker.tools.driver import ClientProcess

if TYPE_CHECKING:
    from netcadence_worker.contract import RequestSpec
    from netcadence_worker.destination import Destination
    from netcadence_worker.parsing import Measurement, ToolOutput

#: Settings that siege has no option for. Without a file of its own it writes one, and prints that it did.
_CONFIGURATION: Final = """\
# text on stderr: JSON leaves out that a run was aborted
json_output = false
verbose = false
quiet = false
color = off
logging = false
# one address is asked for, not what a page refers to
parser = false
cache = false
protocol = HTTP/1.1
# each transaction opens its connection, so that connecting is part of the response time
connection = close
limit = 255
failures = 1024
"""

#: Siege 4.0's users wait at least this long unless told not to wait at all.
_LEAST_DELAY_S: Final = 0.001


class Siege:
    """Drives siege, from 3.1.4 to 4.1.7.

    Siege 3 and 4.0 end at a whole second of theirs, so that `-t3S` runs for 2 to 3 s. One second more is
    asked for, and at least the duration is measured.
    """

    tool: Final = Tool.SIEGE
    version_argument: Final = "-V"

    def version(self, text: str) -> str:
        return siege.version(text)

    def knocks(self, spec: RequestSpec) -> tuple[Knock, ...]:  # noqa: ARG002 - the interface's
        return (Knock.HTTP,)

    def client(self, spec: RequestSpec, destination: Destination) -> ClientProcess:
        delay_s = (spec.options.siege or SiegeOptions()).delay
        pace = f"-d{delay_s:.3f}" if delay_s >= _LEAST_DELAY_S else "-b"
        url = f"http://{destination.authority}{HTTP_PATH}"
        argv = ("siege", url, pace, f"-t{_asked_s(spec)}S", f"-c{spec.number_of_clients}")
        return ClientProcess(
            argv, standstill=Standstill.FIRST_THREAD, files={".siege/siege.conf": _CONFIGURATION}
        )

    def server(self, spec: RequestSpec) -> None:  # noqa: ARG002 - the interface's
        return None

    def read_client(self, output: ToolOutput, spec: RequestSpec) -> Measurement:
        return read_siege(output, duration_s=_asked_s(spec))

    def read_server(self, output: ToolOutput, spec: RequestSpec) -> None:
        """There is no process."""


def _asked_s(spec: RequestSpec) -> int:
    return spec.duration + 1
