"""The tools' command lines, built from typed options: always an argument list, never a shell."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from netcadence_worker.contract import IperfOptions, Protocol, SiegeOptions

if TYPE_CHECKING:
    from netcadence_worker.contract import RequestSpec

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
    return ("iperf", "-s", *_iperf_common(spec), *(("-B", address) if address else ()))


def iperf_client(spec: RequestSpec, *, source: str | None) -> tuple[str, ...]:
    """Build the sending iperf.

    Args:
        source: Address to send from; None to leave it to the kernel.
    """
    options = spec.options.iperf or IperfOptions()
    rate = ("-b", str(options.bandwidth)) if options.bandwidth is not None else ()
    bind = ("-B", source) if source else ()
    return ("iperf", "-c", spec.server_pod_ip, "-t", str(spec.duration), *_iperf_common(spec), *rate, *bind)


def _iperf_common(spec: RequestSpec) -> tuple[str, ...]:
    options = spec.options.iperf or IperfOptions()
    words = ["-e", "-f", "K", "-i", "1", "-p", str(spec.port), "-P", str(spec.number_of_clients)]
    if spec.protocol is Protocol.UDP:
        words += ["-u"]
    if ipaddress.ip_address(spec.server_pod_ip).version == 6:  # noqa: PLR2004 - the protocol's name
        words += ["-V"]
    if options.length is not None:
        words += ["-l", str(options.length)]
    if options.window is not None:
        words += ["-w", str(options.window)]
    return tuple(words)


def siege(spec: RequestSpec) -> tuple[str, ...]:
    """Build the HTTP client.

    Siege 3 and 4.0 end at a whole second of theirs, so that `-t3S` runs for 2 to 3 s. One second more is
    asked for, and at least the duration is measured.
    """
    delay_s = (spec.options.siege or SiegeOptions()).delay
    pace = f"-d{delay_s:.3f}" if delay_s >= _SIEGE_LEAST_DELAY_S else "-b"
    return ("siege", http_url(spec), pace, f"-t{spec.duration + 1}S", f"-c{spec.number_of_clients}")


def http_url(spec: RequestSpec) -> str:
    host = f"[{spec.server_pod_ip}]" if ":" in spec.server_pod_ip else spec.server_pod_ip
    return f"http://{host}:{spec.port}{HTTP_PATH}"
