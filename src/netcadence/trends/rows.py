"""A metric's rows of many runs as numbers, and statistics over the pairs of each run, all runs at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from netcadence.blame import Part
from netcadence.statistics import PERC05, PERC50, Statistic
from netcadence.traffic_path import TrafficPath
from netcadence.trends.series import Values

Codes = NDArray[np.int64]

#: Which column holds the node that does its part.
SIDES: Final = {Part.CLIENT: "client_node", Part.SERVER: "server_node"}
#: What `Rows.of` reads; `SIDES` besides where nodes are wanted.
COLUMNS: Final = ("run_id", "value", "repeat", "path")


@dataclass(frozen=True)
class Runs:
    """The runs of one cluster and scenario, in the order of time.

    Attributes:
        unsound: What each is left out for; empty where it counts.
        paths: The scenario's own, beside which a baseline's rows have another.
    """

    cluster: str
    scenario: str
    ids: NDArray[np.object_]
    instants: NDArray[np.datetime64]
    unsound: NDArray[np.object_]
    paths: NDArray[np.object_]
    families: NDArray[np.object_]

    @cached_property
    def counting(self) -> NDArray[np.bool_]:
        return np.asarray(self.unsound == "", dtype=bool)

    @cached_property
    def places(self) -> dict[str, int]:
        return {run_id: place for place, run_id in enumerate(self.ids)}


@dataclass(frozen=True, slots=True)
class Rows:
    """A metric's rows as numbers: which run, repeat and nodes, by code.

    Attributes:
        run: Place among the runs; rows of others are not here.
        repeat: -1 where nothing was repeated.
        unjudged: How many runs have rows here and are not listed.
    """

    runs: Runs
    run: Codes
    repeat: Codes
    value: Values
    path: Codes
    path_names: Sequence[str]
    sides: Mapping[Part, tuple[Codes, Sequence[str]]]
    unjudged: int = 0

    @classmethod
    def of(cls, table: pa.Table, runs: Runs) -> Rows:
        """Read them; what is of no counting run, of warming up, or no number is left out."""
        run, unjudged = _placed(table.column("run_id"), runs)
        value = np.asarray(table.column("value").to_numpy(), dtype=np.float64)
        repeat = _repeats(table.column("repeat"))
        counts = (run >= 0) & np.isfinite(value) & runs.counting[run]
        if (repeat >= 0).any():
            repeated = np.zeros(len(runs.ids), dtype=bool)
            repeated[run[(run >= 0) & (repeat >= 0)]] = True
            counts &= (repeat >= 0) | ~repeated[run]
        path, path_names = _coded(table.column("path"), TrafficPath.POD_IP.value)
        sides = {
            part: _coded(table.column(column))
            for part, column in SIDES.items()
            if column in table.column_names
        }
        made = cls(runs, run, repeat, value, path, path_names, sides, unjudged)
        return made if counts.all() else made._only(counts)

    @property
    def paths(self) -> list[str]:
        if len(self.path_names) <= 1:
            return list(self.path_names)
        present = np.bincount(self.path, minlength=len(self.path_names)) > 0
        return sorted(name for name, there in zip(self.path_names, present, strict=True) if there)

    def families(self, path: str) -> list[str]:
        """Return the IP families by which a path was gone."""
        run = self.run if self.paths == [path] else self.run[self._is_path(path)]
        present = np.bincount(run, minlength=len(self.runs.ids)) > 0
        return sorted(set(self.runs.families[present]))

    def of_way(self, path: str, family: str) -> Rows:
        """Return the rows of one path and IP family."""
        chosen = self._is_path(path) & (self.runs.families == family)[self.run]
        return self if chosen.all() else self._only(chosen)

    @property
    def most_pairs(self) -> int:
        """How many pairs a run, or a repeat of it, has at most."""
        return int(np.bincount(self._groups()).max()) if len(self.run) else 0

    def by_run(self, statistics: Sequence[Statistic]) -> Iterator[tuple[Statistic, Codes, Values]]:
        """Yield for each statistic the runs that have it, by place, and its values."""
        if not len(self.run) or not statistics:
            return
        sorting = _Sorting.of(self._groups(), self.value)
        for statistic in statistics:
            yield statistic, *self._per_run(sorting.groups, sorting.take(statistic))

    def by_node(
        self, part: Part, statistic: Statistic, *, only: str | None
    ) -> Iterator[tuple[str, Codes, Values]]:
        """Yield each node's runs and values; none where all pairs are of one, for that is no other series."""
        if part not in self.sides:
            return
        codes, names = self.sides[part]
        present = [code for code in np.flatnonzero(np.bincount(codes)).tolist() if names[code]]
        if len(present) <= 1 or statistic.merged_percent is not None:
            return
        span = int(self._groups().max()) + 1
        sorting = _Sorting.of(codes * span + self._groups(), self.value)
        values = sorting.take(statistic)
        for code in present:
            if only and names[code] != only:
                continue
            chosen = sorting.groups // span == code
            yield names[code], *self._per_run(sorting.groups[chosen] % span, values[chosen])

    def _is_path(self, path: str) -> NDArray[np.bool_]:
        if len(self.path_names) == 1:
            return np.broadcast_to(np.bool_(self.path_names[0] == path), self.path.shape)
        return np.array([name == path for name in self.path_names])[self.path]

    def _only(self, chosen: NDArray[np.bool_]) -> Rows:
        sides = {part: (codes[chosen], names) for part, (codes, names) in self.sides.items()}
        return replace(
            self,
            run=self.run[chosen],
            repeat=self.repeat[chosen],
            value=self.value[chosen],
            path=self.path[chosen],
            sides=sides,
        )

    def _groups(self) -> Codes:
        """Number runs and repeats together; a run that was not repeated is its own only one."""
        return self.run if self._repeats == 1 else self.run * self._repeats + self.repeat + 1

    @property
    def _repeats(self) -> int:
        return int(self.repeat.max()) + 2 if len(self.repeat) else 1

    def _per_run(self, groups: Codes, values: Values) -> tuple[Codes, Values]:
        run = groups // self._repeats
        if (np.diff(run) > 0).all():
            return run, values
        medians = pd.Series(values).groupby(run, sort=True).median()
        places: Codes = medians.index.to_numpy(dtype=np.int64)
        per_run: Values = np.asarray(medians, dtype=np.float64)
        return places, per_run


