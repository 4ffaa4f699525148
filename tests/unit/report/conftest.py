"""Judged runs to report on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from netcadence.pair import Pair, WorkerPod
from netcadence.record import Finding, Judgement, PairOutcome, RunFacts, RunRecord, Skew, Verdict
from netcadence_worker.contract import Mark, Reason, ReportedError, Result, Role, Tool, ToolVersion

STARTED_AT = datetime(2026, 1, 31, 3, 30, 0, 123456, tzinfo=UTC)
REFUSED = ReportedError.of(
    Reason.CONNECTION_REFUSED,
    "iperf said:\none\ntwo\nthree\n\x1b[31mconnect [failed]: Connection refused\x1b[0m\x07\n",
)
LOST = ReportedError(reason=Reason.POD_LOST, message="pod w-9 is gone | evicted")


def outcome(index, error=None, marks=()):
    client = WorkerPod(f"w-{2 * index}", f"uid-{2 * index}", "198.18.0.2", "node-a")
    server = WorkerPod(f"w-{2 * index + 1}", f"uid-{2 * index + 1}", "198.18.1.2", "node-b")
    return PairOutcome(
        pair=Pair(index, client, server, 5001),
        results=() if error else (Result.of("throughput", 812_345.678),),
        error=error,
        marks=marks,
        tools={role: ToolVersion(name=Tool.IPERF, version="2.1.8") for role in Role},
    )


@pytest.fixture
def make_record():
    def make(*outcomes, scenario="tcp-50:50", skew=Skew(0.8, 3.14159, 4.0)):  # noqa: B008 - frozen
        facts = RunFacts(
            run_id="tcp-50-50-20260131t033000-abcd",
            cluster="embedded",
            scenario=scenario,
            protocol="TCP",
            tool="iperf",
            started_at=STARTED_AT,
            ended_at=STARTED_AT + timedelta(seconds=14),
            duration_s=10,
            planned_pairs=len(outcomes),
            config="{}",
            config_hash="0" * 64,
            skew_bound_ms=100.0,
            network="namespaces",
        )
        return RunRecord(facts, outcomes, skew)

    return make


@pytest.fixture
def troubled(make_record):
    """A run of eight pairs: two refused, one lost, five measured, one of them with clocks that disagree."""
    failures = [outcome(5, REFUSED), outcome(6, LOST), outcome(7, REFUSED)]
    return make_record(outcome(0, marks=(Mark.CLOCKS_DISAGREE,)), *map(outcome, range(1, 5)), *failures)


@pytest.fixture
def invalid():
    """A judgement with a requirement met, one missed, one without a value, and a check of the data failed."""
    return Judgement(
        Verdict.INVALID,
        (
            Finding("data", "pairs_planned", "", "rows", 8, "pairs", "==", 8, Verdict.PASS),
            Finding(
                "data",
                "pairs_measured",
                "",
                "count",
                3,
                "pairs",
                "<=",
                0,
                Verdict.INVALID,
                "3 of 8 pairs have no result: ConnectionRefused 2, PodLost 1",
            ),
            Finding(
                "sla",
                "throughput_min_kbytes",
                "throughput",
                "Perc50",
                812_345.678,
                "KBytes/s",
                ">=",
                1000.0,
                Verdict.PASS,
            ),
            Finding(
                "sla", "consistency_min", "throughput", "Perc05/Perc50", 0.69999, "", ">=", 0.7, Verdict.FAIL
            ),
            Finding(
                "sla", "latency_max_ms", "latency_avg", "Perc95", None, "ms", "<=", 10.0, Verdict.INCONCLUSIVE
            ),
        ),
        docs="file:///docs/run.html",
    )


@pytest.fixture
def passing():
    found = Finding(
        "sla",
        "throughput_min_kbytes",
        "throughput",
        "Perc50",
        5_242_880.0,
        "KBytes/s",
        ">=",
        1000.0,
        Verdict.PASS,
    )
    return Judgement(Verdict.PASS, (found,))


@pytest.fixture
def measured(make_record):
    return make_record(outcome(0))


@pytest.fixture
def inapplicable(make_record):
    error = ReportedError.of(Reason.NOT_APPLICABLE, "no controller assigns load balancers here")
    return make_record(outcome(0, error), outcome(1, error), skew=None)
