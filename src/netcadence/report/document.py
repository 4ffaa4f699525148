"""The verdict for a machine: plain values that JSON can hold, in the catalogue's units."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from netcadence import blame, overlay
from netcadence.record import Finding, Judgement, PairOutcome, RunRecord
from netcadence.report.mesh import as_values


def as_json(record: RunRecord, judgement: Judgement) -> dict[str, Any]:
    """Return a run and its verdict as a document.

    Keys: `run_id`, `cluster`, `scenario`, `protocol`, `tool`, `network`, `path`, `ip_family` (null where no
    pair was made), `started_at` and `ended_at` (RFC 3339, UTC), `duration_s`, `verdict`, `pairs` (planned,
    measured), `skew_ms` (p50, p99, max, bound; null where nothing was measured), `overlay_cost_percent`
    (Perc50; null without a baseline), `mesh` (pairs and nodes;
    null for other runs), `findings`, `errors` (one a failed pair), `marks` (pairs by mark), `limits` (pairs
    by what limited them), `phases_s`, `config_hash`, `data_docs`. What is no number is null, as is the
    `interval` of a finding (low, high, level, repeats, pairs, seed) where it was measured once.
    """
    facts, skew, split = record.facts, record.skew, blame.of_mesh(record)
    return {
        "run_id": facts.run_id,
        "cluster": facts.cluster,
        "scenario": facts.scenario,
        "protocol": facts.protocol,
        "tool": facts.tool,
        "network": facts.network,
        "path": facts.path,
        "ip_family": facts.ip_family or None,
        "started_at": instant(facts.started_at),
        "ended_at": instant(facts.ended_at),
        "duration_s": facts.duration_s,
        "verdict": str(judgement.verdict),
        "pairs": {"planned": facts.planned_pairs, "measured": facts.planned_pairs - len(record.errors)},
        "skew_ms": {
            "p50": skew and skew.p50_ms,
            "p99": skew and skew.p99_ms,
            "max": skew and skew.max_ms,
            "bound": facts.skew_bound_ms,
        },
        "overlay_cost_percent": _number(overlay.cost_of(record)),
        "mesh": split and as_values(split),
        "findings": [finding_as_json(finding) for finding in judgement.findings],
        "errors": [_error(outcome) for outcome in record.errors],
        "marks": Counter(str(mark) for outcome in record.outcomes for mark in set(outcome.marks)),
        "limits": Counter(outcome.limit for outcome in record.outcomes if outcome.limit),
        "phases_s": facts.phases_s,
        "config_hash": facts.config_hash,
        "data_docs": judgement.docs,
    }


def finding_as_json(finding: Finding) -> dict[str, Any]:
    """Return one requirement and what became of it."""
    return asdict(finding) | {
        "value": _number(finding.value),
        "threshold": _number(finding.threshold),
        "verdict": str(finding.verdict),
    }


def _error(outcome: PairOutcome) -> dict[str, Any]:
    pair, error = outcome.pair, outcome.error
    return {
        "pair": pair.index,
        "round": pair.round,
        "client": {"pod": pair.client.name, "node": pair.client.node},
        "server": {"pod": pair.server.name, "node": pair.server.node},
        "reason": error and str(error.reason),
        "message": error and error.message,
    }


def instant(value: datetime) -> str:
    """Return an instant as RFC 3339 writes it, in UTC."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _number(value: float | None) -> float | None:
    # JSON knows neither infinity nor NaN.
    return value if value is not None and math.isfinite(value) else None