@dataclass(frozen=True, slots=True)
class _Sorting:
    """Values in order within their groups, which statistics by rank are read off."""

    groups: Codes
    begins: Codes
    counts: Codes
    ordered: Values

    @classmethod
    def of(cls, groups: Codes, values: Values) -> _Sorting:
        if (groups[1:] < groups[:-1]).any():  # the lake has them in order, but for nodes
            order = np.argsort(groups, kind="stable")
            groups, values = groups[order], values[order]
        begins = np.flatnonzero(np.concatenate([[True], groups[1:] != groups[:-1]]))
        counts = np.diff(begins, append=len(groups))
        sizes = np.unique(counts)
        if len(sizes) == 1:  # as it is most often
            return cls(groups[begins], begins, counts, np.sort(values.reshape(-1, sizes[0]), axis=1).ravel())
        ordered = np.empty_like(values)
        for count in sizes:
            places = begins[counts == count][:, np.newaxis] + np.arange(count)
            ordered[places] = np.sort(values[places], axis=1)
        return cls(groups[begins], begins, counts, ordered)

    def take(self, statistic: Statistic) -> Values:
        """Take what `Statistic.of` takes, of each group."""
        if not statistic.is_ratio:
            return self._ranked(statistic)
        low, median = self._ranked(PERC05), self._ranked(PERC50)
        return np.divide(low, median, out=np.zeros_like(low), where=median != 0)

    def _ranked(self, statistic: Statistic) -> Values:
        sizes = np.unique(self.counts)
        ranks = np.array([statistic.rank(int(size)) for size in sizes], dtype=np.int64)
        picked: Values = self.ordered[self.begins + ranks[np.searchsorted(sizes, self.counts)]]
        return picked


# Of ten million rows a column is 80 MB: one that is the same all over takes none (`broadcast_to`).
def _placed(ids: pa.ChunkedArray, runs: Runs) -> tuple[Codes, int]:
    """Return where the run of each row is, and of how many there are rows that are not listed."""
    codes, unknown = [np.zeros(0, dtype=np.int64)], set()
    for chunk in ids.chunks:
        names = chunk.dictionary.to_pylist()
        places = np.array([runs.places.get(name, -1) for name in names] or [-1], dtype=np.int64)
        codes.append(places[chunk.indices.to_numpy()])
        unknown |= {name for name, place in zip(names, places.tolist(), strict=False) if place < 0}
    return np.concatenate(codes), len(unknown)


def _repeats(column: pa.ChunkedArray) -> Codes:
    if column.null_count == len(column):
        return np.broadcast_to(np.int64(-1), len(column))
    return np.asarray(pc.fill_null(column, -1).to_numpy(), dtype=np.int64)


def _coded(column: pa.ChunkedArray, untold: str = "") -> tuple[Codes, list[str]]:
    """Return the texts of a column as codes, and what each stands for; null stands for `untold`."""
    if not len(column):
        return np.zeros(0, dtype=np.int64), []
    coded = column.unify_dictionaries().combine_chunks()
    names = coded.dictionary.to_pylist()
    codes = coded.indices
    if len(names) == 1 and not coded.null_count:
        return np.broadcast_to(np.int64(0), len(codes)), names
    if coded.null_count:
        names = names if untold in names else [*names, untold]
        codes = pc.fill_null(codes, names.index(untold))
    return codes.to_numpy(zero_copy_only=False).astype(np.int64), names
