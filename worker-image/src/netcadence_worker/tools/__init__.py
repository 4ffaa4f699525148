"""The tools that this worker drives, one module each, behind one interface (`Driver`).

Here belongs what differs from tool to tool: command lines out of typed options, how a server shows that it is
there, what the way is checked with, which parser reads which side. When things happen does not: that is
`client`, `server` and `job`. How a tool words its output is known to `parsing` alone.

To add a tool: name it in the contract (`Tool`, `TOOLS_OF`, `ToolOptions`, `reporting_role`), write its parser
in `parsing`, its driver in a module here, and add that to `DRIVERS`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcadence_worker.tools.driver import ClientProcess, Driver, ServerProcess
from netcadence_worker.tools.fortio import Fortio
from netcadence_worker.tools.iperf2 import Iperf2
from netcadence_worker.tools.iperf3 import Iperf3
from netcadence_worker.tools.siege import Siege

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netcadence_worker.contract import Tool

__all__ = ["DRIVERS", "ClientProcess", "Driver", "ServerProcess"]

#: What is not here, a worker refuses.
DRIVERS: Final[Mapping[Tool, Driver]] = {
    driver.tool: driver for driver in (Iperf2(), Iperf3(), Siege(), Fortio())
}
