"""The lake, read as series: each metric's rows once, every statistic and node taken of them together.

What counts: runs that were judged and hold. INVALID and N/A ones, and such as were stopped before anybody
judged them, are counted and left out. Repeats that warmed up are left out as in judging, and a run's figure
is the median over its repeats. What others have measured (`origin`) was judged by nobody, and is taken as it
is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from netcadence.blame import Part
from netcadence.lake import Lake
from netcadence.lake.accepted import AcceptedLevel
from netcadence.lake.series_key import SeriesKey
from netcadence.lake.tables import histogram_of
from netcadence.record import UNSOUND
from netcadence.statistics import CONSISTENCY, PERC05, PERC50, PERC95, Statistic, merged
from netcadence.traffic_path import TrafficPath
from netcadence.trends.circumstance import Circumstances, of_row
from netcadence.trends.rows import COLUMNS, SIDES, Codes, Rows, Runs
from netcadence.trends.series import Series, Values, instant
from netcadence_worker.histogram import Histogram
from netcadence_worker.metrics import METRICS, PERCENT_OF, Direction

_UNJUDGED: Final = "stopped before a verdict"
_RUN_COLUMNS: Final = ("run_id", "cluster", "scenario", "started_at", "verdict", "path", "ip_family")
_FOREIGN_COLUMNS: Final = ("run_id", "cluster", "scenario", "started_at", "metric", "value", "origin")
_CIRCUMSTANCES: Final = (
    "run_id",
    "started_at",
    "tool",
    "tool_version",
    "network",
    "kubernetes_version",
    "cni",
    "mtu",
    "netcadence_version",
    "nodes",
    "config",
)


#: Rows of the table `runs`, and where in them each run is.
_Listed = tuple[pa.Table, dict[str, int]]


@dataclass(frozen=True, slots=True)
class Query:
    """Which series are wanted; None wants all.

    Attributes:
        metric: By default all that have a direction.
        nodes: Whether each node's own series are wanted besides; `node` wants those of one only.
        since: Runs that started then or later; needs a time zone. `until` is exclusive.
        statistics: Instead of the usual ones, by metric; other metrics are left out then.
    """

    cluster: str | None = None
    scenario: str | None = None
    metric: str | None = None
    statistic: Statistic | None = None
    path: str | None = None
    node: str | None = None
    nodes: bool = True
    since: datetime | None = None
    until: datetime | None = None
    statistics: Mapping[str, tuple[Statistic, ...]] | None = None

    @property
    def span(self) -> dict[str, Any]:
        return {
            "cluster": self.cluster,
            "scenario": self.scenario,
            "since": self.since,
            "until": self.until,
        }

    @property
    def wants_nodes(self) -> bool:
        return (self.nodes or self.node is not None) and self.statistics is None

    def metrics(self) -> tuple[str, ...]:
        """Return the metrics that are wanted, in the catalogue's order."""
        if self.statistics is not None:
            return tuple(name for name in METRICS if name in self.statistics)
        if self.metric:
            return (self.metric,)
        return tuple(each.name for each in METRICS.values() if each.direction is not Direction.NEUTRAL)

    def statistics_of(self, metric: str, *, several: bool) -> tuple[Statistic, ...]:
        """Return what is taken of a metric: the median, and what is worse than it where pairs differ."""
        if self.statistics is not None:
            return self.statistics.get(metric, ())
        if self.statistic:
            return (self.statistic,)
        if not several:
            return (PERC50,)
        if METRICS[metric].direction is Direction.HIGHER:
            return (PERC50, PERC05, CONSISTENCY) if metric == "throughput" else (PERC50, PERC05)
        return (PERC50, PERC95)


