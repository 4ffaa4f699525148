"""Profiles, and acceptances whose measurements came to what a test wants."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from netcadence.acceptance import programme as programmes
from netcadence.acceptance.outcome import Acceptance, Measured, results_of
from netcadence.pair import Pair, WorkerPod
from netcadence.record import Finding, Judgement, PairOutcome, RunFacts, RunRecord, Verdict
from netcadence_worker.contract import Result

STARTED_AT = datetime(2026, 1, 31, 3, 30, 0, 123456, tzinfo=UTC)

PROFILE = """\
name: lab
canary: true
checks:
  - name: connected
    title: Pod-to-pod TCP connectivity
    level: required
    scenario: "tcp-1:1"
    thresholds: {throughput_min_kbytes: {above: 0, statistic: Perc01}}
  - name: bandwidth
    title: Basic bandwidth
    level: required
    scenario: "tcp-1:1"
    thresholds: {throughput_min_kbytes: 1000}
  - name: quality
    title: UDP quality
    level: recommended
    scenario: "udp-1:1"
    thresholds: {jitter_max_ms: 5, packet_loss_max_percent: 0.1}
  - name: response
    title: HTTP response time
    level: optional
    scenario: "http-1:1"
"""


@pytest.fixture
def write_profile(tmp_path):
    """Return what writes a profile and returns its file."""

    def write(text=PROFILE):
        file = tmp_path / "profile.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


@pytest.fixture
def programme(write_profile):
    return programmes.load(write_profile())


def record_of(scenario, run_id):
    pods = [WorkerPod(f"w-{number}", f"uid-{number}", "198.18.0.2", f"node-{number}") for number in (0, 1)]
    facts = RunFacts(
        run_id=run_id,
        cluster="lab",
        scenario=scenario.name,
        protocol=scenario.protocol,
        tool=scenario.tool,
        started_at=STARTED_AT,
        ended_at=STARTED_AT + timedelta(seconds=12),
        duration_s=scenario.duration_s,
        planned_pairs=1,
        config=scenario.config,
        config_hash=scenario.config_hash,
        skew_bound_ms=100.0,
    )
    outcome = PairOutcome(
        Pair(0, *pods, 5001),
        results=(Result.of("throughput", 2000.0),),
        started_at=STARTED_AT,
        ended_at=STARTED_AT + timedelta(seconds=scenario.duration_s, milliseconds=100),
    )
    return RunRecord(facts, (outcome,), None)


def finding_of(requirement, verdict, detail=""):
    """Return what judging says of a requirement that came to a verdict."""
    good = requirement.threshold * (2 if requirement.comparison == ">=" else 0.5)
    bad = requirement.threshold * (0.5 if requirement.comparison == ">=" else 2)
    value = {Verdict.PASS: good, Verdict.INVALID: None, Verdict.NOT_APPLICABLE: None}.get(verdict, bad)
    return Finding(
        "sla",
        requirement.name,
        requirement.metric.name,
        requirement.statistic.name,
        value,
        requirement.unit,
        requirement.comparison,
        requirement.threshold,
        verdict,
        detail,
    )


@pytest.fixture
def judged():
    """Return what makes a measurement's outcome, with the verdict that a function gives each requirement."""

    def judged(measurement, verdict_of, *, sound=True, inapplicable=""):
        run_id = f"20260131-033000-{measurement.scenario.name.replace(':', '-')}-abcd"
        data = Finding("data", "pairs_measured", "", "count", 0, "pairs", "<=", 0, Verdict.PASS)
        if not sound:
            data = replace(
                data, value=1, verdict=Verdict.INVALID, detail="1 of 1 pairs have no result: PodLost 1"
            )
        if inapplicable:
            data = replace(data, verdict=Verdict.NOT_APPLICABLE, detail=inapplicable)
        findings = [finding_of(each, verdict_of(each)) for each in measurement.requirements]
        worst = [Verdict.INVALID, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE, Verdict.PASS]
        verdict = min((each.verdict for each in (data, *findings)), key=worst.index)
        docs = f"file:///home/you/gx/{run_id}/index.html"
        return Measured(
            measurement,
            run_id,
            record_of(measurement.scenario, run_id),
            Judgement(verdict, (data, *findings), docs),
            page=f"http://127.0.0.1:4200/runs/flow-run/{run_id}",
        )

    return judged


@pytest.fixture
def accepted(programme, judged):
    """Return what makes an acceptance in which all passes but what a test says.

    Args:
        but: Verdicts of thresholds, by scenario and threshold.
        errors: Why a scenario ended without a verdict.
    """

    def accepted(
        but=None, *, of=programme, errors=None, inapplicable=None, canary=Verdict.FAIL, unsound=(), stopped=""
    ):
        measured = []
        for each in of.measurements:
            name = each.scenario.name
            if name in (errors or {}):
                measured.append(Measured(each, f"{name.replace(':', '-')}-1", error=errors[name]))
                continue

            lacks = (inapplicable or {}).get(name, "")

            def verdict_of(requirement, each=each, name=name, lacks=lacks):
                if lacks:
                    return Verdict.NOT_APPLICABLE
                return canary if each.is_canary else (but or {}).get((name, requirement.name), Verdict.PASS)

            measured.append(judged(each, verdict_of, sound=name not in unsound, inapplicable=lacks))
        found = [result for each in measured for result in results_of(each)]
        return Acceptance(
            acceptance_id="20260131-033000-lab-abcd",
            cluster="lab",
            programme=of,
            started_at=STARTED_AT,
            ended_at=STARTED_AT + timedelta(seconds=61),
            results=tuple(each for each in found if each.level != "canary"),
            canary=next((each for each in found if each.level == "canary"), None),
            stopped=stopped,
        )

    return accepted
