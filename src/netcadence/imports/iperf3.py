"""iperf3: the document that its client prints with `-J`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from netcadence import document
from netcadence.errors import InvalidInputError
from netcadence.foreign import ForeignRun
from netcadence.imports.file import KBYTE, File
from netcadence_worker.contract import Protocol

ORIGIN: Final = "iperf3"

_Count = Annotated[int, Field(ge=0, le=10**15)]
_Number = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Time(_Part):
    timesecs: Annotated[int, Field(ge=0, le=4_102_444_800)]


class _Test(_Part):
    protocol: Literal["TCP", "UDP"]
    num_streams: Annotated[int, Field(ge=1, le=1024)]
    reverse: int = 0
    bidir: int = 0


class _Start(_Part):
    timestamp: _Time
    test_start: _Test


class _Sum(_Part):
    seconds: Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
    bytes: _Count
    retransmits: _Count | None = None
    jitter_ms: _Number | None = None
    lost_packets: int | None = None
    packets: _Count | None = None


class _End(_Part):
    sum: _Sum | None = None
    sum_sent: _Sum | None = None
    sum_received: _Sum | None = None


class _Document(_Part):
    start: _Start
    end: _End


def recognises(content: Any) -> bool:
    """Tell whether a JSON document looks like iperf3's."""
    return isinstance(content, dict) and {"start", "intervals", "end"} <= content.keys()


def read(file: File, content: Any) -> list[ForeignRun]:
    """Read a client's document.

    Raises:
        InvalidInputError: It failed, is a server's or of both ways at once, or is incomplete.
    """
    source = str(file.path)
    if said := content.get("error"):
        raise InvalidInputError(f"{source}: error: {said}; allowed: a test that succeeded")
    if isinstance(content["start"], dict) and "accepted_connection" in content["start"]:
        raise InvalidInputError(f"{source}: start: is of a server; allowed: what the client printed")
    found = document.validated(content, _Document, source=source)
    test, end = found.start.test_start, found.end
    if test.bidir:
        raise InvalidInputError(f"{source}: start.test_start.bidir: 1: allowed: 0, a test of one way")
    streams = "" if test.num_streams == 1 else f" {test.num_streams} streams"
    run = file.run(
        _tcp(end, source) if test.protocol == Protocol.TCP else _udp(end, source),
        origin=ORIGIN,
        scenario=f"iperf3 {test.protocol}{streams}{' reverse' if test.reverse else ''}",
        protocol=test.protocol,
        started_at=datetime.fromtimestamp(found.start.timestamp.timesecs, UTC),
    )
    return [run]


def _tcp(end: _End, source: str) -> dict[str, float | None]:
    if end.sum_received is None or end.sum_sent is None:
        raise InvalidInputError(f"{source}: end: sum_sent or sum_received is missing; allowed: both")
    resent = end.sum_sent.retransmits
    return _received(end.sum_received) | {"tcp_retransmits": None if resent is None else float(resent)}


def _udp(end: _End, source: str) -> dict[str, float | None]:
    """Old versions have one sum, of what was sent, with what the server told of it; new ones one a side."""
    told = end.sum_received or end.sum
    if told is None or not told.packets or told.lost_packets is None or told.lost_packets < 0:
        raise InvalidInputError(f"{source}: end: no counts of datagrams; allowed: packets and lost_packets")
    if told.lost_packets > told.packets:
        raise InvalidInputError(f"{source}: end: {told.lost_packets} of {told.packets} datagrams lost")
    figures = {
        "jitter": told.jitter_ms,
        "lost_packets": float(told.lost_packets),
        "total_packets": float(told.packets),
        "packet_loss": 100 * told.lost_packets / told.packets,
        "packet_rate": (told.packets - told.lost_packets) / told.seconds,
    }
    return figures if end.sum_received is None else _received(end.sum_received) | figures


def _received(received: _Sum) -> dict[str, float | None]:
    kbytes = received.bytes / KBYTE
    return {"transferred": kbytes, "throughput": kbytes / received.seconds}
