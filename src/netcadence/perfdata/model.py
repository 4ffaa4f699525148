"""What a PerfData file holds, and which of our metrics is which of its labels."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from netcadence_worker.contract import Protocol

VALUE: Final = "Value"
PERCENTILES: Final = ("Perc05", "Perc50", "Perc95")

_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class Ratio(enum.StrEnum):
    """How many clients measured with how many servers, as upstream tells it."""

    ONE_TO_ONE = "1:1"
    MANY_TO_MANY = "N:M"

    @property
    def statistics(self) -> tuple[str, ...]:
        """The keys of `data`: the one pair's value, or nearest-rank percentiles over the pairs."""
        return (VALUE,) if self is Ratio.ONE_TO_ONE else PERCENTILES


class _Edge(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Labels(_Edge):
    """What is labelled: the metric, by upstream's name."""

    metric: Annotated[str, Field(alias="Metric")]


class DataItem(_Edge):
    """One metric's figures, by statistic."""

    data: dict[str, _Number]
    unit: str
    labels: Labels


class PerfData(_Edge):
    """A whole file."""

    version: Literal["v1"]
    data_items: Annotated[tuple[DataItem, ...], Field(alias="dataItems", min_length=1)]


@dataclass(frozen=True, slots=True)
class Counterpart:
    """One of our metrics in upstream's words.

    Attributes:
        metric: Name in our catalogue, which has our unit.
        label: Upstream's name.
        unit: Upstream's word for the unit. It is the same unit in each case, so that no value is converted:
            its `kbytes/sec` are iperf's, of 1024 bytes, as our `KBytes/s` are.
    """

    metric: str
    label: str
    unit: str


#: What upstream publishes of each protocol, in its order.
COUNTERPARTS: Final[dict[Protocol, tuple[Counterpart, ...]]] = {
    Protocol.TCP: (Counterpart("throughput", "Throughput", "kbytes/sec"),),  # KBytes/s
    Protocol.UDP: (
        Counterpart("packet_rate", "Packet_Per_Second", "pps"),  # packets/s
        Counterpart("jitter", "Jitter", "ms"),  # ms
        Counterpart("latency_avg", "Latency", "ms"),  # ms
        Counterpart("packet_loss", "Lost_Packets", "percentage"),  # %
    ),
    Protocol.HTTP: (Counterpart("response_time", "Response_Time", "seconds"),),  # s
}
