"""Which figure of which runs is one series: what the lake's trends and accepted levels are about."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from netcadence.blame import Part
from netcadence.traffic_path import TrafficPath
from netcadence_worker.metrics import METRICS, Metric

_ID_LENGTH: Final = 8


@dataclass(frozen=True, slots=True, order=True)
class SeriesKey:
    """Which figure of which runs; what differs in any of it is another series.

    Attributes:
        statistic: What is taken over a run's pairs, such as `Perc50`.
        path: By which way the pairs went; of a host-network baseline it is not the scenario's own.
        ip_family: Empty where no run says it.
        node: Only pairs of this node; empty for all pairs.
        part: What the node does in them.
        origin: Where imported figures are from, such as `perfdata`; empty for runs of ours.
    """

    cluster: str
    scenario: str
    metric: str
    statistic: str
    path: str = TrafficPath.POD_IP.value
    ip_family: str = ""
    node: str = ""
    part: str = ""
    origin: str = ""

    @property
    def id(self) -> str:
        """A short name to type, the same whenever and wherever it is made."""
        parts = (
            self.cluster,
            self.scenario,
            self.metric,
            self.statistic,
            self.path,
            self.ip_family,
            self.node,
            self.part,
            self.origin,
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_ID_LENGTH]

    @property
    def declared(self) -> Metric:
        """The metric's entry in the catalogue."""
        return METRICS[self.metric]

    @property
    def unit(self) -> str:
        return "" if "/" in self.statistic else self.declared.unit

    @property
    def role(self) -> Part | None:
        """What the node does in its pairs; None for all pairs."""
        return Part(self.part) if self.part else None
