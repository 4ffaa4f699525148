"""The two suites of a run, as checks: an expectation, and what a verdict table says of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.expectations.row_conditions import Column

from netcadence.comparison import Comparison
from netcadence.confidence import seed_of
from netcadence.judgement.expectation import (
    ExpectColumnStatisticIntervalToBeBetween,
    ExpectColumnStatisticToBeBetween,
)
from netcadence.judgement.frame import LATENCIES
from netcadence.record import RunFacts
from netcadence.sla import Requirement
from netcadence_worker.metrics import METRICS

_MEASURED = Column("error_reason").is_null()
#: A latency that was corrected for the clocks is judged where it is uncertain by this share of its threshold.
_UNCERTAIN_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation, and how its finding reads.

    Attributes:
        expectation: What Great Expectations evaluates.
        trouble: What it means where it is not met; follows a number of pairs where `statistic` is `count`.
        breakdown: Column whose values say more about the pairs that offend.
    """

    expectation: Any
    requirement: str
    metric: str
    statistic: str
    unit: str
    comparison: str
    threshold: float
    trouble: str = ""
    breakdown: str = ""


def data_checks(
    facts: RunFacts, pairs: pd.DataFrame, requirements: Sequence[Requirement]
) -> tuple[Check, ...]:
    """Return what has to hold for the figures to be believed at all.

    Args:
        facts: What was planned, and how large the skew may be.
        pairs: The table of `frame.pairs_frame`; its columns say which figures there have to be.
        requirements: What will be judged; latency needs clocks that agree.
    """
    checks = [*_presence(facts)]
    if pairs["error_reason"].notna().all():
        # Of figures that are not there, every expectation would be met.
        return tuple(checks)
    # Where all were measured there is nothing to leave out, which each expectation would do anew.
    measured = _MEASURED if pairs["error_reason"].notna().any() else None
    checks.extend(_starts(facts, pairs, measured))
    for name in (name for name in METRICS if name in pairs.columns):
        checks.extend(_sanity(name, measured))
    bounds = [each.threshold for each in requirements if each.metric.name.startswith("latency")]
    if bounds:
        checks.append(_clocks(measured))
        if pairs["latency_uncertainty_ms"].notna().any():
            checks.append(_certain(_UNCERTAIN_SHARE * min(bounds)))
    return tuple(checks)


def sla_checks(facts: RunFacts, requirements: Sequence[Requirement]) -> tuple[Check, ...]:
    """Return the thresholds as checks: of intervals where the run was repeated, else of statistics."""
    return tuple(_threshold(facts, requirement) for requirement in requirements)


def _presence(facts: RunFacts) -> Iterator[Check]:
    planned = facts.planned_pairs
    yield Check(
        expectation=gxe.ExpectTableRowCountToEqual(value=planned),
        requirement="pairs_planned",
        metric="",
        statistic="rows",
        unit="pairs",
        comparison="==",
        threshold=planned,
        trouble="the run's rows are not its planned pairs",
    )
    yield _no_pairs(
        gxe.ExpectColumnValuesToBeNull(column="error_reason"),
        "pairs_measured",
        "have no result",
        breakdown="error_reason",
    )
    yield _no_pairs(
        gxe.ExpectColumnValuesToBeNull(column="disturbance"),
        "undisturbed",
        "may have been disturbed",
        breakdown="disturbance",
    )
    yield _no_pairs(gxe.ExpectColumnValuesToBeUnique(column="pair_index"), "index_unique", "share an index")
    yield _no_pairs(
        # Pairs that were never placed have no server to share.
        gxe.ExpectCompoundColumnsToBeUnique(
            column_list=["round", "server_pod", "port"], ignore_row_if="any_value_is_missing"
        ),
        "listener_unique",
        "share a listener in one round",
    )


def _starts(facts: RunFacts, pairs: pd.DataFrame, measured: Any) -> Iterator[Check]:
    column = "start_distance_ms"
    if facts.tells_starts:
        yield _no_pairs(
            gxe.ExpectColumnValuesToNotBeNull(column=column, row_condition=measured),
            "start_known",
            "were measured, but when they started is not known",
        )
    if pairs[column].notna().any():
        yield Check(
            expectation=ExpectColumnStatisticToBeBetween(
                column=column, statistic="Perc99", max_value=facts.skew_bound_ms
            ),
            requirement="skew_max_ms",
            metric="",
            statistic="Perc99",
            unit="ms",
            comparison=Comparison.AT_MOST,
            threshold=facts.skew_bound_ms,
            trouble="the pairs did not start together, so that they did not measure the same load",
        )


def _sanity(name: str, measured: Any) -> Iterator[Check]:
    metric = METRICS[name]
    yield _no_pairs(
        gxe.ExpectColumnValuesToNotBeNull(column=name, row_condition=measured),
        "figure_present",
        f"have a result without {name}",
        metric=name,
    )
    yield _no_pairs(
        gxe.ExpectColumnValuesToBeBetween(column=name, min_value=metric.lowest, max_value=metric.highest),
        "figure_sane",
        f"report {name} outside {metric.lowest:g} to {metric.highest:g} {metric.unit}",
        metric=name,
    )


def _clocks(measured: Any) -> Check:
    return _no_pairs(
        gxe.ExpectColumnValuesToBeInSet(column="clocks_agree", value_set=[True], row_condition=measured),
        "clocks_agree",
        "have clocks that disagree, so that one-way latency means nothing",
        metric="latency_avg",
    )


def _certain(most_ms: float) -> Check:
    return _no_pairs(
        gxe.ExpectColumnValuesToBeBetween(column="latency_uncertainty_ms", max_value=most_ms),
        "latency_certain",
        f"have clocks that are apart by what is not known to {most_ms:g} ms, a tenth of the threshold",
        metric="latency_avg",
    )


def _no_pairs(
    expectation: Any, requirement: str, trouble: str, *, metric: str = "", breakdown: str = ""
) -> Check:
    """Return a check that no pair offends against."""
    return Check(
        expectation=expectation,
        requirement=requirement,
        metric=metric,
        statistic="count",
        unit="pairs",
        comparison=Comparison.AT_MOST,
        threshold=0,
        trouble=trouble,
        breakdown=breakdown,
    )


def _threshold(facts: RunFacts, requirement: Requirement) -> Check:
    is_merged = requirement.statistic.merged_percent is not None
    comparison = requirement.comparison
    side = "min" if comparison.is_floor else "max"
    asked: dict[str, Any] = {
        "column": LATENCIES if is_merged else requirement.metric.name,
        "statistic": requirement.statistic.name,
        f"{side}_value": requirement.threshold,
        f"strict_{side}": comparison.is_strict,
    }
    return Check(
        expectation=ExpectColumnStatisticIntervalToBeBetween(**asked, seed=seed_of(facts.run_id))
        if facts.is_repeated
        else ExpectColumnStatisticToBeBetween(**asked),
        requirement=requirement.name,
        metric=requirement.metric.name,
        statistic=requirement.statistic.name,
        unit=requirement.unit,
        comparison=comparison,
        threshold=requirement.threshold,
    )
