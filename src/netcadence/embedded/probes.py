"""Readiness, liveness and startup probes: what to ask, how often, and what the answers amount to."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, socket
from typing import Any, Final

from netcadence.embedded.images import ContainerRefusedError

#: A container that has just started is asked at once and then ever more slowly, so that it is known to be
#: ready soon after it is; a real kubelet would leave it waiting for up to a whole period.
_EAGER_FIRST_S: Final = 0.05
_EAGER_GROWTH: Final = 1.5
_LARGEST_STATUS_LINE: Final = 4_096

#: Gives a socket of the right family that belongs to the pod's node.
SocketSource = Callable[[int], socket]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A probe of a pod spec, with the API's defaults; `path` is None for a TCP probe."""

    port: int
    path: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    initial_delay_s: float = 0
    period_s: float = 10
    timeout_s: float = 1
    success_threshold: int = 1
    failure_threshold: int = 3

    @classmethod
    def parse(cls, spec: Mapping[str, Any] | None, container: Mapping[str, Any]) -> Probe | None:
        """Read a probe out of a container's spec.

        Raises:
            ContainerRefusedError: The probe is of a kind that an embedded node does not have.
        """
        if not spec:
            return None
        http, tcp = spec.get("httpGet"), spec.get("tcpSocket")
        if not http and not tcp:
            kind = next((kind for kind in ("exec", "grpc") if kind in spec), "empty")
            raise ContainerRefusedError(
                f"an embedded node has httpGet and tcpSocket probes; this one is {kind}"
            )
        if http and http.get("scheme", "HTTP") != "HTTP":
            raise ContainerRefusedError("an embedded node probes with HTTP, not with HTTPS")
        target = http or tcp or {}
        if target.get("host"):
            raise ContainerRefusedError("an embedded node probes the pod's own address only")
        return cls(
            port=_port(target["port"], container),
            path=(http.get("path") or "/") if http else None,
            headers=tuple((each["name"], each["value"]) for each in (http or {}).get("httpHeaders") or []),
            initial_delay_s=spec.get("initialDelaySeconds") or 0,
            period_s=spec.get("periodSeconds") or 10,
            timeout_s=spec.get("timeoutSeconds") or 1,
            success_threshold=spec.get("successThreshold") or 1,
            failure_threshold=spec.get("failureThreshold") or 3,
        )


def _port(value: int | str, container: Mapping[str, Any]) -> int:
    if isinstance(value, int) or value.isdigit():
        return int(value)
    for port in container.get("ports") or []:
        if port.get("name") == value:
            return int(port["containerPort"])
    raise ContainerRefusedError(f"a probe names the port {value!r}, which the container does not have")


async def ask(probe: Probe, pod_ip: str, source: SocketSource) -> str | None:
    """Probe once; return what is wrong, or None if nothing is."""
    where = f"[{pod_ip}]:{probe.port}" if ":" in pod_ip else f"{pod_ip}:{probe.port}"
    family = AF_INET6 if ":" in pod_ip else AF_INET
    about = f'Get "http://{where}{probe.path}"' if probe.path else f"dial tcp {where}"
    try:
        async with asyncio.timeout(probe.timeout_s):
            connection = source(family)
            try:
                await asyncio.get_running_loop().sock_connect(connection, (pod_ip, probe.port))
                return None if probe.path is None else await _get(connection, where, probe)
            finally:
                connection.close()
    except TimeoutError:
        return f"{about}: no answer within {probe.timeout_s} s"
    except OSError as error:
        return f"{about}: {os.strerror(error.errno).lower() if error.errno else error}"


async def _get(connection: socket, where: str, probe: Probe) -> str | None:
    loop = asyncio.get_running_loop()
    lines = [
        f"GET {probe.path} HTTP/1.1",
        f"Host: {where}",
        "User-Agent: kube-probe/1.36",
        "Connection: close",
    ]
    lines += [f"{name}: {value}" for name, value in probe.headers]
    await loop.sock_sendall(connection, "\r\n".join([*lines, "", ""]).encode())
    received = b""
    while b"\r\n" not in received and len(received) < _LARGEST_STATUS_LINE:
        chunk = await loop.sock_recv(connection, _LARGEST_STATUS_LINE)
        if not chunk:
            break
        received += chunk
    version, _, rest = received.partition(b" ")
    status = rest[:3]
    if not version.startswith(b"HTTP/1.") or not status.isdigit():
        return "HTTP probe failed: the answer is not HTTP"
    if not 200 <= int(status) < 400:  # noqa: PLR2004 - success as the Kubernetes API defines it
        return f"HTTP probe failed with statuscode: {int(status)}"
    return None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a probe's thresholds make of its answers."""

    healthy: bool
    why: str = ""


async def verdicts(
    probe: Probe,
    check: Callable[[], Awaitable[str | None]],
    on_failure: Callable[[str], None],
    *,
    eager: bool,
) -> AsyncIterator[Verdict]:
    """Probe for ever; yield whenever a threshold is reached.

    Args:
        probe: Its periods and thresholds.
        check: Coroutine function as `ask`, bound to its target.
        on_failure: Told of each failure that counts.
        eager: Ask more often for one period, or until the first success; failures do not count so long.
    """
    await asyncio.sleep(probe.initial_delay_s)
    successes = failures = 0
    pause_s = min(_EAGER_FIRST_S, probe.period_s) if eager else probe.period_s
    eager_until = time.monotonic() + probe.period_s if eager else 0.0
    while True:
        why = await check()
        if why is None:
            successes, failures = successes + 1, 0
            pause_s, eager_until = probe.period_s, 0.0
            if successes == probe.success_threshold:
                yield Verdict(healthy=True)
        elif time.monotonic() < eager_until:
            pause_s = min(pause_s * _EAGER_GROWTH, probe.period_s)
        else:
            successes, failures = 0, failures + 1
            pause_s = probe.period_s
            on_failure(why)
            if failures == probe.failure_threshold:
                yield Verdict(healthy=False, why=why)
        await asyncio.sleep(pause_s)
