"""Hourly runs of 50 pairs and 8 metrics, generated with a seed: 10.5 million result rows in three years.

Planted: throughput falls by 12 % when a kernel changes, and by 10 % in the last 10 days; noon is slower,
weekends are faster, noise is that of `verdicts.py`.
"""

from __future__ import annotations

import itertools
import json
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from figures import FOLDER

SEED = 20_260_101
CLUSTER, SCENARIO = "prod", "udp-50:50"
PAIRS = 50
_FIRST = datetime(2023, 1, 1, tzinfo=UTC)
_CHANGE = datetime(2024, 5, 15, tzinfo=UTC)
_CHANGE_HOUR = (_CHANGE - _FIRST) // timedelta(hours=1)
_FRIDAY = 4
_NODES = 12
#: Metrics with about what they are.
_LEVELS = {
    "throughput": 12_800.0,
    "packet_rate": 8_900.0,
    "jitter": 0.02,
    "packet_loss": 0.05,
    "lost_packets": 40.0,
    "latency_avg": 0.3,
    "latency_min": 0.1,
    "latency_max": 4.0,
}
#: Rows of a run.
ROWS = PAIRS * len(_LEVELS)


def lake_of(days: int) -> tuple[Path, dict[str, float]]:
    """Return the lake as compaction leaves it, made where it is not there yet, and what making it took."""
    url = FOLDER / f"trends-lake-{SEED}-{days}"
    took = url / ".took.json"
    if took.exists():
        return url, json.loads(took.read_text(encoding="utf-8"))
    shutil.rmtree(url, ignore_errors=True)
    begun = time.perf_counter()
    done = {"rows": _generate(url, days), "made in, s": round(time.perf_counter() - begun, 1)}
    took.write_text(json.dumps(done), encoding="utf-8")
    return url, done


def write_runs(url: Path, days: int) -> int:
    """Write a file a run and table, as runs do, but without waiting for the disk; return how many runs."""
    from netcadence.lake.layout import Place

    runs = 0
    for month, names, tables in _months(days):
        for table, rows in tables.items():
            count = len(rows) // len(names)
            for place, (at, name) in enumerate(zip(month, names, strict=True)):
                path = url / Place(table, CLUSTER, at.date(), name).path
                path.parent.mkdir(parents=True, exist_ok=True)
                pq.write_table(rows.slice(place * count, count), path, compression="zstd")
        runs += len(names)
    return runs


def results_of(runs: int) -> pa.Table:
    """Return the result rows of the first runs as one table."""
    _, _, tables = next(_months(31))
    return tables["results"].slice(0, runs * ROWS).combine_chunks()


def _generate(url: Path, days: int) -> int:
    """Write month after month: sorted, a series in row groups of its own."""
    from netcadence.lake.compaction import merge, open_all
    from netcadence.lake.layout import Place
    from netcadence.lake.snapshot import Part
    from netcadence.lake.storage import Storage

    storage, rows = Storage(url), 0
    for month, names, tables in _months(days):
        for table, made in tables.items():
            raw = Place(table, CLUSTER, month[0].date(), names[0])
            file = url / raw.path
            file.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(made, file)
            data, _ = merge(storage, table, open_all(storage, [Part(raw)]), names)
            storage.write(Place.of_month(table, CLUSTER, month[0].date(), names).path, data)
            file.unlink()
            rows += len(made) if table == "results" else 0
    return rows


def _months(days: int) -> Iterator[tuple[list[datetime], list[str], dict[str, pa.Table]]]:
    """Yield each month's runs: when they started, their ids, and their tables, run by run."""
    chance = np.random.default_rng(SEED)
    hours = [_FIRST + timedelta(hours=hour) for hour in range(24 * days)]
    for _, group in itertools.groupby(hours, key=lambda at: (at.year, at.month)):
        month = list(group)
        names = [f"run-{at:%Y%m%d-%H}" for at in month]
        yield month, names, {"results": _results(month, names, days, chance), "runs": _runs(month, names)}


def _results(month: list[datetime], names: list[str], days: int, chance: np.random.Generator) -> pa.Table:
    from netcadence.lake.schemas import FILE_SCHEMAS
    from netcadence_worker.metrics import METRICS

    size, runs = ROWS, len(month)
    hour = np.array([(at - _FIRST) // timedelta(hours=1) for at in month])
    noon = 1 - 0.1 * np.sin(np.pi * np.array([at.hour for at in month]) / 24)
    weekend = np.where([at.weekday() > _FRIDAY for at in month], 1.05, 1.0)
    factor = noon * weekend * np.exp(np.clip(0.02 * chance.standard_t(1.5, runs), -1, 1))
    values = np.exp(np.clip(0.036 * chance.standard_t(1.5, (runs, size)), -2.3, 2.3))
    values *= np.repeat(list(_LEVELS.values()), PAIRS) * factor[:, np.newaxis]
    values[hour >= _CHANGE_HOUR, :PAIRS] *= 0.88
    values[hour >= 24 * (days - 10), :PAIRS] *= 0.9
    pair = np.tile(np.arange(PAIRS), len(_LEVELS) * runs)
    metric = np.tile(np.repeat(np.arange(len(_LEVELS)), PAIRS), runs)
    run = np.repeat(np.arange(runs), size)
    count = len(run)

    def of(codes: Any, words: list[str]) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), words).cast(pa.string())

    nodes, declared = _nodes(), [METRICS[name] for name in _LEVELS]
    filled = {
        "run_id": of(run, names),
        "scenario": of(np.zeros(count), [SCENARIO]),
        "started_at": pa.array(month, pa.timestamp("us", tz="UTC")).take(pa.array(run)),
        "round": pa.array(np.zeros(count), pa.int32()),
        "pair_index": pa.array(pair, pa.int32()),
        "client_node": of(pair % _NODES, nodes),
        "server_node": of((pair + 1 + pair // _NODES) % _NODES, nodes),
        "protocol": of(np.zeros(count), ["UDP"]),
        "metric": of(metric, list(_LEVELS)),
        "unit": of(metric, [each.unit for each in declared]),
        "value": pa.array(values.ravel()),
        "direction": of(metric, [each.direction.value for each in declared]),
        "path": of(np.zeros(count), ["pod-ip"]),
    }
    schema = FILE_SCHEMAS["results"]
    columns = [filled.get(each.name, pa.nulls(count, each.type)) for each in schema]
    return pa.table(columns, schema=schema)


def _runs(month: list[datetime], names: list[str]) -> pa.Table:
    from netcadence.lake.schemas import FILE_SCHEMAS

    rows = [
        {
            "run_id": run_id,
            "scenario": SCENARIO,
            "started_at": at,
            "ended_at": at + timedelta(seconds=12),
            "verdict": "PASS",
            "planned_pairs": PAIRS,
            "measured_pairs": PAIRS,
            "error_count": 0,
            "path": "pod-ip",
            "ip_family": "ipv4",
            "nodes": [
                {"name": name, "kernel": "6.1.0-31" if at < _CHANGE else "6.1.0-32"} for name in _nodes()
            ],
        }
        for at, run_id in zip(month, names, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=FILE_SCHEMAS["runs"])


def _nodes() -> list[str]:
    return [f"node-{index}" for index in range(_NODES)]