@dataclass(slots=True)
class History:
    """What a lake holds of the wanted series.

    Attributes:
        left_out: Files that could not be read, and why.
    """

    lake: Lake
    query: Query
    left_out: tuple[str, ...] = ()
    _circumstances: dict[tuple[str, str, np.datetime64], _Listed] = field(default_factory=dict)
    _known: dict[tuple[str, str], Runs] = field(default_factory=dict)
    _runs_seen: int = 0
    _unsound_seen: Counter[str] = field(default_factory=Counter)

    def series(self) -> Iterator[Series]:
        """Yield the series, those of a cluster, scenario and metric together.

        Raises:
            LakeError: The storage did not answer.
        """
        measured = self.measured() if self.query.metric is None else None
        for runs in self._runs():
            self._runs_seen += len(runs.ids)
            self._unsound_seen.update(runs.unsound[runs.unsound != ""].tolist())
            present = measured and measured.get((runs.cluster, runs.scenario), set())
            for metric in self.query.metrics():
                if present is None or metric in present:
                    yield from self._of_metric(runs, metric)
        yield from self._foreign()

    @property
    def why_empty(self) -> str:
        """Why there is no series, once `series` has come to its end without one."""
        where = " and ".join(
            f"{name} {value}"
            for name, value in (
                ("cluster", self.query.cluster),
                ("scenario", self.query.scenario),
                ("metric", self.query.metric),
                ("node", self.query.node),
                ("path", self.query.path),
            )
            if value
        )
        asked = f" for {where}" if where else ""
        for word, bound in (("since", self.query.since), ("until", self.query.until)):
            asked += f" {word} {bound:%Y-%m-%d %H:%M}" if bound else ""
        broken = f"; {len(self.left_out)} files could not be read" if self.left_out else ""
        if not self._runs_seen:
            return f"the lake {self.lake.url} holds no run{asked}{broken}"
        unsound = self._unsound_seen.total()
        if unsound == self._runs_seen:
            told = ", ".join(f"{count} {why}" for why, count in self._unsound_seen.most_common())
            return f"no run in the lake {self.lake.url} has figures that hold{asked}: {told}{broken}"
        return f"no run in the lake {self.lake.url} has such a figure{asked}{broken}"

    def scenarios(self) -> tuple[str, ...]:
        """Return the names of the scenarios that have runs."""
        frame = self._frame("runs", ("run_id", "scenario", "verdict"))
        self._runs_seen = len(frame)
        unsound = frame["verdict"][frame["verdict"].isin(UNSOUND)]
        self._unsound_seen = Counter(unsound.tolist())
        return tuple(sorted(frame["scenario"].unique()))

    def judged(self, scenario: str, statistics: Mapping[str, tuple[Statistic, ...]]) -> Iterator[Series]:
        """Yield statistics of a scenario as thresholds are held against them: a baseline's rows are not."""
        query = replace(self.query, scenario=scenario, statistics=statistics, nodes=False)
        inner = History(self.lake, query)
        for runs in inner._runs():
            own = set(runs.paths)
            for metric in query.metrics():
                for series in inner._of_metric(runs, metric):
                    if series.key.path in own:
                        yield series
        self.left_out = tuple(dict.fromkeys((*self.left_out, *inner.left_out)))

    def around(self, key: SeriesKey, run_ids: Sequence[str]) -> Sequence[Circumstances]:
        """Return the circumstances of those of the runs that are listed, in the order given."""
        runs = self._known[key.cluster, key.scenario]
        found = []
        for run_id in run_ids:
            month = runs.instants[runs.places[run_id]].astype("datetime64[M]")
            table, places = self._listed(key.cluster, key.scenario, month)
            found.append(of_row(table.slice(places[run_id], 1).to_pylist()[0]))
        return found

    def accepted(self) -> Sequence[AcceptedLevel]:
        """Return the levels that were accepted, of all series."""
        return self.lake.accepted_levels(cluster=self.query.cluster, scenario=self.query.scenario)

    def _read(self, table: str, columns: Sequence[str], **wanted: Any) -> pa.Table:
        rows, left_out = self.lake.columns(table, columns, **wanted)
        self.left_out = tuple(dict.fromkeys((*self.left_out, *left_out)))
        return rows

    def _frame(self, table: str, columns: Sequence[str], **wanted: Any) -> pd.DataFrame:
        frame: pd.DataFrame = self._read(table, columns, **self.query.span, **wanted).to_pandas()
        return frame.astype({"run_id": "object"})

    def _listed(self, cluster: str, scenario: str, month: np.datetime64) -> _Listed:
        """Return the circumstances of a month's runs, which are many and large, and seldom asked for."""
        if (cluster, scenario, month) not in self._circumstances:
            begin, end = (instant(each.astype("datetime64[us]")) for each in (month, month + 1))
            span = {"cluster": cluster, "scenario": scenario, "since": begin, "until": end}
            found = self._read("runs", _CIRCUMSTANCES, **span)
            places = {run_id: place for place, run_id in enumerate(found.column("run_id").to_pylist())}
            self._circumstances[cluster, scenario, month] = found, places
        return self._circumstances[cluster, scenario, month]

    def measured(self) -> dict[tuple[str, str], set[str]]:
        """Return which metrics there are, by cluster and scenario."""
        names = ["cluster", "scenario", "metric"]
        table = self._read("results", names, is_foreign=False, **self.query.span)
        found: dict[tuple[str, str], set[str]] = {}
        for row in table.group_by(names).aggregate([]).to_pylist():
            found.setdefault((row["cluster"], row["scenario"]), set()).add(row["metric"])
        return found

    def _runs(self) -> Iterator[Runs]:
        table = self._read("runs", _RUN_COLUMNS, **self.query.span)
        texts = [
            each.with_type(pa.string()) if pa.types.is_dictionary(each.type) else each
            for each in table.schema
        ]
        table = table.cast(pa.schema(texts))
        table = table.sort_by(
            [(name, "ascending") for name in ("cluster", "scenario", "started_at", "run_id")]
        )
        for (cluster, scenario), rows in _by_scenario(table):
            verdicts = rows.column("verdict")
            unsound = pc.is_in(verdicts, value_set=pa.array(sorted(UNSOUND), pa.string()))
            families = _objects(pc.fill_null(rows.column("ip_family"), ""))
            known = set(families) - {""}
            if len(known) == 1:  # runs before it was kept, and such as made no pair
                families[families == ""] = known.pop()
            runs = Runs(
                cluster=cluster,
                scenario=scenario,
                ids=_objects(rows.column("run_id")),
                instants=rows.column("started_at").to_numpy().astype("datetime64[us]"),
                unsound=_objects(pc.if_else(unsound, verdicts, "")),
                paths=_objects(pc.fill_null(rows.column("path"), TrafficPath.POD_IP.value)),
                families=families,
            )
            self._known[cluster, scenario] = runs
            yield runs

    def _of_metric(self, runs: Runs, metric: str) -> Iterator[Series]:
        wanted = self.query.span | {"cluster": runs.cluster, "scenario": runs.scenario}
        columns = (*COLUMNS, *SIDES.values()) if self.query.wants_nodes else COLUMNS
        table = self._read("results", columns, metric=metric, is_foreign=False, **wanted)
        if not len(table):
            return
        rows = Rows.of(table, runs)
        for path in rows.paths:
            if self.query.path and path != self.query.path:
                continue
            for family in rows.families(path):
                key = SeriesKey(runs.cluster, runs.scenario, metric, "", str(path), family)
                yield from self._of_way(runs, rows.of_way(path, family), key)

    def _of_way(self, runs: Runs, rows: Rows, key: SeriesKey) -> Iterator[Series]:
        left_out = Counter(runs.unsound[runs.unsound != ""].tolist())
        if rows.unjudged:
            left_out[_UNJUDGED] += rows.unjudged
        if not self.query.node:
            statistics = self.query.statistics_of(key.metric, several=rows.most_pairs > 1)
            of_pairs = [each for each in statistics if each.merged_percent is None]
            for statistic, places, values in rows.by_run(of_pairs):
                made = replace(key, statistic=statistic.name)
                yield _series(made, runs, places, values, left_out)
            yield from self._of_requests(runs, key, statistics, left_out)
        if self.query.wants_nodes:
            statistic = self.query.statistic or PERC50
            for part in Part:
                for node, places, values in rows.by_node(part, statistic, only=self.query.node):
                    made = replace(key, statistic=statistic.name, node=node, part=part.value)
                    yield _series(made, runs, places, values, {})

    def _of_requests(
        self, runs: Runs, key: SeriesKey, statistics: Sequence[Statistic], left_out: Mapping[str, int]
    ) -> Iterator[Series]:
        """Yield percentiles of all requests, where single ones were counted, which pairs' own cannot tell."""
        if key.metric not in PERCENT_OF:
            return
        asked = [each for each in statistics if each.merged_percent is not None]
        usual = self.query.statistics is None and self.query.statistic is None
        wanted = [merged(PERCENT_OF[key.metric])] if usual else asked
        if not wanted:
            return
        span = self.query.span | {"cluster": runs.cluster, "scenario": runs.scenario}
        columns = ("run_id", "repeat", "least", "most", "sum", "buckets")
        table = self._read("latencies", columns, **span)
        repeats: dict[int, dict[int, list[Histogram]]] = {}
        for row in table.to_pylist():
            place = runs.places.get(row["run_id"])
            if place is None or runs.unsound[place] or runs.paths[place] != key.path:
                continue
            if runs.families[place] != key.ip_family:
                continue
            repeat = -1 if row["repeat"] is None else row["repeat"]
            repeats.setdefault(place, {}).setdefault(repeat, []).append(histogram_of(row))
        for statistic in wanted:
            found = {
                place: float(np.median([statistic.of_histograms(pairs) for pairs in _judged(of).values()]))
                for place, of in sorted(repeats.items())
            }
            if found:
                made = replace(key, statistic=statistic.name)
                places = np.array(list(found), dtype=np.int64)
                yield _series(made, runs, places, np.array(list(found.values())), left_out)

    def _foreign(self) -> Iterator[Series]:
        """Yield what others have measured: no run of ours is there to say more of it."""
        if self.query.node or self.query.statistics is not None:
            return
        own = self._frame("results", _FOREIGN_COLUMNS, is_foreign=True)
        own["statistic"] = PERC50.name  # of the only pair
        columns = (*_FOREIGN_COLUMNS, "statistic")
        found = pd.concat([own, self._frame("summaries", columns)])
        found = found[found["metric"].isin(self.query.metrics()) & np.isfinite(found["value"].astype(float))]
        if self.query.statistic:
            found = found[found["statistic"] == self.query.statistic.name]
        if self.query.path and self.query.path != TrafficPath.POD_IP:
            return
        self._runs_seen += found["run_id"].nunique()
        groups = ["cluster", "scenario", "metric", "statistic", "origin"]
        for names, rows in found.sort_values(["started_at", "run_id"]).groupby(groups, sort=True):
            cluster, scenario, metric, statistic, origin = map(str, names)
            yield Series(
                SeriesKey(cluster, scenario, metric, statistic, origin=origin),
                rows["started_at"].dt.tz_localize(None).to_numpy(dtype="datetime64[us]"),
                rows["value"].to_numpy(dtype=float),
                tuple(rows["run_id"]),
            )


def _series(key: SeriesKey, runs: Runs, places: Codes, values: Values, left_out: Mapping[str, int]) -> Series:
    order = np.argsort(places, kind="stable")
    places, values = places[order], values[order]
    return Series(key, runs.instants[places], values, tuple(runs.ids[places].tolist()), dict(left_out))


def _by_scenario(table: pa.Table) -> Iterator[tuple[tuple[str, str], pa.Table]]:
    """Yield the runs of each cluster and scenario, of a table that is in their order."""
    counts = table.group_by(["cluster", "scenario"], use_threads=False).aggregate([([], "count_all")])
    begin = 0
    for row in counts.to_pylist():
        yield (row["cluster"], row["scenario"]), table.slice(begin, row["count_all"])
        begin += row["count_all"]


def _objects(column: pa.ChunkedArray) -> NDArray[np.object_]:
    """Return texts as an array of their own, that may be written to."""
    return np.array(column.to_pylist(), dtype=object)


def _judged(repeats: dict[int, list[Histogram]]) -> dict[int, list[Histogram]]:
    """Leave out what warmed up, where anything was repeated."""
    return {repeat: pairs for repeat, pairs in repeats.items() if repeat >= 0} or repeats
