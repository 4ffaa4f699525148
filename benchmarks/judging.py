"""What judging a run takes: of 10,000 pairs at most 3 times as long as of 10.

    python benchmarks/judging.py

A run of `udp-1:1` with all of its metrics is judged by `expectations/default.yaml`, with suites, results and
Data Docs, in a process that has judged before. Runs of both sizes are judged in turn, so that a noisy machine
does the same to both. Figures are drawn with a stated seed. Takes about a minute.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from figures import Figures

from netcadence import judgement, scenario, sla
from netcadence.pair import Pair, WorkerPod
from netcadence.record import PairOutcome, RunFacts, RunRecord
from netcadence_worker.contract import Result
from netcadence_worker.metrics import POSITIONS

_SEED = 20_260_101
_FEW, _MANY = 10, 10_000
_TURNS = 5
_MOST_RATIO = 3.0
#: Metrics of which 10 would not be sane, or not be consistent with the others.
_TYPICAL = {"throughput": 12_800.0, "packet_loss": 0.05, "jitter": 0.02, "latency_avg": 0.3}


def run_of(pairs: int) -> RunRecord:
    """Return a healthy run of so many pairs."""
    chance = random.Random(_SEED)  # noqa: S311 - figures, no secrets
    chosen = scenario.find("udp-1:1").model_copy(update={"clients": pairs, "servers": pairs})
    now = datetime.now(UTC)
    facts = RunFacts(
        run_id=f"judged-{pairs}",
        cluster="lab",
        scenario=chosen.name,
        protocol=chosen.protocol,
        tool=chosen.tool,
        started_at=now,
        ended_at=now + timedelta(seconds=12),
        duration_s=chosen.duration_s,
        planned_pairs=pairs,
        config=chosen.model_dump_json(),
        config_hash="0" * 64,
        skew_bound_ms=chosen.skew_max_ms,
    )
    outcomes = tuple(
        PairOutcome(
            Pair(index, _pod("client", index), _pod("server", index), 5301),
            results=tuple(
                Result.of(metric, _TYPICAL.get(metric, 10.0) * chance.uniform(0.96, 1.0))
                for metric in POSITIONS[chosen.protocol]
            ),
            start_offset_s=chance.uniform(0, 0.02),
        )
        for index in range(pairs)
    )
    return RunRecord(facts, outcomes, None)


def _pod(role: str, index: int) -> WorkerPod:
    return WorkerPod(f"{role}-{index}", f"uid-{role}-{index}", "198.18.0.2", f"node-{index % 20}", "zone-1")


def judged_s(record: RunRecord, home: Path) -> float:
    """Return how long judging takes; a verdict other than PASS would be another work."""
    asked = scenario.Scenario.model_validate_json(record.facts.config)
    requirements = sla.default().requirements_for(asked)
    begun = time.perf_counter()
    done = judgement.judge(record, requirements, home=home)
    took = time.perf_counter() - begun
    if done.verdict != "PASS":
        raise SystemExit(f"the run is {done.verdict}: {json.dumps([each.detail for each in done.findings])}")
    return took


def main() -> None:
    judgement.preload()
    figures = Figures()
    few, many = run_of(_FEW), run_of(_MANY)
    with tempfile.TemporaryDirectory(prefix="netcadence-judging-") as folder:
        judged_s(few, Path(folder))  # the first one finds nothing compiled
        turns = [(judged_s(few, Path(folder)), judged_s(many, Path(folder))) for _ in range(_TURNS)]
    small, large = (statistics.median(times) for times in zip(*turns, strict=True))
    figures.add(f"judging {_FEW} pairs, median of {_TURNS}", small, "s")
    figures.add(f"judging {_MANY:,} pairs, median of {_TURNS}", large, "s")
    ratio = statistics.median(large / small for small, large in turns)
    figures.add("judging many over judging few, median", ratio, "x", most=_MOST_RATIO)
    figures.keep("judging", seed=_SEED)
    sys.exit(0 if figures.held else 1)


if __name__ == "__main__":
    main()
