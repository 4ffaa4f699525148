"""Whether this worker lives, and whether it can work now."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from netcadence_worker.contract import HEALTH_PORT
from netcadence_worker.http_server import QuietHandler, QuietServer

if TYPE_CHECKING:
    from collections.abc import Callable


def serve_health(
    address: str | None, why_not_ready: Callable[[], str | None], port: int = HEALTH_PORT
) -> QuietServer:
    """Answer `/livez` and `/readyz`.

    Args:
        why_not_ready: Says in a sentence why the worker cannot work now, or None if it can.

    Raises:
        OSError: The port is taken or the address is not ours.
    """

    class HealthHandler(QuietHandler):
        def do_GET(self) -> None:  # noqa: N802 - the name by which the base class calls it
            obstacle = why_not_ready() if self.path == "/readyz" else None
            if self.path not in ("/livez", "/readyz"):
                self.answer(HTTPStatus.NOT_FOUND, b"only /livez and /readyz are here\n", "text/plain")
            elif obstacle is None:
                self.answer(HTTPStatus.OK, b"ok\n", "text/plain")
            else:
                self.answer(HTTPStatus.SERVICE_UNAVAILABLE, f"{obstacle}\n".encode(), "text/plain")

    return QuietServer(address, port, HealthHandler)
