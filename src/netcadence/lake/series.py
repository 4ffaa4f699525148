"""One series over all time: what a statistic over the pairs of each run was, oldest run first.

Made for files that housekeeping has put together, where a series lies in row groups of its own; others are
read as well, only slower.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

from netcadence.errors import InvalidInputError
from netcadence.lake.pruning import Allowed
from netcadence.lake.reading import LeftOut, Selection, read_columns
from netcadence.lake.storage import Storage
from netcadence.record import UNSOUND
from netcadence.statistics import PERC05, PERC50, Statistic
from netcadence.traffic_path import TrafficPath
from netcadence_worker.contract import Role

_KEYS: Final = ("cluster", "scenario", "metric", "path", "origin")
#: Stands for the verdict of a run that is not listed: it was stopped before anybody judged it.
UNLISTED: Final = "not listed"


@dataclass(frozen=True, slots=True, order=True)
class SeriesKey:
    """What is one series: never of two ways, since a baseline measures the same pairs by another.

    Attributes:
        path: The way, which files before schema version 3 do not tell: it was the pod's address.
        origin: Where imported figures are from, such as `perfdata`; empty for what was measured here.
    """

    cluster: str
    scenario: str
    metric: str
    path: str = TrafficPath.POD_IP.value
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """A series, and what is not in it.

    Attributes:
        points: One row a run, oldest first: `run_id`, `started_at`, `value`, `pairs` (of how many pairs) and
            the run's `verdict`.
        excluded: How many runs have such figures that do not count, by verdict.
        left_out: Files that could not be read, and why.
    """

    key: SeriesKey
    statistic: Statistic
    points: pd.DataFrame
    excluded: Mapping[str, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()

    @property
    def why_empty(self) -> str:
        """Why there is no point, in a sentence; empty where there is one."""
        if len(self.points):
            return ""
        what = f"{self.key.metric} of {self.key.scenario} on cluster {self.key.cluster}, by {self.key.path}"
        if self.excluded:
            told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(self.excluded.items()))
            return f"no run counts that has measured {what}: {told}"
        if self.left_out:
            return f"no run in the lake has measured {what}, and {len(self.left_out)} files could not be read"
        return f"no run in the lake has measured {what} in that time"


def keys(storage: Storage, selection: Selection) -> tuple[SeriesKey, ...]:
    """Return which series there are.

    Raises:
        LakeError: The storage did not answer.
    """
    rows = read_columns(
        storage, "results", selection, _KEYS, allowed={}, condition=ds.field("metric").is_valid()
    ).rows
    kinds = rows.group_by(list(_KEYS)).aggregate([]).to_pylist()
    untold = {"path": TrafficPath.POD_IP.value, "origin": ""}
    found = {SeriesKey(**{name: row[name] or untold[name] for name in _KEYS}) for row in kinds}
    return tuple(sorted(found))


def series(
    storage: Storage,
    key: SeriesKey,
    statistic: Statistic,
    *,
    node: str = "",
    part: Role | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Series:
    """Return a series; runs whose figures do not hold (INVALID, N/A, unlisted) are counted, and not in it.

    What was imported is no run of ours: it has no verdict, and all of it is there.

    Args:
        node: Only pairs with a side on this node.
        part: Which side that is; by default either.

    Raises:
        InvalidInputError: The statistic is one of single requests, which `latencies` has.
        LakeError: The storage did not answer.
    """
    if statistic.merged_percent is not None:
        raise InvalidInputError(f"statistic {statistic}: allowed of a series: one over pairs, such as Perc50")
    selection = Selection(scenario=key.scenario, cluster=key.cluster, since=since, until=until)
    columns = ("run_id", "started_at", "value", "repeat")
    sides = _sides(node, part) if node else None
    reading = read_columns(storage, "results", selection, columns, allowed=_allowed(key), condition=sides)
    points = _points(reading.rows, statistic)
    if key.origin:
        points["verdict"] = ""
        return Series(key, statistic, points, left_out=_named(storage, reading.left_out))
    runs = read_columns(storage, "runs", selection, ("run_id", "verdict"), allowed={})
    verdicts = dict(zip(*(runs.rows.column(name).to_pylist() for name in ("run_id", "verdict")), strict=True))
    points["verdict"] = points["run_id"].map(verdicts).fillna(UNLISTED)
    counts = ~points["verdict"].isin(UNSOUND | {UNLISTED})
    excluded = {
        str(verdict): int(count) for verdict, count in points.loc[~counts, "verdict"].value_counts().items()
    }
    left_out = _named(storage, reading.left_out + runs.left_out)
    return Series(key, statistic, points[counts].reset_index(drop=True), excluded, left_out)


def _allowed(key: SeriesKey) -> Allowed:
    return {
        "metric": frozenset({key.metric}),
        "path": frozenset({key.path} | ({None} if key.path == TrafficPath.POD_IP else set())),
        "origin": frozenset({key.origin or None}),
    }


def _sides(node: str, part: Role | None) -> ds.Expression:
    sides = [ds.field(f"{role}_node") == node for role in (Role if part is None else (part,))]
    return functools.reduce(operator.or_, sides)


def _points(rows: pa.Table, statistic: Statistic) -> pd.DataFrame:
    """Take the statistic of each run, without its warm-up."""
    encoded = rows.column("run_id").unify_dictionaries().combine_chunks()
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    started = rows.column("started_at").cast(pa.int64()).to_numpy()
    values = rows.column("value").to_numpy()
    kept = _judged(rows.column("repeat"), codes, len(encoded.dictionary))
    if not kept.all():
        codes, started, values = codes[kept], started[kept], values[kept]
    taken = _taken(codes, values, statistic)
    first = np.zeros(len(encoded.dictionary), dtype=np.int64)
    first[codes] = started
    runs = taken["run"].to_numpy()
    frame = pd.DataFrame(
        {
            "run_id": encoded.dictionary.take(pa.array(runs)).to_pandas(),
            "started_at": pd.to_datetime(first[runs], unit="us", utc=True),
            "value": taken["value"].to_numpy(),
            "pairs": taken["pairs"].to_numpy(),
        }
    )
    return frame.sort_values(["started_at", "run_id"], ignore_index=True)


def _judged(repeat: pa.ChunkedArray, codes: npt.NDArray[np.int32], runs: int) -> npt.NDArray[np.bool_]:
    """Tell which rows are no warm-up: those with a repeat, and all of a run that repeats nothing."""
    told = repeat.is_valid().to_numpy()
    repeats = np.zeros(runs, dtype=bool)
    repeats[codes[told]] = True
    return np.asarray(told | ~repeats[codes], dtype=bool)


def _taken(
    codes: npt.NDArray[np.int32], values: npt.NDArray[np.float64], statistic: Statistic
) -> pd.DataFrame:
    if (codes[1:] < codes[:-1]).any():
        order = np.argsort(codes, kind="stable")
        codes, values = codes[order], values[order]
    runs, starts, counts = np.unique(codes, return_index=True, return_counts=True)
    taken = np.empty(len(runs))
    # Most runs have equally many pairs, and a table of those is sorted in a fraction of the time.
    for count in np.unique(counts):
        alike = counts == count
        table = np.sort(values[starts[alike][:, np.newaxis] + np.arange(count)], axis=1)
        taken[alike] = _of_sorted(table, statistic)
    return pd.DataFrame({"run": runs, "value": taken, "pairs": counts})


def _of_sorted(table: npt.NDArray[np.float64], statistic: Statistic) -> npt.NDArray[np.float64]:
    """Take a statistic of each row of sorted values."""
    count = table.shape[1]
    if not statistic.is_ratio:
        return np.asarray(table[:, statistic.rank(count)])
    low, middle = table[:, PERC05.rank(count)], table[:, PERC50.rank(count)]
    return np.divide(low, middle, out=np.zeros_like(low), where=middle != 0)


def _named(storage: Storage, left_out: tuple[LeftOut, ...]) -> tuple[str, ...]:
    return tuple(f"{storage.url_of(each.path)}: {each.reason}" for each in left_out)
