"""The tools that this worker drives, one module each, behind one interface (`Driver`).

Here belongs what differs from tool to tool: command lines out of typed options, how a server shows that it is
there, what the way is checked with, which parser reads which side. When things happen does not: that is
`client`, `server` and `job`. How a tool words its output is known to `parsing` alone.

Most workers drive one tool in their life, so that each driver is loaded when it is asked for.

To add a tool: name it in the contract (`Tool`, `TOOLS_OF`, `ToolOptions`, `reporting_role`), write its parser
in `parsing`, its driver in a module here, and add that to what is driven.
CONTRIBUTING.md says where else it has to be told.
"""

# ruff: noqa: PLC0415 - see above

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from netcadence_worker.contract import Tool
from netcadence_worker.tools.driver import ClientProcess, Driver, ServerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["DRIVEN", "ClientProcess", "Driver", "ServerProcess", "driver_of"]


def _iperf() -> Driver:
    from netcadence_worker.tools.iperf2 import Iperf2

    return Iperf2()


def _iperf3() -> Driver:
    from netcadence_worker.tools.iperf3 import Iperf3

    return Iperf3()


def _siege() -> Driver:
    from netcadence_worker.tools.siege import Siege

    return Siege()


def _fortio() -> Driver:
    from netcadence_worker.tools.fortio import Fortio

    return Fortio()


_LOAD: Final[Mapping[Tool, Callable[[], Driver]]] = {
    Tool.IPERF: _iperf,
    Tool.IPERF3: _iperf3,
    Tool.SIEGE: _siege,
    Tool.FORTIO: _fortio,
}
#: What is not here, a worker refuses.
DRIVEN: Final = tuple(_LOAD)


@cache
def driver_of(tool: Tool) -> Driver:
    """Return the driver of a tool.

    Raises:
        KeyError: It is none of those that are driven.
    """
    return _LOAD[tool]()
