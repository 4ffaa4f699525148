"""Trends over three years of hourly runs: 50 pairs, 8 metrics, about 10 million rows, generated with a seed.

The runs are written month by month as the lake's compaction leaves them, and kept for the next time in
`.netcadence/benchmarks/`. Then, each in a process of its own, beside the naive way with pandas over the same
files:

- the trend of one series over all time: at most 1 s;
- all change points of more than 200 series: at most 60 s, with less than 2 GB of memory.

Planted: throughput falls by 12 % when a kernel changes, and by 10 % in the last 10 days; noon is slower,
weekends are faster, noise is that of `verdicts.py`. Prints figures and ratios, keeps them as JSON.
`--days N` makes a shorter history.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import multiprocessing
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

_SEED = 20_260_101
_FIRST = datetime(2023, 1, 1, tzinfo=UTC)
_CHANGE = datetime(2024, 5, 15, tzinfo=UTC)
_CHANGE_HOUR = (_CHANGE - _FIRST) // timedelta(hours=1)
_FRIDAY = 4
_PAIRS, _NODES = 50, 12
_SCENARIO, _CLUSTER = "udp-50:50", "prod"
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
_LIMITS = {"one series": 1.0, "all series": 60.0}
_MOST_MEMORY_MB = 2_000
_FOLDER = Path(__file__).resolve().parents[1] / ".netcadence" / "benchmarks"


def generate(url: Path, days: int) -> int:
    """Write month after month as compaction leaves it: sorted, a series in row groups of its own."""
    from netcadence.lake.compaction import merge, open_all
    from netcadence.lake.layout import Place
    from netcadence.lake.snapshot import Part
    from netcadence.lake.storage import Storage

    chance, storage, rows = np.random.default_rng(_SEED), Storage(url), 0
    hours = [_FIRST + timedelta(hours=hour) for hour in range(24 * days)]
    for _, group in itertools.groupby(hours, key=lambda at: (at.year, at.month)):
        month = list(group)
        names = [f"run-{at:%Y%m%d-%H}" for at in month]
        for table, made in (("results", _results(month, names, days, chance)), ("runs", _runs(month, names))):
            raw = Place(table, _CLUSTER, month[0].date(), names[0])
            file = url / raw.path
            file.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(made, file)
            data, _ = merge(storage, table, open_all(storage, [Part(raw)]), names)
            storage.write(Place.of_month(table, _CLUSTER, month[0].date(), names).path, data)
            file.unlink()
            rows += len(made) if table == "results" else 0
    return rows


def _results(month: list[datetime], names: list[str], days: int, chance: np.random.Generator) -> pa.Table:
    from netcadence.lake.schemas import FILE_SCHEMAS
    from netcadence_worker.metrics import METRICS

    size, runs = len(_LEVELS) * _PAIRS, len(month)
    hour = np.array([(at - _FIRST) // timedelta(hours=1) for at in month])
    noon = 1 - 0.1 * np.sin(np.pi * np.array([at.hour for at in month]) / 24)
    weekend = np.where([at.weekday() > _FRIDAY for at in month], 1.05, 1.0)
    factor = noon * weekend * np.exp(np.clip(0.02 * chance.standard_t(1.5, runs), -1, 1))
    values = np.exp(np.clip(0.036 * chance.standard_t(1.5, (runs, size)), -2.3, 2.3))
    values *= np.repeat(list(_LEVELS.values()), _PAIRS) * factor[:, np.newaxis]
    values[hour >= _CHANGE_HOUR, :_PAIRS] *= 0.88
    values[hour >= 24 * (days - 10), :_PAIRS] *= 0.9
    pair = np.tile(np.arange(_PAIRS), len(_LEVELS) * runs)
    metric = np.tile(np.repeat(np.arange(len(_LEVELS)), _PAIRS), runs)
    run = np.repeat(np.arange(runs), size)
    count = len(run)

    def of(codes: Any, words: list[str]) -> pa.Array:
        return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), words).cast(pa.string())

    nodes, declared = _nodes(), [METRICS[name] for name in _LEVELS]
    filled = {
        "run_id": of(run, names),
        "scenario": of(np.zeros(count), [_SCENARIO]),
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
            "scenario": _SCENARIO,
            "started_at": at,
            "ended_at": at + timedelta(seconds=12),
            "verdict": "PASS",
            "planned_pairs": _PAIRS,
            "measured_pairs": _PAIRS,
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


def lake_of(days: int) -> tuple[Path, dict[str, float]]:
    """Return the lake, made where it is not there yet, and what making it took."""
    url = _FOLDER / f"trends-lake-{_SEED}-{days}"
    took = url / ".took.json"
    if took.exists():
        return url, json.loads(took.read_text(encoding="utf-8"))
    shutil.rmtree(url, ignore_errors=True)
    begun = time.perf_counter()
    done = {"rows": generate(url, days), "made in, s": round(time.perf_counter() - begun, 1)}
    took.write_text(json.dumps(done), encoding="utf-8")
    return url, done


def one_series(url: Path) -> str:
    """Read one series over all time, and say what it did."""
    from netcadence.lake import Lake
    from netcadence.statistics import PERC50
    from netcadence.trends.history import Query
    from netcadence.trends.survey import survey

    query = Query(scenario=_SCENARIO, metric="throughput", statistic=PERC50, nodes=False)
    (trend,) = survey(Lake(url), query, made_at=datetime.now(UTC)).trends
    return f"{len(trend.series):,} runs, {len(trend.changes)} changes"


def one_series_naively(url: Path) -> str:
    """The same series, without its change points."""
    import pandas as pd

    columns = ["run_id", "started_at", "metric", "value"]
    frame = pd.read_parquet(url / "results", columns=columns)
    values = frame[frame["metric"] == "throughput"].groupby("started_at")["value"].quantile(0.5)
    return f"{len(values):,} runs"


def all_series(url: Path) -> str:
    """All series of all metrics and nodes."""
    from netcadence.lake import Lake
    from netcadence.trends.history import Query
    from netcadence.trends.survey import survey

    found = survey(Lake(url), Query(), made_at=datetime.now(UTC))
    changes = sum(len(each.changes) for each in found.trends)
    return f"{len(found.trends)} series, {changes} changes, {len(found.regressed)} regressed"


def all_series_naively(url: Path) -> str:
    """The same medians by metric and by node, without their change points."""
    import pandas as pd

    columns = ["run_id", "started_at", "metric", "value", "client_node", "server_node"]
    frame = pd.read_parquet(url / "results", columns=columns)
    count = frame.groupby(["metric", "started_at"])["value"].quantile([0.5, 0.05]).shape[0]
    for side in ("client_node", "server_node"):
        count += frame.groupby(["metric", side, "started_at"])["value"].median().shape[0]
    return f"{count:,} points"


MEASURED: dict[str, Callable[[Path], str]] = {
    "one series": one_series,
    "one series, naive pandas": one_series_naively,
    "all series": all_series,
    "all series, naive pandas": all_series_naively,
}


def _measure(name: str, url: Path, answer: Any) -> None:
    # What a process has imported already is not measured again: a service and a notebook have it, too.
    import netcadence.lake.reading
    import netcadence.trends.survey  # noqa: F401

    begun, used = time.perf_counter(), time.process_time()
    said = MEASURED[name](url)
    wall, processor = time.perf_counter() - begun, time.process_time() - used
    answer.send({"said": said, "wall_s": wall, "cpu_s": processor, "peak_mb": _peak_mb()})


def _peak_mb() -> float:
    """Return the most memory that this process ever had; what it was started by does not count."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def measured(name: str, url: Path) -> dict[str, Any]:
    """Do it in a process of its own, so that its memory is its own."""
    mine, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=_measure, args=(name, url, theirs))
    process.start()
    theirs.close()
    try:
        return mine.recv()
    except EOFError:  # killed, most likely by lack of memory
        return {"said": "did not come to an end", "wall_s": math.inf, "cpu_s": math.inf, "peak_mb": math.inf}
    finally:
        process.join()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--days", type=int, default=3 * 365, help="days of hourly runs")
    days = options.parse_args().days
    url, took = lake_of(days)
    print(f"{took['rows']:,} rows, seed {_SEED}: {took}")
    figures = {}
    for name in MEASURED:
        figures[name] = found = measured(name, url)
        print(
            f"{name:26} {found['wall_s']:7.2f} s  (processor {found['cpu_s']:.2f} s)  "
            f"{found['peak_mb']:6,.0f} MB  {found['said']}",
            flush=True,
        )
    held = True
    for name, limit in _LIMITS.items():
        own, naive = figures[name], figures[f"{name}, naive pandas"]
        is_held = own["wall_s"] <= limit and own["peak_mb"] < _MOST_MEMORY_MB
        held &= is_held
        print(
            f"{name}: {naive['wall_s'] / own['wall_s']:.1f} times as fast as pandas, with "
            f"{own['peak_mb'] / naive['peak_mb']:.2f} of its memory; {'within' if is_held else 'NOT within'} "
            f"{limit:g} s and {_MOST_MEMORY_MB:,} MB"
        )
    path = _FOLDER / f"trends-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps({"seed": _SEED, "days": days, "made": took} | figures, indent=2) + "\n")
    print(f"\nkept in {path}")
    sys.exit(0 if held else 1)


if __name__ == "__main__":
    main()
