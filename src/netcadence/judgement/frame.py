"""The table that is judged: one row for each planned pair, measured or not."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from netcadence import skew
from netcadence.record import PairOutcome, RunRecord
from netcadence_worker.contract import Mark
from netcadence_worker.metrics import METRICS

#: Column of the histograms from which percentiles of all requests are taken.
LATENCIES = "latencies"
#: Columns beside the metrics, with the type that holds also for a run without any values.
_FACTS = {
    "pair_index": "int64",
    "round": "int64",
    "repeat": "float64",
    "client_pod": "object",
    "server_pod": "object",
    "port": "int64",
    "error_reason": "object",
    "start_distance_ms": "float64",
    "clocks_agree": "bool",
    "latency_uncertainty_ms": "float64",
    LATENCIES: "object",
    "disturbance": "object",
}


def pairs_frame(record: RunRecord, metrics: Iterable[str]) -> pd.DataFrame:
    """Return the run's pairs: `_FACTS`, then a column for each of `metrics` and for each that was reported.

    Values are in the catalogue's units. A figure that is missing is NaN; a pair with an error has an
    `error_reason`, any other has None. Pods that a pair was never given are None. What disturbed a run
    disturbed each of its pairs. `repeat` is NaN where a pair warmed up, which no threshold is applied to;
    0 in a run that measures once.
    """
    wanted = set(metrics) | {result.metric for outcome in record.outcomes for result in outcome.results}
    names = [name for name in METRICS if name in wanted]
    disturbance = record.facts.disturbance or None
    rows = [(*_facts(record, outcome), disturbance, *_figures(outcome, names)) for outcome in record.outcomes]
    types = _FACTS | dict.fromkeys(names, "float64")
    return pd.DataFrame.from_records(rows, columns=list(types)).astype(types)


def _facts(record: RunRecord, outcome: PairOutcome) -> tuple[object, ...]:
    pair = outcome.pair
    return (
        pair.index,
        pair.round,
        record.facts.repeat_of(pair.round) if record.facts.is_repeated else 0,
        pair.client.name or None,
        pair.server.name or None,
        pair.port,
        outcome.error.reason.value if outcome.error else None,
        skew.start_distance_ms(outcome),
        Mark.CLOCKS_DISAGREE not in outcome.marks,
        outcome.value("latency_uncertainty"),
        outcome.latencies,
    )


def _figures(outcome: PairOutcome, names: Iterable[str]) -> tuple[float | None, ...]:
    values = {result.metric: result.value for result in (*outcome.beside, *outcome.results)}
    return tuple(values.get(name) for name in names)
