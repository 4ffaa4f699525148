"""Outputs as the readers take them."""

from collections.abc import Callable

import pytest

from netcadence_worker.parsing import ToolOutput

#: What a server of 2.1.8 prints before its rows; the client came once for each stream.
TCP_HEAD = """\
------------------------------------------------------------
Server listening on TCP port 5001
TCP window size:  128 KByte (default)
------------------------------------------------------------
[  1] local 198.18.0.2 port 5001 connected with 198.18.0.1 port 50888
[ ID] Interval       Transfer     Bandwidth
"""
UDP_HEAD = """\
------------------------------------------------------------
Server listening on UDP port 5001 with pid 1
Read buffer size: 1.44 KByte (Dist bin width= 183 Byte)
UDP buffer size:  208 KByte (default)
------------------------------------------------------------
[  1] local 198.18.0.2%va port 5001 connected with 198.18.0.1 port 39510 (sock=3) (peer 2.1.8)
[ ID] Interval            Transfer     Bandwidth        Jitter   Lost/Total  Latency avg/min/max/stdev PPS  \
Rx/inP  NetPwr
"""


@pytest.fixture(scope="session")
def tool_output() -> Callable[..., ToolOutput]:
    """Make an output of a tool that ended well unless something else is said."""

    def make(stdout="", stderr="", exit_code=0, argv=("tool",)):
        return ToolOutput(argv=argv, stdout=stdout, stderr=stderr, exit_code=exit_code)

    return make


@pytest.fixture(scope="session")
def tcp_report(tool_output) -> Callable[..., ToolOutput]:
    """Make a TCP server's output out of its rows."""
    return lambda *rows, **how: tool_output(TCP_HEAD + "\n".join(rows) + "\n", **how)


@pytest.fixture(scope="session")
def udp_report(tool_output) -> Callable[..., ToolOutput]:
    """Make a UDP server's output out of its rows."""
    return lambda *rows, **how: tool_output(UDP_HEAD + "\n".join(rows) + "\n", **how)
