"""A run, read back: from its rows to the record and the judgement that were stored.

What was kept of a run is enough to report on it as if it had just ended. What the tables do not hold stays
empty: the tools' output (the table `raw` has it), what probers saw, and each side's resources but for the
figures that were made of them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import pyarrow as pa

from netcadence.confidence import ConfidenceInterval
from netcadence.errors import InvalidInputError
from netcadence.lake.errors import LakeRefusedError
from netcadence.lake.reading import LeftOut, Selection, read, read_columns
from netcadence.lake.schemas import READ_SCHEMAS
from netcadence.lake.storage import Storage
from netcadence.lake.tables import histogram_of
from netcadence.pair import Pair, WorkerPod
from netcadence.record import Finding, Judgement, NodeFacts, PairOutcome, RunFacts, RunRecord, Skew, Verdict
from netcadence.traffic_path import TrafficPath
from netcadence_worker.contract import (
    ClockReading,
    Interval,
    Mark,
    Reason,
    ReportedError,
    Result,
    Role,
    Target,
    Tool,
    ToolVersion,
)
from netcadence_worker.metrics import METRICS

Row = Mapping[str, Any]
#: By which all rows about a pair are known, within a run.
PairKey = tuple[int, int]
#: Of the table `raw`, which holds what tools printed as well: that is long, and nobody asked for it.
_OF_TOOLS: Final = ("round", "pair_index", "role", "tool", "version")


@dataclass(frozen=True, slots=True)
class Recollection:
    """A run as it was kept.

    Attributes:
        left_out: Files that could not be read, and why: something of the run may be missing.
    """

    record: RunRecord
    judgement: Judgement
    left_out: tuple[str, ...] = ()


def recall(storage: Storage, run_id: str) -> Recollection:
    """Read a concluded run back.

    Raises:
        InvalidInputError: No run that is listed has this id.
        LakeRefusedError: What was measured is not all there, or is nothing that this version can read.
        LakeError: The storage did not answer.
    """
    listed = read(storage, "runs", Selection(run_id=run_id))
    if not listed.rows.num_rows:
        raise InvalidInputError(
            f"run {run_id!r} is not in the lake {storage.url}; allowed: one that `netcadence results` shows"
        )
    run = listed.rows.to_pylist(maps_as_pydicts="strict")[0]
    tables, left_out = {}, list(listed.left_out)
    selection = Selection(run_id=run_id, cluster=run["cluster"])
    for name in ("results", "intervals", "latencies", "verdicts", "raw"):
        columns = _OF_TOOLS if name == "raw" else tuple(READ_SCHEMAS[name].names)
        columns = tuple(column for column in columns if column != "date")
        reading = read_columns(storage, name, selection, columns, allowed={})
        tables[name], left_out = reading.rows, [*left_out, *reading.left_out]
    named = _named(storage, left_out)
    try:
        return Recollection(_record(run, tables), _judgement(run, tables["verdicts"]), named)
    except (KeyError, ValueError) as error:
        missing = f"; left out: {', '.join(named)}" if named else ""
        raise LakeRefusedError(
            f"run {run_id} of the lake {storage.url} cannot be read back: {error}{missing}"
        ) from error


def _record(run: Row, tables: Mapping[str, pa.Table]) -> RunRecord:
    results = _by_pair(tables["results"])
    intervals, latencies, tools = (_by_pair(tables[name]) for name in ("intervals", "latencies", "raw"))
    outcomes: dict[bool, list[PairOutcome]] = {False: [], True: []}
    for key, rows in sorted(results.items(), key=lambda entry: (entry[1][0]["pair_index"], entry[0])):
        is_baseline = _path(rows[0]) == TrafficPath.HOST_NETWORK != _path(run)
        parts = (found.get(key, ()) for found in (intervals, latencies, tools))
        outcomes[is_baseline].append(_outcome(rows, *parts, is_baseline=is_baseline))
    skew = [run[f"skew_{name}_ms"] for name in ("p50", "p99", "max")]
    return RunRecord(
        facts=_facts(run, results, tables["verdicts"]),
        outcomes=tuple(outcomes[False]),
        skew=None if None in skew else Skew(*skew),
        baseline=tuple(outcomes[True]),
    )


def _path(row: Row) -> str:
    return row["path"] or TrafficPath.POD_IP.value  # files before schema version 3 do not tell


def _by_pair(table: pa.Table) -> dict[PairKey, list[Row]]:
    found = defaultdict[PairKey, list[Row]](list)
    for row in table.to_pylist():
        found[row["round"], row["pair_index"]].append(row)
    return dict(found)


def _outcome(
    rows: Sequence[Row],
    intervals: Iterable[Row],
    latencies: Sequence[Row],
    tools: Iterable[Row],
    *,
    is_baseline: bool,
) -> PairOutcome:
    first = rows[0]
    # A metric that this version does not know is one of a newer version's.
    figures = tuple(Result.of(row["metric"], row["value"]) for row in rows if row["metric"] in METRICS)
    error = None
    if first["error_reason"]:
        error = ReportedError.of(Reason(first["error_reason"]), first["error_message"] or "")
    return PairOutcome(
        pair=_pair(first, is_baseline=is_baseline),
        results=() if error else figures,
        beside=figures if error else (),
        intervals=_intervals(intervals),
        marks=tuple(map(Mark, first["marks"] or ())),
        error=error,
        tools={Role(row["role"]): _tool(row) for row in tools if row["tool"]},
        started_at=first["client_started_at"],
        ended_at=first["client_ended_at"],
        clock=_clock(first, ""),
        clock_after=_clock(first, "_after"),
        start_offset_s=first["start_offset_s"],
        limit=first["limit"] or "",
        target_ip=first["target_ip"],
        latencies=histogram_of(latencies[0]) if latencies else None,
    )


def _pair(row: Row, *, is_baseline: bool) -> Pair:
    client, server = (_worker(row, role, on_host=is_baseline) for role in Role)
    target = Target(address=row["target"], port=row["target_port"]) if row["target"] else None
    return Pair(
        row["pair_index"], client, server, row["port"] or 0, row["round"], target, is_baseline=is_baseline
    )


def _worker(row: Row, role: Role, *, on_host: bool) -> WorkerPod:
    name, node, zone, ip = (row[f"{role}_{what}"] or "" for what in ("pod", "node", "zone", "ip"))
    return WorkerPod(name, "", ip, node, zone, on_host=on_host)


def _intervals(rows: Iterable[Row]) -> tuple[Interval, ...]:
    found = defaultdict[tuple[float, float], dict[str, float]](dict)
    for row in rows:
        if row["metric"] in METRICS:
            found[row["start_s"], row["end_s"]][row["metric"]] = row["value"]
    return tuple(Interval(start=start, end=end, values=of) for (start, end), of in sorted(found.items()))


def _tool(row: Row) -> ToolVersion:
    return ToolVersion(name=Tool(row["tool"]), version=row["version"] or "")


def _clock(row: Row, when: str) -> ClockReading | None:
    offset, uncertainty = row[f"clock_offset{when}_s"], row[f"clock_uncertainty{when}_s"]
    if row["clock_reference"] is None or offset is None or uncertainty is None:
        return None
    return ClockReading(reference=row["clock_reference"], offset=offset, uncertainty=uncertainty)


def _facts(run: Row, results: Mapping[PairKey, Sequence[Row]], verdicts: pa.Table) -> RunFacts:
    """Return the facts; what the tables say of repeats in their own way is turned back."""
    known = {field.name for field in fields(RunFacts)} & run.keys()
    texts = ("network", "kubernetes_version", "cni", "netcadence_version", "ip_family", "protocol", "tool")
    told = {name: run[name] for name in known} | {name: run[name] or "" for name in texts}
    told |= {name: run[name] or {} for name in ("phases_s", "labels")}
    nodes = tuple(_node(each) for each in run["nodes"] or ())
    repeats = json.loads(run["config"] or "{}").get("repeats") or {}
    warm_up = repeats.get("warm_up", 0)
    # Those who tell their starts are asked about them, once there is a pair that was measured.
    asks = run["measured_pairs"] == 0 or "skew_max_ms" in verdicts.column("requirement").to_pylist()
    return RunFacts(
        **told
        | {
            "nodes": nodes,
            "path": _path(run),
            "config": run["config"] or "{}",
            "config_hash": run["config_hash"] or "",
            "duration_s": run["duration_s"] or 0,
            "skew_bound_ms": run["skew_bound_ms"] or 0.0,
            "tells_starts": run["skew_p99_ms"] is not None or asks,
            "rounds_of_repeat": _rounds_of_repeat(results, warm_up) if repeats else 0,
            "warm_up_repeats": warm_up,
        }
    )


def _rounds_of_repeat(results: Mapping[PairKey, Sequence[Row]], warm_up: int) -> int:
    rounds = max((key[0] for key in results), default=0) + 1
    numbers = [row["repeat"] for rows in results.values() for row in rows if row["repeat"] is not None]
    return rounds // (warm_up + max(numbers) + 1) if numbers else rounds


def _node(row: Row) -> NodeFacts:
    numbers = {"allocatable_cpu", "allocatable_memory_bytes", "mtu"}
    # A struct of an older file has null for what it lacks.
    told: dict[str, Any] = {field.name: row.get(field.name) for field in fields(NodeFacts)}
    told |= {name: value or "" for name, value in told.items() if name not in numbers}
    return NodeFacts(**told)


def _judgement(run: Row, verdicts: pa.Table) -> Judgement:
    return Judgement(Verdict(run["verdict"]), tuple(map(_finding, verdicts.to_pylist())), run["docs"] or "")


def _finding(row: Row) -> Finding:
    texts = ("suite", "requirement", "metric", "statistic", "unit", "comparison", "detail")
    interval = {field.name: row[f"interval_{field.name}"] for field in fields(ConfidenceInterval)}
    return Finding(
        **{name: row[name] or "" for name in texts},
        value=row["value"],
        threshold=row["threshold"],
        verdict=Verdict(row["verdict"]),
        interval=None if None in interval.values() else ConfidenceInterval(**interval),
    )


def _named(storage: Storage, left_out: Iterable[LeftOut]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"{storage.url_of(each.path)}: {each.reason}" for each in left_out))
