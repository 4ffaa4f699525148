"""k8s-netperf: the JSON that it prints with `--json`, and the `result-<time>.csv` that it writes.

Where it cannot take a mean it writes 0, so that a 0 is no figure. Its figures are means over the samples of
one pair; a latency is the 99th percentile, which only request and response profiles tell of round trips.
"""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from netcadence import document
from netcadence.errors import InvalidInputError
from netcadence.foreign import ForeignRun
from netcadence.imports.file import File, of_megabits
from netcadence.traffic_path import TrafficPath

ORIGIN: Final = "k8s-netperf"
_NAME: Final = re.compile(r"result-(\d{9,10})\.csv", re.ASCII)
_COLUMNS: Final = {
    "Driver": "driver",
    "Profile": "profile",
    "Same node": "local",
    "Host Network": "hostNetwork",
    "Service": "service",
    "Parallelism": "parallelism",
    "Message Size": "messageSize",
    "Avg Throughput": "throughput",
    "Throughput Metric": "tputMetric",
    "99%tile Observed Latency": "latency",
    "Latency Metric": "ltcyMetric",
}
_Number = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]


class _Test(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    driver: Annotated[str, Field(min_length=1, max_length=64)]
    profile: Annotated[str, Field(pattern=r"^(TCP|UDP)_(STREAM|RR|CRR)$")]
    host_network: bool = Field(alias="hostNetwork")
    service: bool
    same_node: bool = Field(default=False, alias="local")
    parallelism: Annotated[int, Field(ge=1, le=10_000)] = 1
    message_size: Annotated[int, Field(ge=0, le=10**9)] = Field(alias="messageSize")
    throughput: _Number
    throughput_unit: Annotated[str, Field(pattern=r"^(Mb/s|OP/s)$")] = Field(alias="tputMetric")
    latency: _Number
    latency_unit: Annotated[str, Field(pattern=r"^usec$")] = Field(alias="ltcyMetric")
    retransmits: _Number = Field(default=0, alias="tcpRetransmits")
    loss: _Number = Field(default=0, alias="udpLossPercent")
    timestamp: str


def recognises(content: Any) -> bool:
    """Tell whether a JSON document looks like k8s-netperf's."""
    return (
        isinstance(content, list)
        and bool(content)
        and all(
            isinstance(each, dict) and {"driver", "profile", "tputMetric"} <= each.keys() for each in content
        )
    )


def recognises_text(text: str) -> bool:
    """Tell whether a text looks like the table of results that k8s-netperf writes."""
    return text.startswith("Driver,Profile,") and "Avg Throughput" in text.partition("\n")[0]


def read(file: File, content: Any) -> list[ForeignRun]:
    """Read the JSON, a run a test.

    Raises:
        InvalidInputError: A test is incomplete, or of another kind than what k8s-netperf writes.
    """
    return [_run(file, number, each) for number, each in enumerate(content)]


def read_table(file: File) -> list[ForeignRun]:
    """Read the CSV, a run a line; when that was stands only in the file's name.

    Raises:
        InvalidInputError: As `read`, or the name tells no time, or a column is missing.
    """
    match = _NAME.fullmatch(file.path.name)
    if match is None:
        raise InvalidInputError(
            f"{file.path}: name: allowed: result-<seconds since 1970>.csv, as it was written"
        )
    at = datetime.fromtimestamp(int(match[1]), UTC).isoformat()
    lines = csv.DictReader(io.StringIO(file.text))
    if missing := sorted(_COLUMNS.keys() - set(lines.fieldnames or ())):
        raise InvalidInputError(f"{file.path}: column {missing[0]!r} is missing")
    rows = [{name: line[column] for column, name in _COLUMNS.items()} | {"timestamp": at} for line in lines]
    if not rows:
        raise InvalidInputError(f"{file.path}: has no line below its columns")
    return [_run(file, number, row) for number, row in enumerate(rows)]


def _run(file: File, number: int, content: Any) -> ForeignRun:
    where = f"test {number}: "
    test = document.validated(content, _Test, source=f"{file.path}: test {number}")
    protocol, _, kind = test.profile.partition("_")
    of_stream = kind == "STREAM"
    if of_stream != (test.throughput_unit == "Mb/s"):
        raise InvalidInputError(
            f"{file.path}: {where}tputMetric: {test.throughput_unit!r}: "
            "allowed: Mb/s of a stream, OP/s of others"
        )
    rate = test.throughput or None
    figures = {
        "throughput": of_megabits(rate) if rate and of_stream else None,
        "request_rate": None if of_stream else rate,
        "request_latency_p99": None if of_stream or not test.latency else test.latency / 1000,
        "tcp_retransmits": (test.retransmits or None) if protocol == "TCP" and of_stream else None,
        "packet_loss": (test.loss or None) if protocol == "UDP" and of_stream else None,
    }
    beside = f" {test.parallelism} streams" if test.parallelism > 1 else ""
    together = " same node" if test.same_node else ""
    path = TrafficPath.CLUSTER_IP if test.service else TrafficPath.POD_IP
    return file.run(
        figures,
        origin=ORIGIN,
        scenario=f"{test.driver} {test.profile} {test.message_size} B{beside}{together}",
        protocol=protocol,
        started_at=file.instant(test.timestamp, f"{where}timestamp"),
        where=where,
        number=number,
        path=TrafficPath.HOST_NETWORK if test.host_network else path,
    )
