"""What the lake costs, beside bare pyarrow and pandas on the same rows in the same run.

    python benchmarks/lake.py [--years 3] [--folder DIRECTORY] [--json FILE]

Generates hourly runs of 50 pairs and 8 metrics with a stated seed (three years: 10.5 million result rows, in
as many files as runs), reads one series of them over all time, puts them together, and reads it again; then
writes the results of single runs. Files are made without the flush to disk that the lake itself does.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SEED = 20260101
PAIRS = 50
CLUSTER, SCENARIO = "night-watch", "udp-50:50"
START = datetime(2023, 1, 1, tzinfo=UTC)
METRICS = (
    "transferred",
    "throughput",
    "jitter",
    "lost_packets",
    "total_packets",
    "packet_loss",
    "latency_avg",
    "packet_rate",
)
NAIVE = """
import sys, time, resource
import pandas as pd
folder, scenario = sys.argv[1:]
began = time.perf_counter()
rows = pd.read_parquet(folder)
rows = rows[(rows["scenario"] == scenario) & (rows["metric"] == "throughput")]
points = rows.groupby("run_id")["value"].median()
print(len(points), time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def main() -> None:
    arguments = _arguments()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="netcadence-lake-"))
    try:
        figures = measure(folder, round(arguments.years * 365 * 24))
    finally:
        if arguments.folder is None:
            shutil.rmtree(folder)
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2))


def measure(folder: Path, runs: int) -> dict[str, Any]:
    from netcadence.lake import Lake

    lake, figures = Lake(folder), {}
    if not (folder / "results").exists():
        took, _ = _timed(lambda: generate(folder, runs))
        _say(f"{runs} runs, {runs * PAIRS * len(METRICS):,} result rows, seed {SEED}: made in", took, "s")
        figures["series_before_s"] = _series(lake, "one series, a file a run")
        took, done = _timed(lambda: lake.compact(now=datetime(2100, 1, 1, tzinfo=UTC)))
        _say(f"compaction of {len(done.removed):,} files to {len(done.merged)}", took, "s")
        figures["compaction_s"] = took
    figures["series_s"] = _series(lake, "one series, after compaction")
    figures["naive_s"] = _naive(folder)
    _say("  naive / series", figures["naive_s"] / figures["series_s"], "x")
    figures["writing"] = {pairs: writing(pairs) for pairs in (50, 1000)}
    figures["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    _say("memory of this process, peak", figures["memory_mb"], "MB")
    return figures


def generate(folder: Path, runs: int) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from netcadence.lake.layout import Place
    from netcadence.lake.schemas import FILE_SCHEMAS

    random = np.random.default_rng(SEED)
    count = PAIRS * len(METRICS)
    pairs = np.repeat(np.arange(PAIRS, dtype=np.int32), len(METRICS))
    fixed = {
        "scenario": [SCENARIO] * count,
        "round": np.zeros(count, dtype=np.int32),
        "pair_index": pairs,
        "client_pod": [f"worker-{pair}" for pair in pairs],
        "client_node": [f"node-{pair % 20}" for pair in pairs],
        "client_zone": [f"zone-{pair % 3}" for pair in pairs],
        "server_pod": [f"worker-{pair + PAIRS}" for pair in pairs],
        "server_node": [f"node-{(pair + 7) % 20}" for pair in pairs],
        "server_zone": [f"zone-{(pair + 7) % 3}" for pair in pairs],
        "port": np.full(count, 5001, dtype=np.int32),
        "protocol": ["UDP"] * count,
        "metric": list(METRICS) * PAIRS,
        "unit": ["unit"] * count,
        "direction": ["higher"] * count,
        "path": ["pod-ip"] * count,
    }
    schema = FILE_SCHEMAS["results"]
    static = {name: pa.array(values, schema.field(name).type) for name, values in fixed.items()}

    def write(number: int) -> None:
        start = START + timedelta(hours=number)
        run_id = f"{start:%Y%m%d-%H%M%S}-udp-50-50-{number % 65536:04x}"
        own = {
            "run_id": pa.array([run_id] * count),
            "started_at": pa.array([start] * count, schema.field("started_at").type),
            "value": pa.array(values[number % len(values)] * (1 + number % 97 / 1000)),
        }
        columns = {
            field.name: own.get(field.name, static.get(field.name, pa.nulls(count, field.type)))
            for field in schema
        }
        row = {
            "run_id": run_id,
            "scenario": SCENARIO,
            "started_at": start,
            "ended_at": start + timedelta(seconds=20),
            "verdict": "PASS",
            "planned_pairs": PAIRS,
            "measured_pairs": PAIRS,
            "error_count": 0,
        }
        tables = {
            "results": pa.table(columns, schema=schema),
            "runs": pa.Table.from_pylist([row], schema=FILE_SCHEMAS["runs"]),
        }
        for table, rows in tables.items():
            path = folder / Place(table, CLUSTER, start.date(), run_id).path
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(rows, path, compression="zstd")

    values = random.lognormal(10, 0.1, (997, count))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, range(runs)))


