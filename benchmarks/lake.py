"""What the lake costs, beside bare pyarrow on the same rows in the same run.

    python benchmarks/lake.py

- Writing a run's results takes at most 1.5 times as long as writing the same table with bare pyarrow. Ours is
  on the disk when it is said to be written, whole or not at all; a few hundred rows take a slow disk longer
  for that than it takes to make the file. So it is compared with pyarrow alone, and with pyarrow that flushes
  its file, too. What a whole run takes, rows and all tables, is told beside it.
- A month of hourly runs of 50 pairs and 8 metrics is put together out of a file a run, beside pyarrow that
  reads the same files as a data set and writes them as one.
- One series of that month is read before and after.

What is compared takes turns. The figures are generated (`history.py`). Takes about a minute. Trends over
three years are `trends.py`.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import pyarrow.dataset as ds
import pyarrow.parquet as pq
from figures import Figures
from history import CLUSTER, ROWS, SCENARIO, SEED, results_of, write_runs
from judging import run_of

from netcadence.lake import Lake
from netcadence.lake.tables import measurements
from netcadence.statistics import PERC50
from netcadence.trends.history import History, Query

_MOST_RATIO = 1.5
_TURNS = 31
_LATER = datetime(2100, 1, 1, tzinfo=UTC)


def writing(figures: Figures, runs: int) -> None:
    """Write the results of a run of so many times 50 pairs, in turn with bare pyarrow."""
    table = results_of(runs)
    with tempfile.TemporaryDirectory(prefix="netcadence-lake-") as folder:
        lake = Lake(Path(folder, "lake"))

        def ours(turn: int) -> None:
            # The same folder each time: a new one costs as much as any new folder does.
            lake._put(f"results/cluster=c/date=2026-01-01/run-{turn}.parquet", table)  # noqa: SLF001 - what is measured

        def bare(turn: int) -> None:
            pq.write_table(table, Path(folder, f"{turn}.parquet"), compression="zstd")

        def flushed(turn: int) -> None:
            path = Path(folder, f"{turn}-flushed.parquet")
            pq.write_table(table, path, compression="zstd")
            _flush(path)

        times = _in_turn(ours, bare, flushed)
    what = f"writing {len(table):,} result rows"
    figures.add(what, statistics.median(times[0]) * 1000, "ms")
    for name, others in (("bare pyarrow", times[1]), ("pyarrow that flushes", times[2])):
        ratio = statistics.median(times[0]) / statistics.median(others)
        figures.add(f"{what}, over {name}", ratio, "x", most=_MOST_RATIO)


def whole_run(figures: Figures, pairs: int) -> None:
    """Keep a run's measurements: rows are made of its record, and each table is a file."""
    record = run_of(pairs)
    with tempfile.TemporaryDirectory(prefix="netcadence-lake-") as folder:
        lakes = [Lake(Path(folder, str(turn))) for turn in range(_TURNS)]
        making, keeping = _in_turn(
            lambda _: measurements(record), lambda turn: lakes[turn].write(record), turns=_TURNS - 1
        )
    rows = f"a run of {pairs:,} pairs"
    figures.add(f"{rows}: its tables made", statistics.median(making) * 1000, "ms")
    figures.add(f"{rows}: made, and written in a new lake", statistics.median(keeping) * 1000, "ms")


def month(figures: Figures) -> None:
    """Put a month together."""
    with tempfile.TemporaryDirectory(prefix="netcadence-lake-") as folder:
        url = Path(folder, "lake")
        runs = write_runs(url, days=31)
        lake = Lake(url)
        before = min(_timed(lambda: _series(lake, runs)) for _ in range(3))
        files = ds.dataset(url / "results", format="parquet", partitioning="hive")
        bare = _timed(
            lambda: pq.write_table(files.to_table(), Path(folder, "bare.parquet"), compression="zstd")
        )
        took = _timed(lambda: lake.compact(now=_LATER))
        after = min(_timed(lambda: _series(lake, runs)) for _ in range(3))
    figures.add(f"putting {runs} runs of {ROWS} rows together", took, "s")
    figures.add("the same, results only, bare pyarrow in no order", bare, "s")
    figures.add(f"a series of {runs} runs, a file a run", before, "s")
    figures.add(f"a series of {runs} runs, put together", after, "s")


def _series(lake: Lake, runs: int) -> None:
    query = Query(cluster=CLUSTER, scenario=SCENARIO, metric="throughput", statistic=PERC50, nodes=False)
    (series,) = History(lake, query).series()
    if len(series) != runs:
        raise SystemExit(f"a series of {len(series)} runs, where there are {runs}")


def _in_turn(*works: Callable[[int], Any], turns: int = _TURNS) -> list[list[float]]:
    """Do each of them so many times, in turn, and once beforehand; return how long each took each time."""
    rounds = [[_timed(lambda: work(turn)) for work in works] for turn in range(turns + 1)]  # noqa: B023 - called at once
    return [list(times) for times in zip(*rounds[1:], strict=True)]


def _timed(work: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def main() -> None:
    figures = Figures()
    for runs in (1, 20):
        writing(figures, runs)
    for pairs in (50, 1_000):
        whole_run(figures, pairs)
    month(figures)
    figures.keep("lake", seed=SEED)
    sys.exit(0 if figures.held else 1)


if __name__ == "__main__":
    main()
