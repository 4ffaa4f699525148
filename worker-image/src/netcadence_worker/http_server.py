"""What siege asks: a small HTTP server on the port of a request, shared by requests that use the same one."""

from __future__ import annotations

import contextlib
import socket
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Final

from netcadence_worker.path_check import request_answer, request_path

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What an HTTP request asks for.
HTTP_PATH: Final = "/test"
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


class _TrafficServer(QuietServer):
    """Serves the requests that use its port.

    Attributes:
        answers: What is answered by path: to siege, and to clients that ask whether their request is served.
    """

    def __init__(self, address: str, port: int) -> None:
        self.answers = {HTTP_PATH: _BODY}
        super().__init__(address, port, _TrafficHandler)

    @property
    def is_used(self) -> bool:
        return len(self.answers) > 1


class _TrafficHandler(QuietHandler):
    server: _TrafficServer

    def do_GET(self) -> None:
        body = self.server.answers.get(self.path)
        if body is not None:
            self.answer(HTTPStatus.OK, body, "application/json")
        else:
            self.answer(HTTPStatus.NOT_FOUND, b'"not found"', "application/json")


class TrafficServers:
    """The servers that are up now, by address and port."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._serving: dict[tuple[str, int], _TrafficServer] = {}

    @contextlib.contextmanager
    def serving(self, address: str, port: int, uid: str) -> Iterator[None]:
        """Have a server there for a request for as long as this lasts.

        Args:
            uid: The request's.

        Raises:
            OSError: The port is taken or the address is not ours.
        """
        key, path = (address, port), request_path(uid)
        with self._lock:
            server = self._serving.get(key) or _TrafficServer(address, port)
            server.answers[path] = request_answer(uid)
            self._serving[key] = server
        try:
            yield
        finally:
            with self._lock:
                del server.answers[path]
                if not server.is_used:
                    del self._serving[key]
                    server.close()
