"""A figure over time: which one, its points, and what was left out of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from netcadence.blame import Part
from netcadence.traffic_path import TrafficPath
from netcadence_worker.metrics import METRICS, Metric

Values = NDArray[np.float64]
#: Instants in microseconds, in UTC.
Instants = NDArray[np.datetime64]

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


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The points of a figure, oldest first, one a run.

    Attributes:
        instants: When each run started.
        figures: In the key's unit.
        run_ids: As many.
        left_out: How many runs have no point here, by why.

    Raises:
        ValueError: The points are not equally many, in order, and finite.
    """

    key: SeriesKey
    instants: Instants
    figures: Values
    run_ids: tuple[str, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.instants) == len(self.figures) == len(self.run_ids):
            raise ValueError("a series needs as many instants and runs as figures")
        if not np.isfinite(self.figures).all():
            raise ValueError("a series holds finite values only")
        if (np.diff(self.instants) < np.timedelta64(0)).any():
            raise ValueError("a series is in the order of time")

    def __len__(self) -> int:
        return len(self.figures)

    def at(self, index: int) -> datetime:
        """Return when a run started, in UTC."""
        return instant(self.instants[index])


def instant(value: np.datetime64) -> datetime:
    """Return an instant of a series as Python has it, in UTC."""
    made: datetime = value.astype("datetime64[us]").item()
    return made.replace(tzinfo=UTC)


def instants_of(values: list[datetime]) -> Instants:
    """Return instants, each with its time zone, as a series has them."""
    return np.array([value.astimezone(UTC).replace(tzinfo=None) for value in values], dtype="datetime64[us]")
