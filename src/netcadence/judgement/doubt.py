"""What a verdict on a threshold is worth where pairs were held up by processors instead of the network.

A requirement that is met is met all the more: the network can do no less than what was measured. One that is
missed stays missed only if it would be even with the best figures that the pairs in doubt could have had.
Otherwise nothing is shown, and the verdict is INCONCLUSIVE. Either way the finding says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from netcadence import overlay
from netcadence.limit import DOUBTS, best_paced
from netcadence.record import Finding, PairOutcome, RunRecord, Verdict
from netcadence.scenario import Scenario
from netcadence.sla import Requirement
from netcadence.words import counted
from netcadence_worker.contract import Mark, Result


def weighed(finding: Finding, requirement: Requirement, record: RunRecord) -> Finding:
    """Return a finding as what it is worth."""
    if requirement.metric.name == overlay.COST:
        return _compared(finding, record)
    judged = record.judged
    if requirement.metric.name == "effect_after" and finding.verdict is not Verdict.INVALID:
        return _with_missing_effects(finding, judged)
    doubtful = [outcome for outcome in judged if DOUBTS.intersection(outcome.marks)]
    if not doubtful or finding.verdict is Verdict.INVALID:
        return finding
    held_up = f"{len(doubtful)} of {counted(len(judged), 'pair')} held up by processors, not the network"
    if finding.verdict is not Verdict.FAIL:
        worth = (
            "how evenly they shared says less of it"
            if requirement.statistic.is_ratio
            else "it may be better than this"
        )
        return replace(finding, detail=_joined(finding.detail, f"{held_up}: {worth}"))
    if _missed_even_so(requirement, record):
        return replace(
            finding, detail=_joined(finding.detail, f"missed even if {held_up} had done their best")
        )
    return replace(
        finding,
        verdict=Verdict.INCONCLUSIVE,
        detail=_joined(finding.detail, f"missed, but with {held_up}: what it can do is not shown"),
    )


def _compared(finding: Finding, record: RunRecord) -> Finding:
    """Say of a cost that it is one of processing, where that held up either side of the comparison."""
    compared = (*record.judged, *record.baseline)
    doubtful = [outcome for outcome in compared if DOUBTS.intersection(outcome.marks)]
    if not doubtful or finding.verdict is Verdict.INVALID:
        return finding
    held_up = f"{len(doubtful)} of {counted(len(compared), 'pair')} on either network held up by processors"
    return replace(
        finding,
        detail=_joined(finding.detail, f"{held_up}: this is what packets cost there, not on the wire"),
    )


def _with_missing_effects(finding: Finding, judged: Sequence[PairOutcome]) -> Finding:
    """Return a finding on when changes had their effects, in which one that had none cannot pass."""
    without = sum(Mark.NO_EFFECT in outcome.marks for outcome in judged)
    if not without:
        return finding
    detail = f"{without} of {counted(len(judged), 'pair')} saw no effect at all, as long as probers ran"
    return replace(finding, verdict=Verdict.FAIL, detail=_joined(finding.detail, detail))


def _missed_even_so(requirement: Requirement, record: RunRecord) -> bool:
    if requirement.statistic.is_ratio:
        return False
    best = _best(requirement, Scenario.model_validate_json(record.facts.config))
    supposed = replace(
        record, outcomes=tuple(_at_best(outcome, requirement, best) for outcome in record.outcomes)
    )
    if record.facts.is_repeated:
        interval = requirement.interval(supposed)
        return interval is not None and requirement.met_by(interval) is False
    if requirement.statistic.merged_percent is not None:
        latencies = [outcome.latencies for outcome in supposed.outcomes if outcome.latencies]
        return bool(latencies) and not requirement.holds(requirement.statistic.of_histograms(latencies))
    values = [
        value
        for outcome in supposed.outcomes
        if (value := outcome.value(requirement.metric.name)) is not None
    ]
    return bool(values) and not requirement.holds(requirement.statistic.of(values))


def _best(requirement: Requirement, scenario: Scenario) -> float:
    if not requirement.comparison.is_floor:
        return requirement.metric.lowest
    paced = best_paced(scenario, requirement.metric.name)
    return requirement.metric.highest if paced is None else paced


def _at_best(outcome: PairOutcome, requirement: Requirement, best: float) -> PairOutcome:
    name = requirement.metric.name
    if outcome.value(name) is None or not DOUBTS.intersection(outcome.marks):
        return outcome
    others = tuple(result for result in outcome.results if result.metric != name)
    latencies = outcome.latencies and outcome.latencies.at_best()
    return replace(outcome, results=(*others, Result.of(name, best)), latencies=latencies)


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
