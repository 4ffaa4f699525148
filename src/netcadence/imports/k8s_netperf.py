"""k8s-netperf: the JSON that it prints with `--json`, and the `result-<time>.csv` that it writes.

Where it cannot take a mean it writes 0, so that a 0 is no figure; nor is what is below: of datagrams netperf
tells -1 segments sent again, and more than was sent may seem to have arrived. Its figures are means over the
samples of one pair; a latency is the 99th percentile, which only request and response profiles tell of round
trips. A time is when results were written, after the last test. As its source of August 2026 has it.
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
#: Columns that older releases do not write.
_LATER: Final = {
    "VM mode": "virt",
    "External Server": "externalServer",
    "UDN Info": "udnInfo",
    "Bridge Info": "bridgeInfo",
    "SR-IOV Info": "sriovInfo",
    "Macvlan Info": "macvlanInfo",
    "Localnet Info": "localnetInfo",
    "Burst": "burst",
}
_Number = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]
_Difference = Annotated[float, Field(ge=-1e15, le=1e15, allow_inf_nan=False)]
_Word = Annotated[str, Field(max_length=256)]


class _Node(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    name: _Word = Field(default="", alias="nodeName")


class _Test(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    driver: Annotated[str, Field(min_length=1, max_length=64)]
    profile: Annotated[str, Field(pattern=r"^(TCP|UDP|SCTP)_(STREAM|STREAM_LAT|RR|CRR)$")]
    host_network: bool = Field(alias="hostNetwork")
    service: bool
    same_node: bool = Field(default=False, alias="local")
    parallelism: Annotated[int, Field(ge=1, le=10_000)] = 1
    message_size: Annotated[int, Field(ge=0, le=10**9)] = Field(alias="messageSize")
    throughput: _Number
    throughput_unit: Annotated[str, Field(pattern=r"^(Mb/s|OP/s)$")] = Field(alias="tputMetric")
    latency: _Number
    latency_unit: Annotated[str, Field(pattern=r"^usec$")] = Field(alias="ltcyMetric")
    retransmits: _Difference = Field(default=0, alias="tcpRetransmits")
    loss: _Difference = Field(default=0, alias="udpLossPercent")
    timestamp: str
    burst: Annotated[int, Field(ge=0, le=10**6)] = 0
    virtual_machines: bool = Field(default=False, alias="virt")
    external_server: bool = Field(default=False, alias="externalServer")
    client: _Node = Field(default=_Node(), alias="clientNodeInfo")
    server: _Node = Field(default=_Node(), alias="serverNodeInfo")
    user_network: _Word = Field(default="", alias="udnInfo")
    bridge: _Word = Field(default="", alias="bridgeInfo")
    virtual_function: _Word = Field(default="", alias="sriovInfo")
    macvlan: _Word = Field(default="", alias="macvlanInfo")
    localnet: _Word = Field(default="", alias="localnetInfo")

    @property
    def is_stream(self) -> bool:
        return "_STREAM" in self.profile

    @property
    def name(self) -> str:
        """What makes it another test than others, beside its way."""
        networks = (self.user_network, self.bridge, self.virtual_function, self.macvlan, self.localnet)
        words = [f"{self.driver} {self.profile} {self.message_size} B"]
        words += [f"{self.parallelism} streams"] if self.parallelism > 1 else []
        words += [f"burst {self.burst}"] if self.burst else []
        words += ["same node"] if self.same_node else []
        words += ["virtual machines"] if self.virtual_machines else []
        words += [f"over {each}" for each in networks if each]
        return " ".join(words)

    @property
    def path(self) -> TrafficPath:
        if self.external_server:
            return TrafficPath.EXTERNAL
        if self.host_network:
            return TrafficPath.HOST_NETWORK
        return TrafficPath.CLUSTER_IP if self.service else TrafficPath.POD_IP


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
    columns = _COLUMNS | {
        column: name for column, name in _LATER.items() if column in (lines.fieldnames or ())
    }
    rows = [{name: line[column] for column, name in columns.items()} | {"timestamp": at} for line in lines]
    if not rows:
        raise InvalidInputError(f"{file.path}: has no line below its columns")
    return [_run(file, number, row) for number, row in enumerate(rows)]


def _run(file: File, number: int, content: Any) -> ForeignRun:
    where = f"test {number}: "
    test = document.validated(content, _Test, source=f"{file.path}: test {number}")
    protocol = test.profile.partition("_")[0]
    if test.is_stream != (test.throughput_unit == "Mb/s"):
        raise InvalidInputError(
            f"{file.path}: {where}tputMetric: {test.throughput_unit!r}: "
            "allowed: Mb/s of a stream, OP/s of others"
        )
    rate, latency = test.throughput or None, test.latency / 1000 or None
    figures = {"request_rate": rate, "request_latency_p99": latency}
    if test.is_stream:
        figures = {
            "throughput": of_megabits(rate) if rate else None,
            "tcp_retransmits": test.retransmits if protocol == "TCP" and test.retransmits > 0 else None,
            "packet_loss": test.loss if protocol == "UDP" and test.loss > 0 else None,
        }
    return file.run(
        figures,
        origin=ORIGIN,
        scenario=test.name,
        protocol=protocol,
        started_at=file.instant(test.timestamp, f"{where}timestamp"),
        where=where,
        number=number,
        path=test.path,
        nodes=(test.client.name, test.server.name),
    )
