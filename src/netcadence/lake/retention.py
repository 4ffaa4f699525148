"""Retention: what of the lake is kept for how long, table by table; what is not named is kept for ever."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from netcadence.errors import InvalidInputError
from netcadence.lake.layout import Place
from netcadence.lake.schemas import FILE_SCHEMAS
from netcadence.lake.storage import Storage

_DAYS: Final = {"d": 1, "w": 7, "y": 365}
_AGE: Final = re.compile(r"([1-9]\d{0,4})([dwy])", re.ASCII)
_ALLOWED: Final = "TABLE=AGE, such as raw=90d, intervals=26w or results=3y; tables: " + ", ".join(
    FILE_SCHEMAS
)


@dataclass(frozen=True, slots=True)
class Retirement:
    """What was removed, or would be.

    Attributes:
        paths: Files in the lake, sorted.
    """

    paths: tuple[str, ...]


def parse(rules: Iterable[str]) -> dict[str, timedelta]:
    """Read rules such as `raw=90d`.

    Raises:
        InvalidInputError: One is not acceptable, or a table is named twice.
    """
    found: dict[str, timedelta] = {}
    for rule in rules:
        table, _, text = rule.partition("=")
        age = _AGE.fullmatch(text)
        if table not in FILE_SCHEMAS or age is None or table in found:
            raise InvalidInputError(f"retention {rule!r}: allowed, each table once: {_ALLOWED}")
        found[table] = timedelta(days=int(age[1]) * _DAYS[age[2]])
    return found


def retire(
    storage: Storage, keep: Mapping[str, timedelta], *, today: date, dry_run: bool = False
) -> Retirement:
    """Remove the files that hold only runs which started longer ago; a month's file goes with its last day.

    Raises:
        LakeError: The storage refused or did not answer. What was removed until then is gone.
    """
    due = []
    for table, age in keep.items():
        places = (Place.of(path) for path in storage.files(table))
        due += [place for place in places if place and place.last_day < today - age]
    if not dry_run:
        # Those with the most runs last, for they hold what the others do, too.
        for place in sorted(due, key=lambda place: place.count or 0):
            storage.delete(place.path)
    return Retirement(tuple(sorted(place.path for place in due)))
