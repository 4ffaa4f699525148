"""The tools' command lines, built from typed options: always an argument list, never a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcadence_worker.contract import IperfOptions, Protocol, SiegeOptions

if TYPE_CHECKING:
    from netcadence_worker.contract import RequestSpec
    from netcadence_worker.destination import Destination

#: What an HTTP request asks for.
HTTP_PATH: Final = "/test"

#: Settings that siege has no option for. Without a file of its own it writes one, and prints that it did.
SIEGE_CONFIGURATION: Final = """\
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
_SIEGE_LEAST_DELAY_S: Final = 0.001


def iperf_server(spec: RequestSpec, *, address: str | None) -> tuple[str, ...]:
    """Build the receiving iperf, which serves this request's streams and then ends.

    Args:
        address: Where to listen; None for all addresses.
    """
    bind = ("-B", address) if address else ()
    common = _iperf_common(spec, spec.port, is_ipv6=":" in spec.server_pod_ip)
    return ("iperf", "-s", *common, *bind)


def iperf_client(spec: RequestSpec, destination: Destination) -> tuple[str, ...]:
    """Build the sending iperf."""
    options = spec.options.iperf or IperfOptions()
    rate = ("-b", str(options.bandwidth)) if options.bandwidth is not None else ()
    bind = ("-B", destination.source) if destination.source else ()
    common = _iperf_common(spec, destination.port, is_ipv6=destination.is_ipv6)
    return ("iperf", "-c", destination.address, "-t", str(spec.duration), *common, *rate, *bind)


def _iperf_common(spec: RequestSpec, port: int, *, is_ipv6: bool) -> tuple[str, ...]:
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


def siege(spec: RequestSpec, destination: Destination) -> tuple[str, ...]:
    """Build the HTTP client.

    Siege 3 and 4.0 end at a whole second of theirs, so that `-t3S` runs for 2 to 3 s. One second more is
    asked for, and at least the duration is measured.
    """
    delay_s = (spec.options.siege or SiegeOptions()).delay
    pace = f"-d{delay_s:.3f}" if delay_s >= _SIEGE_LEAST_DELAY_S else "-b"
    return (
        "siege",
        f"http://{destination.authority}{HTTP_PATH}",
        pace,
        f"-t{spec.duration + 1}S",
        f"-c{spec.number_of_clients}",
    )
