"""Compaction: a month's many small files become one of each cluster and table, while others read and write.

The new file is there, whole, before those that it replaces go; it says which runs it holds, by which readers
and writers know what counts (`netcadence.lake.snapshot`). So whoever compacts may be killed at any moment, or
have company: what is left to do is done by the next one. What cannot be read is put aside and named.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from netcadence.lake.errors import LakeChangedError
from netcadence.lake.layout import ASIDE, Place
from netcadence.lake.merging import BrokenFileError, Source, merge, open_all
from netcadence.lake.reading import LeftOut
from netcadence.lake.schemas import FILE_SCHEMAS
from netcadence.lake.snapshot import READERS, Part, names_of, take, unchanged
from netcadence.lake.storage import Storage

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Merged:
    """A month's file that was written.

    Attributes:
        runs: How many runs are in it.
        files: How many files have become it.
    """

    place: Place
    runs: int
    rows: int
    files: int


@dataclass(frozen=True, slots=True)
class Compaction:
    """What was done.

    Attributes:
        removed: Files all of whose runs are in others.
        aside: Files that cannot be read, now below `_aside/` in the lake.
        left: Files that were left as they are, and why.
    """

    merged: tuple[Merged, ...] = ()
    removed: tuple[str, ...] = ()
    aside: tuple[LeftOut, ...] = ()
    left: tuple[LeftOut, ...] = ()

    def __add__(self, other: Compaction) -> Compaction:
        return Compaction(
            self.merged + other.merged,
            self.removed + other.removed,
            self.aside + other.aside,
            self.left + other.left,
        )


def compact(storage: Storage, *, until: date, keep_replaced_s: float = 0) -> Compaction:
    """Put the runs of each month together, those that started before the day `until`.

    Args:
        keep_replaced_s: How long a file stays beside the one that replaces it, for readers that look at the
            folder alone and would miss it; those of ours do not.

    Raises:
        LakeError: The storage refused or did not answer. What was done until then holds.
    """
    done = Compaction()
    for table in FILE_SCHEMAS:
        done += _table(storage, table, until)
        done += unchanged(lambda table=table: _sweep(storage, table, keep_replaced_s))  # type: ignore[misc]
    return done


def _table(storage: Storage, table: str, until: date) -> Compaction:
    done = Compaction()
    parts = unchanged(lambda: take(storage, table)).parts
    grouped = groupby(sorted(parts, key=lambda part: _group(part.place)), key=lambda part: _group(part.place))
    for (cluster, month), group in grouped:
        try:
            done += _month(storage, tuple(group), until)
        except LakeChangedError:
            # Another housekeeping is at this month, too: look at what it has made of it.
            done += unchanged(lambda: _again(storage, table, cluster, month, until))  # noqa: B023 - run at once
    return done


def _again(storage: Storage, table: str, cluster: str, month: date, until: date) -> Compaction:
    parts = take(storage, table, cluster, lambda place: place.month == month).parts
    return _month(storage, parts, until)


def _group(place: Place) -> tuple[str, date]:
    return place.cluster, place.month


def _month(storage: Storage, parts: Sequence[Part], until: date) -> Compaction:
    """Put a month's files together, unless they are already."""
    due = [part for part in parts if part.place.count is not None or part.place.day < until]
    if not _is_open(due):
        return Compaction()
    found = open_all(storage, due)
    sources = [each for each in found if isinstance(each, Source)]
    done = Compaction()
    for trouble in (each for each in found if isinstance(each, BrokenFileError)):
        done += _spared(storage, trouble)
    while _is_open([source.part for source in sources]):
        try:
            return done + _written(storage, sources)
        except BrokenFileError as trouble:
            done += _spared(storage, trouble)
            sources = [each for each in sources if each.part.place.path != trouble.left_out.path]
    return done


def _is_open(parts: Sequence[Part]) -> bool:
    return len(parts) > 1 or any(part.place.count is None for part in parts)


def _written(storage: Storage, sources: Sequence[Source]) -> Compaction:
    names = sorted(set().union(*(names_of(storage, source.part.place) for source in sources)))
    first = sources[0].part.place
    place = Place.of_month(first.table, first.cluster, first.day, names)
    data, rows = merge(storage, first.table, sources, names)
    storage.write(place.path, data)
    return Compaction(merged=(Merged(place, len(names), rows, len(sources)),))


def _spared(storage: Storage, trouble: BrokenFileError) -> Compaction:
    """Leave what a newer version has written; put aside what cannot be read."""
    file = trouble.left_out
    if trouble.is_newer:
        return Compaction(left=(file,))
    storage.write(f"{ASIDE}/{file.path}", storage.read(file.path))
    storage.delete(file.path)
    _log.warning("put aside %s: %s", storage.url_of(file.path), file.reason)
    return Compaction(aside=(file,))


def _sweep(storage: Storage, table: str, keep_replaced_s: float) -> Compaction:
    """Remove the files all of whose runs are in others that are old enough."""
    snapshot = take(storage, table)
    held: dict[tuple[str, date], set[str]] = {}
    for place in (part.place for part in snapshot.parts if snapshot.replaced):
        age_s = storage.age_s(place.path) if place.count is not None else None
        if age_s is not None and (keep_replaced_s <= 0 or age_s >= keep_replaced_s):
            held.setdefault(_group(place), set()).update(names_of(storage, place))
    due = [
        place.path
        for place in snapshot.replaced
        if names_of(storage, place) <= held.get(_group(place), set())
    ]
    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(storage.delete, due))
    return Compaction(removed=tuple(due))
