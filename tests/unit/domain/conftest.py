"""Runs as the collection leaves them behind, in the small."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from netcadence import pairing, scenario, skew
from netcadence.pair import WorkerPod
from netcadence.record import PairOutcome, RunFacts, RunRecord
from netcadence.repeats import repeated
from netcadence_worker.contract import Result, Tool
from netcadence_worker.histogram import Bucket, Histogram
from netcadence_worker.metrics import OF_REQUESTS, POSITIONS

_TYPICAL = {
    "throughput": 2000.0,
    "jitter": 0.2,
    "packet_loss": 0.0,
    "latency_avg": 1.0,
    "response_time": 0.01,
    "availability": 99.0,
    "request_errors": 0.0,
    "request_rate": 200.0,
}


def latencies_of(nanoseconds):
    """Count latencies in buckets of a tenth of a millisecond."""
    width = 100_000
    counts = Counter(-(-each // width) for each in nanoseconds)
    buckets = tuple(Bucket((end - 1) * width, end * width, count) for end, count in sorted(counts.items()))
    return Histogram(buckets, min(nanoseconds), max(nanoseconds), sum(nanoseconds))


@pytest.fixture
def make_latencies():
    """Return a maker of histograms out of latencies in ns."""
    return latencies_of


@pytest.fixture
def make_pods():
    """Return a maker of worker pods, so many on each of the named nodes."""

    def make(**on_node):
        return [
            WorkerPod(name=f"worker-{node}-{number}", uid=f"{node}-{number}", ip="198.18.0.1", node=node)
            for node, count in on_node.items()
            for number in range(count)
        ]

    return make


@pytest.fixture
def make_record(make_pods):
    """Return a maker of healthy runs, measured once or in repeats; `change` may replace any outcome."""

    def make(name, *, pairs=None, change=lambda outcome: outcome, run_id="run-1", repeats=0, warm_up=0):
        chosen = scenario.find(name)
        pairs = pairs or chosen.pairs
        chosen = chosen.model_copy(update={"clients": pairs, "servers": pairs})
        chance = random.Random(7)  # noqa: S311 - figures, not secrets

        def outcome(pair):
            by_fortio = chosen.tool is Tool.FORTIO
            results = tuple(
                Result.of(metric, _TYPICAL.get(metric, 10.0) * chance.uniform(0.96, 1.0))
                for metric in (OF_REQUESTS if by_fortio else POSITIONS[chosen.protocol])
            )
            latencies = latencies_of([chance.randint(100_000, 2_000_000) for _ in range(200)])
            return PairOutcome(
                pair,
                results=results,
                start_offset_s=chance.uniform(0, 0.02),
                latencies=latencies if by_fortio else None,
            )

        once = pairing.plan(make_pods(a=pairs, b=pairs), pairs=pairs, base_port=chosen.port)
        plan = tuple(pair for number in range(max(1, repeats + warm_up)) for pair in repeated(once, number))
        outcomes = tuple(change(outcome(pair)) for pair in plan)
        now = datetime.now(UTC)
        facts = RunFacts(
            run_id=run_id,
            cluster="lab",
            scenario=name,
            protocol=chosen.protocol,
            tool=chosen.tool,
            started_at=now,
            ended_at=now,
            duration_s=chosen.duration_s,
            planned_pairs=len(plan),
            rounds_of_repeat=1 if repeats else 0,
            warm_up_repeats=warm_up,
            config=chosen.config,
            config_hash=chosen.config_hash,
            skew_bound_ms=chosen.skew_max_ms,
        )
        return RunRecord(facts, outcomes, skew.measure(outcomes))

    return make


@pytest.fixture
def with_figure():
    """Return a changer of outcomes: one pair's figure becomes another, or goes missing."""

    def changer(index, metric, value):
        def change(outcome):
            if outcome.pair.index != index:
                return outcome
            others = tuple(result for result in outcome.results if result.metric != metric)
            return replace(outcome, results=others if value is None else (*others, Result.of(metric, value)))

        return change

    return changer
