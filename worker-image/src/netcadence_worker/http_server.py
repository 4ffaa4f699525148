"""What siege asks: a small HTTP server on the port of a request, shared by requests that use the same one."""

from __future__ import annotations

import contextlib
import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

from netcadence_worker.command import HTTP_PATH

if TYPE_CHECKING:
    from collections.abc import Iterator

_BODY: Final = b'"ok"'
#: Seconds between looks at whether a server is to end. It is woken for that: no need to look often.
_LONGEST_POLL_S: Final = 3_600.0


class QuietServer(ThreadingHTTPServer):
    """A server whose threads die with the program, and which takes as many clients as a request may have."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: str | None, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        """Listen.

        Raises:
            OSError: The port is taken or the address is not ours.
        """
        self.address_family = socket.AF_INET6 if address and ":" in address else socket.AF_INET
        super().__init__((address or "", port), handler)
        serve = threading.Thread(
            target=self.serve_forever, args=(_LONGEST_POLL_S,), name=f"http {port}", daemon=True
        )
        serve.start()

    def server_bind(self) -> None:
        """Bind without asking a resolver for the host's name, as the base class would."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        host, port, *_ = self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = host, port

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a client that went away: siege closes what is open when its time is up."""

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for connections
        self.shutdown()
        self.server_close()


class QuietHandler(BaseHTTPRequestHandler):
    """Answers in HTTP/1.1, each answer in one segment, nothing logged."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body together: two segments would wait for a delayed acknowledgement
    disable_nagle_algorithm = True
    timeout = 60

    def answer(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: at thousands of requests a second that would be what is measured."""


class _TrafficHandler(QuietHandler):
    def do_GET(self) -> None:
        if self.path == HTTP_PATH:
            self.answer(HTTPStatus.OK, _BODY, "application/json")
        else:
            self.answer(HTTPStatus.NOT_FOUND, b'"not found"', "application/json")


class TrafficServers:
    """The servers that are up now, by address and port."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._serving: dict[tuple[str, int], tuple[QuietServer, int]] = {}

    @contextlib.contextmanager
    def serving(self, address: str, port: int) -> Iterator[None]:
        """Have a server there for as long as this lasts.

        Raises:
            OSError: The port is taken or the address is not ours.
        """
        key = address, port
        with self._lock:
            server, users = self._serving.get(key) or (QuietServer(address, port, _TrafficHandler), 0)
            self._serving[key] = server, users + 1
        try:
            yield
        finally:
            with self._lock:
                server, users = self._serving.pop(key)
                if users > 1:
                    self._serving[key] = server, users - 1
                else:
                    server.close()
