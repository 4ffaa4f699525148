"""Runs to put into a lake."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from netcadence.confidence import ConfidenceInterval
from netcadence.lake import Lake
from netcadence.pair import Pair, WorkerPod
from netcadence.record import (
    Finding,
    Judgement,
    NodeFacts,
    PairOutcome,
    RunFacts,
    RunRecord,
    Skew,
    Verdict,
)
from netcadence_worker.contract import (
    ClockReading,
    Interval,
    Mark,
    RawOutput,
    Reason,
    ReportedError,
    Result,
    Role,
    Target,
    Tool,
    ToolVersion,
)
from netcadence_worker.metrics import POSITIONS

STARTED_AT = datetime(2026, 1, 31, 23, 30, 0, 123456, tzinfo=UTC)


def packed(printed: object) -> RawOutput:
    return RawOutput(data=base64.b64encode(gzip.compress(json.dumps(printed).encode(), mtime=0)).decode())


def pair_of(index: int) -> Pair:
    client = WorkerPod(f"w-{2 * index}", f"uid-{2 * index}", f"198.18.0.{index + 1}", "node-a", "zone-1")
    server = WorkerPod(
        f"w-{2 * index + 1}", f"uid-{2 * index + 1}", f"198.18.1.{index + 1}", "node-b", "zone-2"
    )
    return Pair(index, client, server, 5001, target=Target(address=f"s{index}.bench.svc", port=30_501))


def measured(index: int) -> PairOutcome:
    started_at = STARTED_AT + timedelta(seconds=2, microseconds=index)
    printed = {
        "argv": ["iperf", "-c", "198.18.1.1"],
        "stdout": f"pair {index}\n",
        "stderr": "",
        "exit_code": 0,
    }
    return PairOutcome(
        pair=pair_of(index),
        results=tuple(Result.of(metric, 1000.0 + i + index) for i, metric in enumerate(POSITIONS["UDP"])),
        intervals=tuple(
            Interval(start=s, end=s + 1, values={"throughput": 120.5 + index, "jitter": 0.25})
            for s in range(5)
        ),
        marks=(Mark.CLOCKS_DISAGREE,) if index == 0 else (),
        tools={role: ToolVersion(name=Tool.IPERF, version="2.1.8") for role in Role},
        started_at=started_at,
        ended_at=started_at + timedelta(seconds=5),
        clock=ClockReading(reference="w-0", offset=-0.002, uncertainty=0.0001),
        clock_after=ClockReading(reference="w-0", offset=-0.001, uncertainty=0.0002),
        limit="network-limited",
        target_ip="198.18.8.1",
        start_offset_s=0.001 * index,
        outputs={role: packed(printed) for role in Role},
    )


INTERVAL = ConfidenceInterval(low=6.25, high=7.0, level=0.95, repeats=5, pairs=2, seed=2**32 - 1)


def failed(index: int) -> PairOutcome:
    error = ReportedError(reason=Reason.CONNECTION_REFUSED, message="connect failed: Connection refused")
    return PairOutcome(pair=pair_of(index), error=error)


@pytest.fixture
def make_record():
    """Make a run of so many measured pairs, and one failed pair after them; keywords change its facts."""

    def make(pairs=2, failures=1, **changes):
        outcomes = (*map(measured, range(pairs)), *map(failed, range(pairs, pairs + failures)))
        facts = RunFacts(
            run_id="run-1",
            cluster="staging",
            scenario="udp-1:1",
            protocol="UDP",
            tool="iperf",
            started_at=STARTED_AT,
            ended_at=STARTED_AT + timedelta(seconds=9),
            duration_s=5,
            planned_pairs=len(outcomes),
            config='{"name": "udp-1:1"}',
            config_hash="0" * 64,
            skew_bound_ms=100.0,
            cni="bridge",
            mtu=1500,
            nodes=(NodeFacts("node-a", kernel="6.1"), NodeFacts("node-b", kernel="6.2")),
            phases_s={"deploy": 0.5, "measure": 5.1},
            labels={"purpose": "nightly"},
            rounds_of_repeat=1,
            path="node-port",
            ip_family="ipv4",
        )
        return RunRecord(replace(facts, **changes), outcomes, Skew(p50_ms=0.5, p99_ms=1.5, max_ms=2.0))

    return make


@pytest.fixture
def record(make_record):
    return make_record()


@pytest.fixture
def judgement():
    finding = Finding(
        "sla", "jitter_max_ms", "jitter", "Perc95", 6.5, "ms", "<=", 5.0, Verdict.FAIL, "too late", INTERVAL
    )
    missing = Finding(
        "sla", "latency_max_ms", "latency_avg", "Perc95", None, "ms", "<=", 10.0, Verdict.INVALID
    )
    return Judgement(Verdict.INVALID, (finding, missing), docs="file:///docs/index.html")


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


@pytest.fixture
def nights(lake, make_record, judgement):
    """Two nights that hold, of which one has a baseline, and one that does not."""
    start = make_record().facts.started_at
    passed = Judgement(Verdict.PASS, ())
    first = make_record(run_id="run-1", started_at=start - timedelta(days=9))
    beside = replace(first.outcomes[0], pair=replace(first.outcomes[0].pair, is_baseline=True))
    lake.conclude(replace(first, baseline=(beside,)), passed)
    lake.conclude(
        make_record(run_id="run-2", started_at=start - timedelta(days=8)), Judgement(Verdict.PASS, ())
    )
    lake.conclude(make_record(run_id="run-3", started_at=start), judgement)
    return lake
