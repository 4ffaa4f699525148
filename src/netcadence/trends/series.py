"""A figure over time: its points, and what was left out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from netcadence.lake.series_key import SeriesKey

Values = NDArray[np.float64]
#: Instants in microseconds, in UTC.
Instants = NDArray[np.datetime64]


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
