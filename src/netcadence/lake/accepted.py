"""A level that somebody has declared to be the new normal: who, when and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from netcadence.errors import InvalidInputError
from netcadence.lake.series_key import SeriesKey


@dataclass(frozen=True, slots=True)
class AcceptedLevel:
    """A row of the lake's table `accepted_levels`.

    Attributes:
        acceptance_id: Names its file in the lake.
        changed_at: When the level began, as it was seen when it was accepted.
        level: What is accepted, in the series' unit; `level_before` is what it was before.
        accepted_by: Who has accepted it.
        reason: Why.
    """

    acceptance_id: str
    key: SeriesKey
    changed_at: datetime
    accepted_at: datetime
    level: float
    level_before: float
    accepted_by: str
    reason: str

    def __post_init__(self) -> None:
        for name in ("accepted_by", "reason"):
            if not getattr(self, name).strip():
                raise InvalidInputError(
                    f"{name}: is empty; allowed: words that somebody understands in a year"
                )
