"""What the measuring tools print, turned into figures or into a reason why there are none.

Here belongs everything that knows how a tool words its output, in every supported version. Starting tools,
deadlines and reporting do not: a parser takes text and returns a `Measurement` or raises `UnusableOutput`.
"""

from netcadence_worker.parsing import fortio, iperf2, iperf3, siege
from netcadence_worker.parsing.fortio import read_fortio
from netcadence_worker.parsing.iperf2 import (
    check_client,
    read_round_trips,
    read_tcp_server,
    read_tcp_way_back,
    read_udp_server,
)
from netcadence_worker.parsing.iperf3 import check_iperf3_server, read_iperf3
from netcadence_worker.parsing.output import Measurement, ToolOutput, UnusableOutput, joined
from netcadence_worker.parsing.siege import read_siege

__all__ = [
    "Measurement",
    "ToolOutput",
    "UnusableOutput",
    "check_client",
    "check_iperf3_server",
    "fortio",
    "iperf2",
    "iperf3",
    "joined",
    "read_fortio",
    "read_iperf3",
    "read_round_trips",
    "read_siege",
    "read_tcp_server",
    "read_tcp_way_back",
    "read_udp_server",
    "siege",
]
