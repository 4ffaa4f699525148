"""Checking, on the very port and protocol, that the client reaches its server, before any tool is there.

Iperf counts whatever connects as its client, so a check must not meet it. The server's worker therefore
listens itself first: the client says hello with the request's UID, the server answers, the client confirms.
Only then does the server hand its port over to iperf. Over HTTP the server says which requests it serves.
So no traffic is made to anybody who is not a worker of the same request.

Once they have found each other neither side gives up before arming's deadline, however slow the other is: a
client that lost patience while its server goes on would knock again where iperf listens by then.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import http.client
import ipaddress
import json
import os
import select
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from netcadence_worker.contract import Reason
from netcadence_worker.failure import FailureError

if TYPE_CHECKING:
    from netcadence_worker.bell import Bell

#: Seconds that one attempt to connect may take, a visitor's first word, or an answer in HTTP.
_ATTEMPT_S: Final = 1.0
#: Seconds between attempts at first, and at most: the server may see its request later than the client.
_LEAST_PAUSE_S: Final = 0.02
_MOST_PAUSE_S: Final = 0.25
#: Seconds after which a datagram that was not answered is sent again.
_RESEND_S: Final = 0.1
#: A client that was answered and then says nothing for so long has got the answer: its confirmation was lost.
_QUIET_S: Final = 0.5
_LONGEST_MESSAGE: Final = 128


class Knock(enum.StrEnum):
    """What the way is checked with."""

    STREAM = "TCP"
    DATAGRAM = "UDP"
    #: A question to the worker's own HTTP server, which is there for the whole request.
    HTTP = "HTTP"


@dataclass(frozen=True, slots=True)
class Path:
    """What is checked: one request's way to its server.

    Attributes:
        uid: The request's, so that nobody else's hello is taken for this one's.
        server: The server's own address, or on the client's side what leads there, such as a Service's.
        source: The client's address to send from; None leaves it to the kernel.
    """

    uid: str
    knock: Knock
    server: str
    port: int
    source: str | None = None

    def message(self, word: str) -> bytes:
        return f"netcadence {word} {self.uid}\n".encode()[:_LONGEST_MESSAGE]

    def socket(self) -> socket.socket:
        version = ipaddress.ip_address(self.server).version
        family = socket.AF_INET6 if version == 6 else socket.AF_INET  # noqa: PLR2004 - the protocol's name
        kind = socket.SOCK_DGRAM if self.knock is Knock.DATAGRAM else socket.SOCK_STREAM
        made = socket.socket(family, kind)
        made.settimeout(0)
        return made

    def __str__(self) -> str:
        host = f"[{self.server}]" if ":" in self.server else self.server
        return f"{self.knock} {host}:{self.port}"


def request_path(uid: str) -> str:
    """Return where a server in HTTP says that it serves a request: a client makes traffic to no other."""
    return f"/requests/{quote(uid, safe='')}"


def request_answer(uid: str) -> bytes:
    """Return what it says there."""
    return json.dumps(uid).encode()


def await_client(path: Path, bell: Bell, until: float) -> None:
    """Listen on the server's side until the client has shown that it gets through.

    Raises:
        FailureError: ArmTimeout (nobody came, or the port stays taken) or RequestRejected (not our address).
    """
    serve = _serve_datagrams if path.knock is Knock.DATAGRAM else _serve_connections
    with _listening(path, bell, until) as listener:
        if not serve(listener, path, bell, until):
            raise FailureError(Reason.ARM_TIMEOUT, f"no client came to {path} in time")


def _listening(path: Path, bell: Bell, until: float) -> socket.socket:
    while True:
        listener = path.socket()
        try:
            if path.knock is not Knock.DATAGRAM:  # UDP sockets that share a port would share its datagrams
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((path.server, path.port))
            if path.knock is not Knock.DATAGRAM:
                listener.listen()
        except OSError as error:
            listener.close()
            if error.errno != errno.EADDRINUSE:
                raise FailureError(
                    Reason.REQUEST_REJECTED, f"cannot listen on {path}: {error.strerror}"
                ) from error
            bell.wait(min(until, time.monotonic() + _MOST_PAUSE_S))
            if time.monotonic() >= until:
                raise FailureError(Reason.ARM_TIMEOUT, f"{path} stays taken by another program") from error
        else:
            return listener


def _serve_connections(listener: socket.socket, path: Path, bell: Bell, until: float) -> bool:
    while bell.wait(until, readable=[listener]):
        with contextlib.suppress(OSError):  # a connection that broke: the client tries again
            connection, _ = listener.accept()
            with connection:
                connection.settimeout(0)
                if _greeted(connection, path, bell, until):
                    return True
    return False


def _greeted(connection: socket.socket, path: Path, bell: Bell, until: float) -> bool:
    if _read_line(connection, bell, min(until, time.monotonic() + _ATTEMPT_S)) != path.message("hello"):
        return False
    connection.sendall(path.message("answer"))
    if _read_line(connection, bell, until) != path.message("confirm"):
        return False
    # The client closes first, so that the port is not left in TIME_WAIT on this side.
    bell.wait(until, readable=[connection])
    return True


def _serve_datagrams(listener: socket.socket, path: Path, bell: Bell, until: float) -> bool:
    answered = False
    while bell.wait(min(until, time.monotonic() + _QUIET_S) if answered else until, readable=[listener]):
        with contextlib.suppress(OSError):  # the way back is closed: the client tries again
            data, client = listener.recvfrom(_LONGEST_MESSAGE)
            if data == path.message("hello"):
                listener.sendto(path.message("answer"), client)
                answered = True
            elif data == path.message("confirm"):
                return True
    return answered


def reach_server(path: Path, bell: Bell, until: float) -> None:
    """Try from the client's side until the server has answered.

    Raises:
        FailureError: ConnectionRefused, ConnectTimeout or ArmTimeout, according to what was seen last.
    """
    attempt = {Knock.STREAM: _try_stream, Knock.DATAGRAM: _try_datagram, Knock.HTTP: _try_http}[path.knock]
    pause_s = _LEAST_PAUSE_S
    attempts = 0
    last: OSError = TimeoutError()
    while attempts == 0 or time.monotonic() < until:
        attempts += 1
        try:
            attempt(path, bell, until)
        except OSError as error:
            last = error
        else:
            return
        bell.wait(min(until, time.monotonic() + pause_s))
        pause_s = min(pause_s * 2, _MOST_PAUSE_S)
    raise _unreachable(path, attempts, last)


class _UnexpectedAnswerError(OSError):
    """Somebody else is there."""


def _unreachable(path: Path, attempts: int, last: OSError) -> FailureError:
    tried = f"{path} after {attempts} attempts"
    match last:
        case ConnectionRefusedError():
            return FailureError(Reason.CONNECTION_REFUSED, f"{tried}: connection refused")
        case _UnexpectedAnswerError():
            return FailureError(Reason.ARM_TIMEOUT, f"{tried}: {last}")
        case TimeoutError():
            return FailureError(Reason.CONNECT_TIMEOUT, f"{tried}: no answer")
        case _:
            return FailureError(Reason.CONNECT_TIMEOUT, f"{tried}: {last.strerror or last}")


def _try_stream(path: Path, bell: Bell, until: float) -> None:
    with _connected(path, bell, min(until, time.monotonic() + _ATTEMPT_S)) as connection:
        connection.sendall(path.message("hello"))
        line = _read_line(connection, bell, until)
        if line != path.message("answer"):
            raise _UnexpectedAnswerError(
                "something else answers there" if line else "the connection was closed"
            )
        connection.sendall(path.message("confirm"))


def _try_datagram(path: Path, bell: Bell, until: float) -> None:
    """Say hello until it is answered, now and then from another port.

    What begins before the nodes know of a Service's address may be led astray as long as it comes from the
    same port. An answer is heard at each of them.
    """
    with contextlib.ExitStack() as held:
        asked: list[socket.socket] = []
        renewal = 0.0
        while time.monotonic() < until:
            if time.monotonic() >= renewal:
                asked.append(held.enter_context(_connected(path, bell, until)))
                renewal = time.monotonic() + _ATTEMPT_S
            asked[-1].send(path.message("hello"))
            if bell.wait(min(until, time.monotonic() + _RESEND_S), readable=asked):
                answered = next(each for each in asked if select.select([each], [], [], 0)[0])
                if answered.recv(_LONGEST_MESSAGE) != path.message("answer"):
                    raise _UnexpectedAnswerError("something else answers there")
                # Once only: a second one could arrive when iperf is there already.
                answered.send(path.message("confirm"))
                return
    raise TimeoutError


def _try_http(path: Path, bell: Bell, until: float) -> None:
    bell.check()
    place = request_path(path.uid)
    source = (path.source, 0) if path.source else None
    patience_s = max(min(until - time.monotonic(), _ATTEMPT_S), 0.1)
    connection = http.client.HTTPConnection(path.server, path.port, timeout=patience_s, source_address=source)
    try:
        connection.request("GET", place)
        response = connection.getresponse()
        body = response.read(_LONGEST_MESSAGE)
        if response.status != http.client.OK or body != request_answer(path.uid):
            raise _UnexpectedAnswerError(f"GET {place} is answered with {response.status} {body[:40]!r}")
    except http.client.HTTPException as error:
        raise _UnexpectedAnswerError(f"GET {place} is not answered in HTTP: {error!r}") from error
    finally:
        connection.close()


def _connected(path: Path, bell: Bell, until: float) -> socket.socket:
    with contextlib.ExitStack() as on_error:
        made = on_error.enter_context(path.socket())
        if path.source is not None:
            made.bind((path.source, 0))
        problem = made.connect_ex((path.server, path.port))
        if problem == errno.EINPROGRESS:
            if not bell.wait(until, writable=[made]):
                raise TimeoutError
            problem = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if problem:
            raise OSError(problem, os.strerror(problem))
        on_error.pop_all()
    return made


def _read_line(connection: socket.socket, bell: Bell, until: float) -> bytes:
    """Read one short line; a shorter text if the other side closes or says nothing more in time."""
    line = b""
    while not line.endswith(b"\n") and len(line) < _LONGEST_MESSAGE:
        if not bell.wait(until, readable=[connection]):
            raise TimeoutError
        data = connection.recv(_LONGEST_MESSAGE - len(line))
        if not data:
            break
        line += data
    return line
