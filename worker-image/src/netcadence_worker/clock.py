"""How far one worker's clock is from another's, by the four timestamps of NTP (RFC 5905, section 8).

A question leaves at t1 and arrives at t2 by the other clock, its answer leaves at t3 by the other clock and
arrives at t4. If both ways take the same time, the other clock is ahead by ((t2 - t1) + (t3 - t4)) / 2; if
they do not, the error is at most half of the round trip (t4 - t1) - (t3 - t2). Of several exchanges the one
with the shortest round trip is the best. Arrivals are stamped by the kernel, so that a busy machine, where a
thread has to wait for a processor, costs no accuracy.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netcadence_worker.contract import CLOCK_PORT

if TYPE_CHECKING:
    from netcadence_worker.bell import Bell

#: Magic, the asker's own number, t2, t3. Questions have the length of answers, so that nothing is amplified.
_MESSAGE: Final = struct.Struct("!4s8sqq")
_MAGIC: Final = b"NCt1"
_EXCHANGES: Final = 8
#: Seconds to wait for one answer, and for all of them.
_ANSWER_S: Final = 0.2
PATIENCE_S: Final = 1.5
#: `SO_TIMESTAMPNS` of Linux, which `socket` does not name, and what it delivers: seconds and nanoseconds.
_SO_TIMESTAMPNS: Final = 35
_TIMESPEC: Final = struct.Struct("@ll")


@dataclass(frozen=True, slots=True)
class Offset:
    """Seconds to add to the own clock to get the other's, and within how many seconds that is true."""

    seconds: float
    uncertainty_s: float


def offset_of(t1: int, t2: int, t3: int, t4: int) -> Offset:
    """Compute the offset from four timestamps in nanoseconds; t1 and t4 are by the own clock."""
    round_trip_ns = (t4 - t1) - (t3 - t2)
    return Offset(((t2 - t1) + (t3 - t4)) / 2e9, max(round_trip_ns, 0) / 2e9)


class ClockServer(threading.Thread):
    """Answers other workers' questions for the time."""

    def __init__(self, address: str | None, port: int = CLOCK_PORT) -> None:
        """Bind the port.

        Raises:
            OSError: The port is taken or the address is not ours.
        """
        super().__init__(name="clock", daemon=True)
        self._socket = _stamping_socket(address or "0.0.0.0")  # noqa: S104 - a pod without a known address
        self._socket.bind((address or "", port))
        self._stopping = False

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def run(self) -> None:
        while not self._stopping:
            try:
                question, arrived_ns, asker = _receive(self._socket)
                if len(question) == _MESSAGE.size and question.startswith(_MAGIC):
                    number = question[4:12]
                    self._socket.sendto(_MESSAGE.pack(_MAGIC, number, arrived_ns, time.time_ns()), asker)
            except OSError:
                continue  # an asker that is gone, or the end: the next look at `_stopping` tells
        self._socket.close()

    def stop(self) -> None:
        """End the thread soon; to be joined."""
        self._stopping = True
        with _stamping_socket(self._socket.getsockname()[0]) as wake:
            wake.sendto(b"", self._socket.getsockname())


def measure_offset(
    reference: str, *, source: str | None, bell: Bell, port: int = CLOCK_PORT, patience_s: float = PATIENCE_S
) -> Offset | None:
    """Ask the worker at the address `reference` for the time; None if it does not answer.

    Raises:
        Exception: The bell's interruption.
    """
    until = time.monotonic() + patience_s
    found: list[Offset] = []
    with _stamping_socket(reference) as asker:
        if source is not None:
            asker.bind((source, 0))
        asker.connect((reference, port))
        while len(found) < _EXCHANGES and time.monotonic() < until:
            offset = _exchange(asker, bell)
            if offset is not None:
                found.append(offset)
            else:
                bell.wait(time.monotonic() + _ANSWER_S / 4)
    return min(found, key=lambda offset: offset.uncertainty_s, default=None)


def _exchange(asker: socket.socket, bell: Bell) -> Offset | None:
    number = os.urandom(8)
    until = time.monotonic() + _ANSWER_S
    try:
        t1 = time.time_ns()
        asker.send(_MESSAGE.pack(_MAGIC, number, 0, 0))
        while bell.wait(until, readable=[asker]):
            answer, t4, _ = _receive(asker)
            if len(answer) == _MESSAGE.size and answer.startswith(_MAGIC + number):
                _, _, t2, t3 = _MESSAGE.unpack(answer)
                return offset_of(t1, t2, t3, t4)
    except OSError:
        return None  # refused or unreachable: as good as no answer
    return None


def _stamping_socket(peer: str) -> socket.socket:
    family = socket.AF_INET6 if ipaddress.ip_address(peer).version == 6 else socket.AF_INET  # noqa: PLR2004
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    return made


def _receive(sock: socket.socket) -> tuple[bytes, int, tuple[object, ...]]:
    """Receive a datagram with the instant of its arrival, as the kernel stamped it, in nanoseconds."""
    data, ancillary, _, sender = sock.recvmsg(_MESSAGE.size + 1, socket.CMSG_SPACE(_TIMESPEC.size))
    for level, kind, value in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(value) == _TIMESPEC.size:
            seconds, nanoseconds = _TIMESPEC.unpack(value)
            return data, seconds * 1_000_000_000 + nanoseconds, sender
    return data, time.time_ns(), sender
