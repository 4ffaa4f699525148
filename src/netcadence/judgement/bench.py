"""The bench: runs a record's two suites and adds their findings up to a verdict."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.data_context.types.base import DataContextConfig, FilesystemStoreBackendDefaults

from netcadence.confidence import ConfidenceInterval
from netcadence.home import Home
from netcadence.judgement import docs, suites
from netcadence.judgement.doubt import weighed
from netcadence.judgement.frame import pairs_frame
from netcadence.judgement.suites import Check
from netcadence.record import Finding, Judgement, RunRecord, Verdict
from netcadence.sla import Requirement

#: Key under which an expectation carries its check's position, by which its result is found again.
_POSITION = "check"
#: Enough where all is met, at two thirds of what it takes to say who offends.
_PLAIN = {"result_format": "BASIC"}
#: A column's name in failed results, so that Data Docs say which pairs offend; and how many of them at most.
_WITH_OFFENDERS = {
    "result_format": "SUMMARY",
    "unexpected_index_column_names": ["pair_index"],
    "partial_unexpected_count": 20,
}
_STRADDLES = "the interval holds the threshold, and no repeats are left to narrow it"
#: The library keeps the current context in a global of its own.
_one_at_a_time = threading.Lock()


def judge(record: RunRecord, requirements: Sequence[Requirement], *, home: Path) -> Judgement:
    """Judge a run; see `netcadence.judgement.judge`."""
    pairs = pairs_frame(record, (requirement.metric.name for requirement in requirements))
    with _one_at_a_time:
        return judge_frame(record, pairs, requirements, home=home)


def judge_frame(
    record: RunRecord, pairs: pd.DataFrame, requirements: Sequence[Requirement], *, home: Path
) -> Judgement:
    """Judge `pairs`, the table of `frame.pairs_frame`, as the run `record`."""
    folder = Home(home).docs / record.facts.run_id
    bench = _Bench(folder, record.facts.run_id, pairs)
    data = bench.validate("data", suites.data_checks(record.facts, pairs, requirements))
    sla = _nothing_asked(record)
    if requirements:
        sla = bench.validate("sla", suites.sla_checks(record.facts, requirements))
        asked = zip(sla.findings, requirements, strict=True)
        sla = replace(sla, findings=tuple(weighed(*each, record) for each in asked))
    findings = (*data.findings, *sla.findings)
    judgement = Judgement(verdict_of(findings), findings)
    results = [each.result for each in (sla, data) if each.result is not None]
    page = docs.write(folder / "index.html", results, record=record, judgement=judgement)
    return replace(judgement, docs=page.resolve().as_uri())


def verdict_of(findings: Sequence[Finding]) -> Verdict:
    """Return the worst of the findings' verdicts; of nothing it is INVALID, for nothing was shown."""
    order = (Verdict.INVALID, Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.NOT_APPLICABLE, Verdict.PASS)
    return min((finding.verdict for finding in findings), key=order.index, default=Verdict.INVALID)


@dataclass(frozen=True, slots=True)
class _Validation:
    findings: tuple[Finding, ...]
    result: Any = None


def _nothing_asked(record: RunRecord) -> _Validation:
    finding = Finding(
        suite="sla",
        requirement="requirements_asked",
        metric="",
        statistic="count",
        value=0,
        unit="",
        comparison=">=",
        threshold=1,
        verdict=Verdict.INVALID,
        detail=f"nothing is asked of {record.facts.scenario}: give it a threshold in the SLA file",
    )
    return _Validation((finding,))


class _Bench:
    """A context of one run's own, with the run's pairs as its only data."""

    def __init__(self, folder: Path, run_id: str, pairs: pd.DataFrame) -> None:
        self._pairs = pairs
        # With a time of its own, for it would try to read a time out of the name.
        self._run_id = gx.RunIdentifier(run_name=run_id, run_time=datetime.now(UTC))
        config = DataContextConfig(
            store_backend_defaults=FilesystemStoreBackendDefaults(root_directory=str(folder)),
            progress_bars={"globally": False},
            analytics_enabled=False,
        )
        self._context = gx.get_context(project_config=config, mode="ephemeral")
        asset = self._context.data_sources.add_pandas("run").add_dataframe_asset("pairs")
        self._batch = asset.add_batch_definition_whole_dataframe("all")

    def validate(self, name: str, checks: Sequence[Check]) -> _Validation:
        """Run `checks` as the suite `name`, and keep suite and result."""
        for position, check in enumerate(checks):
            check.expectation.meta = {_POSITION: position}
        suite = gx.ExpectationSuite(name=name, expectations=[check.expectation for check in checks])
        definition = gx.ValidationDefinition(name=name, data=self._batch, suite=suite)
        definition = self._context.validation_definitions.add_or_update(definition)
        result = self._run(definition, _PLAIN)
        if not result.success:
            result = self._run(definition, _WITH_OFFENDERS)
        by_position = {each.expectation_config.meta[_POSITION]: each for each in result.results}
        findings = (
            _finding(name, check, by_position[position], self._pairs) for position, check in enumerate(checks)
        )
        return _Validation(tuple(findings), result)

    def _run(self, definition: gx.ValidationDefinition, result_format: dict[str, Any]) -> Any:
        """Return a suite's result, which is kept as well, in the place of one that the run has already."""
        return definition.run(
            batch_parameters={"dataframe": self._pairs}, run_id=self._run_id, result_format=result_format
        )


def _finding(suite: str, check: Check, result: Any, pairs: pd.DataFrame) -> Finding:
    """Say what became of a check; a threshold is not missed but INVALID where there was nothing to judge."""
    observed = result.result.get("unexpected_count" if check.statistic == "count" else "observed_value")
    value = None if observed is None else float(observed)
    interval = result.result.get("interval")
    return Finding(
        suite=suite,
        requirement=check.requirement,
        metric=check.metric,
        statistic=check.statistic,
        value=value,
        unit=check.unit,
        comparison=check.comparison,
        threshold=check.threshold,
        verdict=_verdict(suite, result, value),
        detail="" if result.success else _detail(check, result, value, pairs),
        interval=ConfidenceInterval(**interval) if interval else None,
    )


def _verdict(suite: str, result: Any, value: float | None) -> Verdict:
    if result.success:
        return Verdict.PASS
    if suite != "sla" or value is None:
        return Verdict.INVALID
    return Verdict.INCONCLUSIVE if result.result.get("straddles") else Verdict.FAIL


def _detail(check: Check, result: Any, value: float | None, pairs: pd.DataFrame) -> str:
    if result.exception_info.get("raised_exception"):
        return f"could not be judged: {result.exception_info.get('exception_message')}"
    if value is None:
        return f"no pair has a figure for {check.metric}"
    if check.statistic != "count":
        return _STRADDLES if result.result.get("straddles") else check.trouble
    sentence = f"{value:g} of {len(pairs)} pairs {check.trouble}"
    if not check.breakdown:
        return sentence
    counts = pairs[check.breakdown].value_counts()
    return f"{sentence}: {', '.join(f'{reason} {count}' for reason, count in counts.items())}"
