"""The trends of many series: what `netcadence trends`, its flow, reports and artifacts are made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from netcadence.errors import InvalidInputError
from netcadence.lake import Lake
from netcadence.lake.accepted import AcceptedLevel
from netcadence.trends.detection import LEAST_CHANGE
from netcadence.trends.history import History, Query
from netcadence.trends.trend import Status, Trend, analyse


@dataclass(frozen=True, slots=True)
class Survey:
    """The trends of all series that were asked for.

    Attributes:
        lake: Its address.
        least_change: The least relative change that counted.
        why_empty: A sentence where there is no series at all.
        left_out: Files that could not be read, and why.
    """

    lake: str
    made_at: datetime
    query: Query
    least_change: float
    trends: tuple[Trend, ...]
    why_empty: str = ""
    left_out: tuple[str, ...] = ()

    @property
    def regressed(self) -> tuple[Trend, ...]:
        """What somebody has to look at: all pairs before single nodes, the largest first."""
        found = [each for each in self.trends if each.is_regressed]
        return tuple(sorted(found, key=_by_size))

    @property
    def judged(self) -> tuple[Trend, ...]:
        """The series that have enough runs."""
        return tuple(each for each in self.trends if each.status is not Status.TOO_FEW)

    def with_id(self, series_id: str) -> Trend:
        """Return the trend of a series by its id.

        Raises:
            InvalidInputError: There is none.
        """
        found = next((each for each in self.trends if each.key.id == series_id), None)
        if found is None:
            raise InvalidInputError(
                f"{series_id}: no series of the lake {self.lake} has this id; "
                "allowed: one that `netcadence trends --all` shows"
            )
        return found


def survey(lake: Lake, query: Query, *, made_at: datetime, least_change: float = LEAST_CHANGE) -> Survey:
    """Read the wanted series and say what each did.

    Raises:
        LakeError: The storage did not answer.
    """
    history = History(lake, query)
    accepted = history.accepted()
    trends = tuple(
        analyse(
            series,
            accepted=[each for each in accepted if each.key == series.key],
            around=lambda runs, key=series.key: history.around(key, runs),  # type: ignore[misc]
            least_change=least_change,
        )
        for series in history.series()
    )
    why = "" if trends else history.why_empty
    return Survey(lake.url, made_at, query, least_change, trends, why, history.left_out)


def accept(
    lake: Lake, trends: Iterable[Trend], *, by: str, reason: str, at: datetime
) -> tuple[AcceptedLevel, ...]:
    """Declare the present levels of regressed series to be their normal ones, and keep that in the lake.

    Raises:
        InvalidInputError: One of them has not regressed, or nobody or no reason is given; nothing is kept.
        LakeError: The storage refused or did not answer.
    """
    made = [_accepted(each, by=by, reason=reason, at=at) for each in trends]
    for each in made:
        lake.accept_level(each)
    return tuple(made)


def _accepted(trend: Trend, *, by: str, reason: str, at: datetime) -> AcceptedLevel:
    key, regression = trend.key, trend.regression
    if regression is None or regression.accepted:
        raise InvalidInputError(
            f"{key.id}: {key.metric} {key.statistic} of {key.scenario} is {trend.status}; "
            "allowed: a series that has regressed"
        )
    return AcceptedLevel(
        acceptance_id=f"level-{at:%Y%m%d-%H%M%S}-{key.id}",
        key=key,
        changed_at=regression.change.at,
        accepted_at=at,
        level=regression.present.value,
        level_before=regression.reference.value,
        accepted_by=by,
        reason=reason,
    )


def _by_size(trend: Trend) -> tuple[bool, float]:
    relative = trend.regression.size.relative if trend.regression else None
    return bool(trend.key.node), -abs(relative or 0.0)
