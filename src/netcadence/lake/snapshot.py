"""Which files of a table count, at one moment, while others write, put together and remove.

A month's file says itself which runs it holds (`netcadence.lake.contents`), and is there, whole, before the
files that it replaces are removed. So each run is read from one file: the month's file with the most runs
among those that hold it, otherwise its own. No lock is needed for that, and no order among those who put
together: of two files one holds all that the other does, or each is asked for what the other lacks.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from netcadence.lake.contents import names_in
from netcadence.lake.errors import LakeChangedError
from netcadence.lake.layout import Place, cluster_folder
from netcadence.lake.storage import Storage

_log = logging.getLogger(__name__)
Made = TypeVar("Made")

#: Files looked into side by side; an object store answers each only after tens of milliseconds.
READERS: Final = 8
#: So often what looks at a lake begins anew because files were put together under it.
_ATTEMPTS: Final = 10
#: So often a lake may change under a look before that is given up.
_LOOKS: Final = 20


@dataclass(frozen=True, slots=True)
class Part:
    """A file that counts.

    Attributes:
        elsewhere: Runs in it that are read from another file.
    """

    place: Place
    elsewhere: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A table's files.

    Attributes:
        parts: Those that together hold each run once, ordered by path.
        replaced: Those of which all runs are read from others.
        strangers: Paths outside of the lake's layout.
    """

    parts: tuple[Part, ...]
    replaced: tuple[Place, ...]
    strangers: tuple[str, ...]


def take(
    storage: Storage,
    table: str,
    cluster: str | None = None,
    may_hold: Callable[[Place], bool] = lambda _: True,
) -> Snapshot:
    """Look at a table, or a cluster's part of it.

    Args:
        may_hold: Tells by its place whether a file is of interest; others are not looked at.

    Raises:
        LakeError: The storage refused or did not answer.
        LakeChangedError: Files have vanished while they were looked at; a new look may fare better.
    """
    paths = _paths(storage, table if cluster is None else cluster_folder(table, cluster))
    places = {path: Place.of(path) for path in paths}
    known = sorted((each for each in places.values() if each and may_hold(each)), key=_group)
    parts: list[Part] = []
    replaced: list[Place] = []
    for _, group in groupby(known, key=_group):
        for part in _resolved(storage, tuple(group)):
            if part.elsewhere is _ALL:
                replaced.append(part.place)
            else:
                parts.append(part)
    parts.sort(key=lambda part: part.place.path)
    return Snapshot(tuple(parts), tuple(replaced), tuple(path for path in paths if places[path] is None))


def unchanged(look: Callable[[], Made]) -> Made:
    """Look until no file vanished meanwhile, as those do that housekeeping puts together.

    Raises:
        LakeChangedError: It keeps on happening.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return look()
        except LakeChangedError as error:
            _log.debug("once more: %s", error)
    return look()


def names_of(storage: Storage, place: Place) -> frozenset[str]:
    """Return the runs that a file holds; none where it is a month's file that cannot be read.

    Raises:
        LakeError: The storage refused or did not answer.
        LakeChangedError: The file has vanished.
    """
    if place.count is None:
        return frozenset({place.name})
    return _names_in(storage, place)


#: Stands for all of a file's runs.
_ALL: Final = frozenset({"*"})
# The name of a month's file is made of the runs in it, so that one look is enough for ever.
_known: dict[str, frozenset[str]] = {}


def _names_in(storage: Storage, place: Place) -> frozenset[str]:
    if place.name not in _known:
        try:
            with storage.opened(place.path) as file:
                names = names_in(pq.read_schema(file))
        except FileNotFoundError as error:
            raise LakeChangedError(
                f"{storage.url_of(place.path)} vanished while it was read; read again"
            ) from error
        except (pa.ArrowException, OSError):
            storage.read(place.path)  # raises where it is the storage that is at fault
            names = None
        if names is None:
            return frozenset()
        _known[place.name] = names
    return _known[place.name]


def _group(place: Place) -> tuple[str, date]:
    return place.cluster, place.month


def _resolved(storage: Storage, group: tuple[Place, ...]) -> Iterator[Part]:
    """Deal the runs of a month out to the files that hold them."""
    months = [place for place in group if place.count is not None]
    if not months or len(group) == 1:
        yield from map(Part, group)
        return
    months.sort(key=lambda place: (place.count, place.name), reverse=True)
    with ThreadPoolExecutor(READERS) as pool:
        contents = list(pool.map(functools.partial(names_of, storage), months))
    seen: set[str] = set()
    for place, names in zip(months, contents, strict=True):
        yield Part(place, _ALL if names and names <= seen else names & seen)
        seen |= names
    for place in group:
        if place.count is None:
            yield Part(place, _ALL if place.name in seen else frozenset())


def _paths(storage: Storage, folder: str) -> list[str]:
    """List a folder so that no run is missed which is moved from one file to another meanwhile.

    A list is no picture of one moment. What is in a first list and not in a second has been replaced before
    the second came to its end. Where what replaced it is in the second, that is whole: whatever was removed
    before had been replaced by something that was there when the second began.
    """
    before = storage.files(folder)
    for _ in range(_LOOKS):
        now = storage.files(folder)
        if _all_held(storage, set(before) - set(now), now):
            return now
        before = now
    raise LakeChangedError(f"{storage.url_of(folder)} changed with every look at it; read again")


def _all_held(storage: Storage, gone: Iterable[str], paths: Iterable[str]) -> bool:
    for path in gone:
        place = Place.of(path)
        if place is None:
            continue
        others = (other for each in paths if (other := Place.of(each)) and other.count is not None)
        mates = [other for other in others if _group(other) == _group(place) and other.table == place.table]
        try:
            names = names_of(storage, place)
            held = any(names <= names_of(storage, mate) for mate in mates)
        except LakeChangedError:
            return False
        if not held:
            return False
    return True
