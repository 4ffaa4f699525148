"""How a run becomes PerfData files: one a round, for each of them is what upstream calls a test."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from netcadence.errors import PermanentError
from netcadence.perfdata.model import COUNTERPARTS, VALUE, Counterpart, PerfData, Ratio
from netcadence.perfdata.naming import FileName
from netcadence.record import RunRecord
from netcadence.statistics import Statistic
from netcadence.words import counted
from netcadence_worker.contract import Protocol

if TYPE_CHECKING:
    import pandas as pd


class NotExportableError(PermanentError):
    """A run has no truthful form as PerfData; the text says which run and why."""


@dataclass(frozen=True, slots=True)
class PairFigures:
    """What one pair measured in one round, by metric, in the catalogue's units; nothing if it failed."""

    round: int
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Measured:
    """A finished run, as far as PerfData can tell of it.

    Attributes:
        planned_pairs: Over all rounds.
    """

    run_id: str
    scenario: str
    protocol: str
    ended_at: datetime
    planned_pairs: int
    pairs: Sequence[PairFigures]

    @classmethod
    def of_record(cls, record: RunRecord) -> Self:
        """Take what is needed out of a run that has just ended."""
        facts = record.facts
        pairs = [
            PairFigures(each.pair.round, {result.metric: result.value for result in each.results})
            for each in record.outcomes
        ]
        return cls(facts.run_id, facts.scenario, facts.protocol, facts.ended_at, facts.planned_pairs, pairs)

    @classmethod
    def of_rows(cls, run: pd.Series[Any], results: pd.DataFrame) -> Self:
        """Take it out of the lake: a row of `runs`, and the rows of `results` that belong to it."""
        figures: dict[tuple[int, int], dict[str, float]] = {}
        results = results[results["path"].isna() | (results["path"] == run["path"])]  # no baseline
        columns = results[["round", "pair_index", "metric", "value"]].dropna()
        for round_, index, metric, value in columns.itertuples(index=False):
            figures.setdefault((int(round_), int(index)), {})[str(metric)] = float(value)
        return cls(
            run_id=run["run_id"],
            scenario=run["scenario"],
            protocol=run["protocol"],
            ended_at=run["ended_at"].to_pydatetime(),
            planned_pairs=int(run["planned_pairs"]),
            pairs=[PairFigures(round_, values) for (round_, _), values in figures.items()],
        )


@dataclass(frozen=True, slots=True)
class Document:
    """A file to write."""

    name: str
    text: str


def export(run: Measured) -> tuple[Document, ...]:
    """Return a run's files, one a round.

    Raises:
        NotExportableError: Upstream has no words for the protocol, or a planned pair has no result, or a
            result lacks a figure that upstream publishes. Then there is no file at all.
    """
    counterparts = COUNTERPARTS.get(Protocol(run.protocol))
    if counterparts is None:
        raise _refusal(run, f"PerfData has no {run.protocol}; it has {', '.join(COUNTERPARTS)}")
    measured = [pair for pair in run.pairs if pair.figures]
    if len(measured) != run.planned_pairs or not measured:
        missing = f"{run.planned_pairs - len(measured)} of {counted(run.planned_pairs, 'pair')}"
        raise _refusal(run, f"{missing} without a result, which PerfData cannot say")
    for wanted in counterparts:
        if lacking := sum(wanted.metric not in pair.figures for pair in measured):
            raise _refusal(run, f"{wanted.metric} is missing of {counted(lacking, 'pair')}")
    rounds = sorted({pair.round for pair in measured})
    return tuple(
        _document(
            run,
            f"{run.run_id}-r{number}" if len(rounds) > 1 else run.run_id,
            [pair.figures for pair in measured if pair.round == number],
            counterparts,
        )
        for number in rounds
    )


def _document(
    run: Measured,
    identifier: str,
    pairs: Sequence[Mapping[str, float]],
    counterparts: Iterable[Counterpart],
) -> Document:
    ratio = Ratio.ONE_TO_ONE if len(pairs) == 1 else Ratio.MANY_TO_MANY
    items = [
        {
            "data": _data(ratio, [pair[each.metric] for pair in pairs]),
            "unit": each.unit,
            "labels": {"Metric": each.label},
        }
        for each in counterparts
    ]
    content = PerfData.model_validate({"version": "v1", "dataItems": items}).model_dump(by_alias=True)
    name = FileName(ratio, Protocol(run.protocol), f"{run.scenario}_{identifier}", run.ended_at)
    return Document(str(name), json.dumps(content, indent=2, allow_nan=False) + "\n")


def _data(ratio: Ratio, values: Sequence[float]) -> dict[str, float]:
    if ratio is Ratio.ONE_TO_ONE:
        return {VALUE: values[0]}
    return {name: Statistic.parse(name).of(values) for name in ratio.statistics}


def _refusal(run: Measured, why: str) -> NotExportableError:
    return NotExportableError(f"run {run.run_id} is not exported as PerfData: {why}")
