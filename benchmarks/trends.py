"""Trends over three years of hourly runs (`history.py`): 50 pairs, 8 metrics, about 10 million rows.

    python benchmarks/trends.py [--days 1095]

The lake is as compaction leaves it, and kept for the next time in `.netcadence/benchmarks/`; it takes about
two minutes to make. Measured, each in a process of its own that has imported what it needs, beside the naive
way with pandas over the same files:

- the trend of one series over all time, that is reading it, its change points and what changed with them, as
  a service or a notebook has it (a command starts in 2 s more): at most 1 s;
- all change points of more than 200 series: at most 60 s, with less than 2 GB of memory.

Of what takes seconds the fastest of several counts, for other work on the machine only adds to it.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from figures import Figures
from history import SCENARIO, SEED, lake_of

_MOST_S = {"one series": 1.0, "all series": 60.0}
_MOST_MEMORY_MB = 2_000
_TURNS = {"one series": 5}


def one_series(url: Path) -> str:
    """Read one series over all time, and say what it did."""
    from netcadence.lake import Lake
    from netcadence.statistics import PERC50
    from netcadence.trends.history import Query
    from netcadence.trends.survey import survey

    query = Query(scenario=SCENARIO, metric="throughput", statistic=PERC50, nodes=False)
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
    url, made = lake_of(days)
    print(f"{made['rows']:,} rows, seed {SEED}, made in {made['made in, s']:.0f} s\n")
    figures, said = Figures(), {}
    for name, most in _MOST_S.items():
        own = min((measured(name, url) for _ in range(_TURNS.get(name, 1))), key=lambda done: done["wall_s"])
        naive = measured(f"{name}, naive pandas", url)
        figures.add(name, own["wall_s"], "s", most=most)
        figures.add(f"{name}, processor time", own["cpu_s"], "s")
        figures.add(f"{name}, peak memory", own["peak_mb"], "MB", most=_MOST_MEMORY_MB)
        figures.add(f"{name}, naive pandas", naive["wall_s"], "s")
        figures.add(f"{name}, naive pandas, peak memory", naive["peak_mb"], "MB")
        figures.add(f"{name}, naive pandas over ours", naive["wall_s"] / own["wall_s"], "x")
        said |= {name: own["said"], f"{name}, naive pandas": naive["said"]}
    for name, words in said.items():
        print(f"{name}: {words}")
    figures.keep("trends", seed=SEED, days=days, rows=made["rows"])
    sys.exit(0 if figures.held else 1)


if __name__ == "__main__":
    main()