def writing(pairs: int) -> dict[str, float]:
    """Write a run's results, and the same table with bare pyarrow, in turn; both into a folder that is there.

    Where the lake's folder is new it costs as much as any new folder does; that is not what is compared.
    """
    import pyarrow.parquet as pq

    from netcadence.lake import Lake

    table = _results(pairs)
    ours, flushed, bare = [], [], []
    with tempfile.TemporaryDirectory(prefix="netcadence-lake-") as folder:
        lake, plain = Lake(folder), Path(folder, "bare")
        plain.mkdir()
        for number in range(31):
            path, beside = f"results/cluster=c/date=2026-01-01/r{number}.parquet", plain / f"{number}.parquet"
            ours.append(_timed(functools.partial(lake._put, path, table))[0])  # noqa: SLF001 - what is measured
            bare.append(_timed(functools.partial(pq.write_table, table, beside, compression="zstd"))[0])
            again = functools.partial(pq.write_table, table, f"{beside}.flushed", compression="zstd")
            flushed.append(_timed(again)[0] + _timed(functools.partial(_flush, f"{beside}.flushed"))[0])
    times = {"ours_ms": ours, "bare_ms": bare, "bare_flushed_ms": flushed}
    figures = {name: statistics.median(each[1:]) * 1000 for name, each in times.items()}
    ratios = {
        f"ratio_to_{name}": figures["ours_ms"] / figures[f"{name}_ms"] for name in ("bare", "bare_flushed")
    }
    what = f"writing {len(table):,} result rows in {figures['ours_ms']:.1f} ms, over bare pyarrow"
    _say(what, ratios["ratio_to_bare"], "x")
    # A few hundred rows take less time than a disk does to have them for certain, which ours waits for.
    _say("  over bare pyarrow that waits for the disk as well", ratios["ratio_to_bare_flushed"], "x")
    return figures | ratios | {"rows": len(table)}


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _results(pairs: int) -> Any:
    with tempfile.TemporaryDirectory(prefix="netcadence-lake-") as folder:
        import pyarrow as pa
        import pyarrow.parquet as pq

        generate(Path(folder), 1)
        (file,) = Path(folder, "results").rglob("*.parquet")
        once = pq.ParquetFile(file).read()
        return pa.concat_tables([once] * (pairs // PAIRS)).combine_chunks()


def _series(lake: Any, what: str) -> float:
    from netcadence.lake.series import SeriesKey
    from netcadence.statistics import PERC50

    key = SeriesKey(CLUSTER, SCENARIO, "throughput")
    times = [_timed(lambda: lake.series(key, PERC50)) for _ in range(3)]
    took = min(took for took, _ in times)
    _say(f"{what}: {len(times[0][1].points):,} points", took, "s")
    return took


def _naive(folder: Path) -> float:
    done = subprocess.run(
        [sys.executable, "-c", NAIVE, str(folder / "results"), SCENARIO],
        check=True,
        capture_output=True,
        text=True,
    )
    points, took, memory = done.stdout.split()
    _say(
        f"naive pandas read of the same files: {int(points):,} points, {float(memory):,.0f} MB",
        float(took),
        "s",
    )
    return float(took)


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    made = work()
    return time.perf_counter() - began, made


def _say(what: str, figure: float, unit: str) -> None:
    print(f"{what:<78} {figure:8.2f} {unit}", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--years", type=float, default=3)
    parser.add_argument("--folder", type=Path, help="Where the lake is, or is to be and to stay.")
    parser.add_argument("--json", type=Path, help="Where to keep the figures.")
    return parser.parse_args()


if __name__ == "__main__":
    main()
