"""fortio: the result that `fortio load -json` writes, of HTTP and of gRPC."""

from __future__ import annotations

from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from netcadence import document
from netcadence.errors import InvalidInputError
from netcadence.foreign import ForeignRun
from netcadence.imports.file import File
from netcadence_worker.contract import Protocol
from netcadence_worker.metrics import PERCENT_OF

ORIGIN: Final = "fortio"
_PROTOCOLS: Final = {"HTTP": Protocol.HTTP, "GRPC Ping": Protocol.GRPC, "GRPC Health": Protocol.GRPC}
_MS: Final = 1000.0

_Count = Annotated[int, Field(ge=0, le=10**15)]
_Seconds = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Percentile(_Part):
    percentile: float = Field(alias="Percentile")
    value: _Seconds = Field(alias="Value")


class _Durations(_Part):
    count: _Count = Field(alias="Count")
    least: _Seconds = Field(alias="Min")
    most: _Seconds = Field(alias="Max")
    mean: _Seconds = Field(alias="Avg")
    percentiles: list[_Percentile] | None = Field(default=None, alias="Percentiles")


class _Result(_Part):
    kind: str = Field(alias="RunType")
    labels: str = Field(default="", alias="Labels")
    started_at: str = Field(alias="StartTime")
    asked: str = Field(alias="RequestedQPS")
    rate: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)] = Field(alias="ActualQPS")
    connections: _Count = Field(alias="NumThreads")
    durations: _Durations = Field(alias="DurationHistogram")
    codes: dict[str, _Count] = Field(default={}, alias="RetCodes")


def recognises(content: Any) -> bool:
    """Tell whether a JSON document looks like fortio's."""
    return isinstance(content, dict) and {"RunType", "DurationHistogram"} <= content.keys()


def read(file: File, content: Any) -> list[ForeignRun]:
    """Read a result; latencies only where no request failed, for fortio's are of all of them.

    Raises:
        InvalidInputError: It is of another kind than HTTP and gRPC, incomplete, or no request was made.
    """
    source = str(file.path)
    found = document.validated(content, _Result, source=source)
    protocol = _PROTOCOLS.get(found.kind)
    if protocol is None:
        raise InvalidInputError(f"{source}: RunType: {found.kind!r}: allowed: {', '.join(_PROTOCOLS)}")
    if not found.durations.count:
        raise InvalidInputError(f"{source}: DurationHistogram.Count: 0: allowed: a test that made requests")
    failed = sum(count for code, count in found.codes.items() if code not in ("200", "SERVING"))
    figures: dict[str, float | None] = {
        "requests": float(found.durations.count),
        "failed_requests": float(failed) if found.codes else None,
        "request_errors": 100 * failed / found.durations.count if found.codes else None,
        "request_rate": found.rate,
    }
    if not failed:
        figures |= _latencies(found.durations)
    run = file.run(
        figures,
        origin=ORIGIN,
        scenario=f"fortio {protocol} {found.asked} qps {found.connections} connections",
        protocol=protocol,
        started_at=file.instant(found.started_at, "StartTime"),
    )
    return [run]


def _latencies(durations: _Durations) -> dict[str, float | None]:
    told = {each.percentile: each.value * _MS for each in durations.percentiles or ()}
    return {
        "request_latency_avg": durations.mean * _MS,
        "request_latency_min": durations.least * _MS,
        "request_latency_max": durations.most * _MS,
    } | {metric: told.get(percent) for metric, percent in PERCENT_OF.items()}
