"""Tonight: what was judged on each cluster in the last hours, and whether that makes it green."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from netcadence.lake import Lake
from netcadence.record import GRAVITY, Verdict

#: A night, and what a late start takes; the automation that misses a run waits as long.
NIGHT: Final = timedelta(hours=26)
#: How far back a last run is looked for, for a cluster without any tonight.
_MEMORY: Final = timedelta(days=14)
_RUN: Final = ("run_id", "cluster", "scenario", "started_at", "verdict", "labels")


@dataclass(frozen=True, slots=True)
class Judged:
    """A run, or an acceptance, that came to a verdict; `name` is that of its scenario or profile."""

    cluster: str
    name: str
    verdict: Verdict
    started_at: datetime
    run_id: str


@dataclass(frozen=True, slots=True)
class Tonight:
    """What was judged on a cluster tonight, oldest first; `last` is known also where that is nothing."""

    cluster: str
    judged: tuple[Judged, ...]
    last: datetime | None

    @property
    def verdict(self) -> Verdict | None:
        """The gravest; None where nothing was judged."""
        return min((each.verdict for each in self.judged), key=GRAVITY.index, default=None)

    @property
    def is_green(self) -> bool:
        return self.verdict is Verdict.PASS


def judged_in(lake: Lake, *, now: datetime) -> Iterator[Judged]:
    """Yield what the lake has of the last days, but not what is only a part of an acceptance."""
    since = now - _MEMORY
    for row in lake.runs(_RUN, since=since).to_dict("records"):
        if "acceptance" not in row["labels"]:
            started_at = row["started_at"].to_pydatetime()
            verdict = Verdict(row["verdict"])
            yield Judged(row["cluster"], row["scenario"], verdict, started_at, row["run_id"])
    acceptances = lake.acceptances(since=since).drop_duplicates("acceptance_id")
    for row in acceptances.to_dict("records"):
        started_at = row["acceptance_started_at"].to_pydatetime()
        verdict = Verdict(row["acceptance_verdict"])
        yield Judged(row["cluster"], row["profile"], verdict, started_at, row["acceptance_id"])


def tonight(
    judged: Iterable[Judged], *, expected: Collection[str] = (), now: datetime
) -> tuple[Tonight, ...]:
    """Return each cluster's night, those that are not green first.

    Args:
        expected: Clusters that are to be measured, whether or not they have been.
    """
    known = sorted(judged, key=lambda each: each.started_at)
    found = []
    for cluster in {each.cluster for each in known} | set(expected):
        own = [each for each in known if each.cluster == cluster]
        recent = tuple(each for each in own if each.started_at > now - NIGHT)
        found.append(Tonight(cluster, recent, own[-1].started_at if own else None))
    return tuple(sorted(found, key=lambda each: (each.is_green, each.cluster)))
