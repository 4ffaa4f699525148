"""Series whose truth is known, and a lake of nights that the real writer has written."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from netcadence.lake import Lake
from netcadence.lake.series_key import SeriesKey
from netcadence.pair import Pair, WorkerPod
from netcadence.record import Judgement, NodeFacts, PairOutcome, RunFacts, RunRecord, Verdict
from netcadence.trends.series import Series, instants_of
from netcadence_worker.contract import Result, Role, Tool, ToolVersion

FIRST = datetime(2026, 1, 1, 2, 0, tzinfo=UTC)
KEY = SeriesKey("prod", "tcp-1:1", "throughput", "Perc50", ip_family="ipv4")


def noise_of(count, seed=0):
    """Return factors that scatter as public repeat runs of 10 s of TCP do (`benchmarks/verdicts.py`)."""
    chance = np.random.default_rng(seed)
    return np.exp(np.clip(0.036 * chance.standard_t(1.5, count), -math.log(10), math.log(10)))


@pytest.fixture(scope="session")
def noise():
    return noise_of


@pytest.fixture
def make_series():
    """Make a series of figures, one a night unless told otherwise."""

    def make(figures, *, every=timedelta(days=1), instants=None, key=KEY, **changes):
        instants = instants or [FIRST + place * every for place in range(len(figures))]
        ids = tuple(f"run-{place}" for place in range(len(figures)))
        made = replace(key, **changes)
        return Series(made, instants_of(instants), np.asarray(figures, dtype=float), ids)

    return make


def _pod(name, node, address):
    return WorkerPod(name, f"uid-{name}", address, node, "zone-1")


def night(figures, *, run_id, nodes=(("node-a", "node-b"),), kernels=None, metric="throughput", **changes):
    """Return a run of a pair for each figure, between nodes that are taken in turn."""
    outcomes = []
    for index, value in enumerate(figures):
        client, server = nodes[index % len(nodes)]
        pair = Pair(
            index, _pod(f"c{index}", client, "198.18.0.1"), _pod(f"s{index}", server, "198.18.0.2"), 5001
        )
        outcomes.append(
            PairOutcome(
                pair=pair,
                results=(Result.of(metric, float(value)),),
                tools={role: ToolVersion(name=Tool.IPERF, version="2.1.8") for role in Role},
            )
        )
    names = sorted({name for pair in nodes for name in pair})
    kernels = kernels or {}
    facts = RunFacts(
        run_id=run_id,
        cluster="prod",
        scenario="tcp-1:1",
        protocol="TCP",
        tool="iperf",
        started_at=FIRST,
        ended_at=FIRST + timedelta(seconds=12),
        duration_s=10,
        planned_pairs=len(outcomes),
        config=json.dumps({"name": "tcp-1:1", "duration_s": 10}),
        config_hash="0" * 64,
        skew_bound_ms=200.0,
        kubernetes_version="v1.36.0",
        cni="cilium 1.18",
        mtu=1500,
        netcadence_version="0.1.0",
        ip_family="ipv4",
        nodes=tuple(NodeFacts(name, kernel=kernels.get(name, "6.1.0-31"), mtu=1500) for name in names),
    )
    return RunRecord(replace(facts, **changes), tuple(outcomes), None)


@pytest.fixture
def make_night():
    return night


def fill(lake, nights, *, verdicts=None, each=lambda _: {}, name="run", every=timedelta(days=1)):
    """Write nights into a lake; each is a list of figures, and may have changes of its own."""
    for place, figures in enumerate(nights):
        facts = {"started_at": FIRST + place * every} | each(place)
        record = night(figures, run_id=f"{name}-{place}", **facts)
        lake.conclude(record, Judgement((verdicts or {}).get(place, Verdict.PASS), ()))
    return lake


@pytest.fixture(scope="session", name="fill")
def _fill():
    return fill


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")
