"""How a run becomes tables: one function a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, Final

import pyarrow as pa

from netcadence import __version__
from netcadence.acceptance.outcome import Acceptance, CheckResult
from netcadence.foreign import ForeignFigure, ForeignRun
from netcadence.lake.accepted import AcceptedLevel
from netcadence.lake.schemas import FILE_SCHEMAS
from netcadence.lake.series_key import SeriesKey
from netcadence.lake.tool_output import ToolOutput, unpack
from netcadence.pair import WorkerPod
from netcadence.record import Finding, Judgement, PairOutcome, RunFacts, RunRecord
from netcadence.traffic_path import IPFamily, TrafficPath
from netcadence_worker.contract import Role
from netcadence_worker.histogram import NS_PER_MS, Bucket, Histogram
from netcadence_worker.metrics import METRICS

#: Columns of `accepted_levels` that are named as what they hold is.
_OF_ACCEPTED: Final = ("changed_at", "level", "level_before", "accepted_by", "reason")


def measurements(record: RunRecord) -> dict[str, pa.Table]:
    """Return what was measured: `results`, `intervals`, `raw`, and `latencies` where there are any."""
    pairs = _pairs(record)
    tables = {
        "results": _results(record, pairs),
        "intervals": _intervals(record, pairs),
        "raw": _raw(record),
    }
    # Most tools count no single requests; an empty file for each of their runs would say nothing.
    if any(outcome.latencies for outcome in record.outcomes):
        tables["latencies"] = _latencies(record, pairs)
    return tables


def conclusions(record: RunRecord, judgement: Judgement) -> dict[str, pa.Table]:
    """Return the tables that hold what it comes to: `verdicts` and, last, `runs`."""
    return {"verdicts": _verdicts(record.facts, judgement), "runs": _runs(record, judgement)}


def foreign(run: ForeignRun) -> dict[str, pa.Table]:
    """Return the tables that hold what others measured: `results` of one pair, `summaries` of statistics."""
    pairs = [_foreign_row(run, figure) for figure in run.figures if figure.statistic is None]
    statistics = [_foreign_row(run, figure) for figure in run.figures if figure.statistic is not None]
    rows = {"results": pairs, "summaries": statistics}
    return {
        name: pa.Table.from_pylist(each, schema=FILE_SCHEMAS[name]) for name, each in rows.items() if each
    }


def _foreign_row(run: ForeignRun, figure: ForeignFigure) -> dict[str, Any]:
    metric = METRICS[figure.metric]
    row = {
        "run_id": run.run_id,
        "scenario": run.scenario,
        "started_at": run.started_at,
        "protocol": run.protocol,
        "metric": figure.metric,
        "unit": metric.unit,
        "value": figure.value,
        "direction": metric.direction,
        "origin": run.origin,
    }
    if figure.statistic is None:
        told = {name: getattr(run, name) or None for name in ("path", "client_node", "server_node")}
        return row | told | {"round": 0, "pair_index": 0}  # the only pair
    return row | {"ratio": run.ratio, "statistic": figure.statistic, "source": run.source}


def acceptance(done: Acceptance) -> dict[str, pa.Table]:
    """Return the table that holds what each check of an acceptance came to: `acceptances`."""
    rows = [_check(done, position, each) for position, each in enumerate(done.rows)]
    return {"acceptances": pa.Table.from_pylist(rows, schema=FILE_SCHEMAS["acceptances"])}


def accepted_level(accepted: AcceptedLevel) -> dict[str, pa.Table]:
    """Return the table that holds that a level was accepted: `accepted_levels`."""
    key = asdict(accepted.key)
    row = {
        "run_id": accepted.acceptance_id,
        "started_at": accepted.accepted_at,
        "unit": accepted.key.unit,
        **{name: key[name] for name in key if name != "cluster"},
        **{name: getattr(accepted, name) for name in _OF_ACCEPTED},
    }
    return {"accepted_levels": pa.Table.from_pylist([row], schema=FILE_SCHEMAS["accepted_levels"])}


def accepted_of(row: Mapping[Any, Any]) -> AcceptedLevel:
    """Read such a row back."""
    return AcceptedLevel(
        acceptance_id=row["run_id"],
        key=SeriesKey(**{field.name: row[field.name] for field in fields(SeriesKey)}),
        accepted_at=row["started_at"].to_pydatetime(),
        **{name: row[name] for name in _OF_ACCEPTED} | {"changed_at": row["changed_at"].to_pydatetime()},
    )


def _check(done: Acceptance, position: int, result: CheckResult) -> dict[str, Any]:
    measured, profile = result.measured, done.programme.profile
    row = {
        "run_id": measured.run_id,
        "scenario": measured.measurement.scenario.name,
        "started_at": measured.record.facts.started_at if measured.record else done.started_at,
        "acceptance_id": done.acceptance_id,
        "acceptance_started_at": done.started_at,
        "acceptance_ended_at": done.ended_at,
        "acceptance_verdict": done.verdict,
        "profile": profile.name,
        "profile_hash": done.programme.profile_hash,
        "strict": profile.strict,
        "position": position,
        "check": result.check.name,
        "title": result.check.title,
        "level": result.level,
        "detail": result.detail or None,
        "netcadence_version": __version__,
    }
    return (asdict(result.decisive) if result.decisive else {}) | row | {"verdict": result.verdict}


def _run(facts: RunFacts) -> dict[str, Any]:
    return {"run_id": facts.run_id, "scenario": facts.scenario, "started_at": facts.started_at}


def _pairs(record: RunRecord) -> pa.Table:
    """Return one row a pair: what all rows about the pair repeat."""
    figures = {"metric", "unit", "value", "direction"}
    fields = [field for field in FILE_SCHEMAS["results"] if field.name not in figures]
    rows = [_pair(record.facts, outcome) for outcome in _everything(record)]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields))


def _everything(record: RunRecord) -> tuple[PairOutcome, ...]:
    """Return the outcomes that have rows, always in the same order."""
    return (*record.outcomes, *record.baseline)


def _pair(facts: RunFacts, outcome: PairOutcome) -> dict[str, Any]:
    pair, client, server = outcome.pair, outcome.pair.client, outcome.pair.server
    row = _run(facts) | {
        "round": pair.round,
        "pair_index": pair.index,
        "client_pod": client.name,
        "client_node": client.node,
        "client_zone": client.zone,
        "client_ip": _address(client, facts),
        "server_pod": server.name,
        "server_node": server.node,
        "server_zone": server.zone,
        "server_ip": _address(server, facts),
        "port": pair.port,
        "protocol": facts.protocol,
        "marks": outcome.marks,
        "client_started_at": outcome.started_at,
        "client_ended_at": outcome.ended_at,
        "start_offset_s": outcome.start_offset_s,
        "repeat": facts.repeat_of(pair.round),
        "limit": outcome.limit or None,
        "path": TrafficPath.HOST_NETWORK if pair.is_baseline else facts.path,
        "target_ip": outcome.target_ip,
    }
    if pair.target:
        row |= {"target": pair.target.address, "target_port": pair.target.port}
    if outcome.error:
        row |= {"error_reason": outcome.error.reason, "error_message": outcome.error.message}
    if outcome.clock:
        row |= {
            "clock_reference": outcome.clock.reference,
            "clock_offset_s": outcome.clock.offset,
            "clock_uncertainty_s": outcome.clock.uncertainty,
        }
    if outcome.clock_after:
        row |= {
            "clock_offset_after_s": outcome.clock_after.offset,
            "clock_uncertainty_after_s": outcome.clock_after.uncertainty,
        }
    return row


def _address(worker: WorkerPod, facts: RunFacts) -> str:
    """Return the address of a worker that traffic was to come from or go to."""
    return next((ip for ip in worker.ips if IPFamily.of(ip) == facts.ip_family), worker.ip)


def _long(name: str, pairs: pa.Table, rows: Sequence[int], figures: Mapping[str, Any]) -> pa.Table:
    """Put figures beside the pairs that they are of; `rows` says which, by position.

    Figures come a column at a time, since an object for each row would keep the garbage collector busy for
    longer than all the rest takes.
    """
    schema = FILE_SCHEMAS[name]
    repeated = pairs.take(pa.array(rows, pa.int64()))
    columns = {
        field.name: figures[field.name] if field.name in figures else repeated.column(field.name)
        for field in schema
    }
    return pa.table(columns, schema=schema)


def _results(record: RunRecord, pairs: pa.Table) -> pa.Table:
    # A failed pair has one row too: without a figure, with its error.
    told = [(*outcome.results, *outcome.beside) or (None,) for outcome in _everything(record)]
    rows = [row for row, results in enumerate(told) for _ in results]
    results = [result for figures in told for result in figures]
    figures = {
        "metric": [result and result.metric for result in results],
        "unit": [result and result.unit for result in results],
        "value": [result and result.value for result in results],
        "direction": [result and METRICS[result.metric].direction for result in results],
    }
    return _long("results", pairs, rows, figures)


def _intervals(record: RunRecord, pairs: pa.Table) -> pa.Table:
    rows = [
        row
        for row, outcome in enumerate(_everything(record))
        for interval in outcome.intervals
        for _ in interval.values
    ]
    intervals = [interval for outcome in _everything(record) for interval in outcome.intervals]
    metrics = [metric for interval in intervals for metric in interval.values]
    figures = {
        "start_s": [interval.start for interval in intervals for _ in interval.values],
        "end_s": [interval.end for interval in intervals for _ in interval.values],
        "metric": metrics,
        "unit": [METRICS[metric].unit for metric in metrics],
        "value": [value for interval in intervals for value in interval.values.values()],
    }
    return _long("intervals", pairs, rows, figures)


def _latencies(record: RunRecord, pairs: pa.Table) -> pa.Table:
    counted = [(row, each.latencies) for row, each in enumerate(record.outcomes) if each.latencies]
    histograms = [histogram for _, histogram in counted]
    figures = {
        "metric": ["request_latency"] * len(histograms),
        "unit": ["ms"] * len(histograms),
        "count": [histogram.count for histogram in histograms],
        "least": [histogram.least_ms for histogram in histograms],
        "most": [histogram.most_ms for histogram in histograms],
        "sum": [histogram.sum_ns / NS_PER_MS for histogram in histograms],
        "buckets": [[_bucket(bucket) for bucket in histogram.buckets] for histogram in histograms],
    }
    return _long("latencies", pairs, [row for row, _ in counted], figures)


def _bucket(bucket: Bucket) -> dict[str, float]:
    return {
        "over": bucket.over_ns / NS_PER_MS,
        "up_to": bucket.up_to_ns / NS_PER_MS,
        "count": bucket.count,
    }


def histogram_of(row: Mapping[Any, Any]) -> Histogram:
    """Read a row of `latencies` back."""
    return Histogram(
        buckets=tuple(
            Bucket(_ns(each["over"]), _ns(each["up_to"]), each["count"]) for each in row["buckets"]
        ),
        least_ns=_ns(row["least"]),
        most_ns=_ns(row["most"]),
        sum_ns=_ns(row["sum"]),
    )


def _ns(milliseconds: float) -> int:
    return round(milliseconds * NS_PER_MS)


def _raw(record: RunRecord) -> pa.Table:
    rows = [
        _tool(record.facts, outcome, role)
        for outcome in _everything(record)
        for role in Role
        if role in outcome.tools or role in outcome.outputs
    ]
    return pa.Table.from_pylist(rows, schema=FILE_SCHEMAS["raw"])


def _tool(facts: RunFacts, outcome: PairOutcome, role: Role) -> dict[str, Any]:
    tool, output = outcome.tools.get(role), outcome.outputs.get(role)
    printed = unpack(output) if output else ToolOutput()
    return _run(facts) | {
        "round": outcome.pair.round,
        "pair_index": outcome.pair.index,
        "role": role,
        "tool": tool and tool.name,
        "version": tool and tool.version,
        "argv": printed.argv,
        "stdout": printed.stdout,
        "stderr": printed.stderr,
        "exit_code": printed.exit_code,
        "truncated": output and output.truncated,
        "undecoded": printed.undecoded,
    }


def _verdicts(facts: RunFacts, judgement: Judgement) -> pa.Table:
    rows = [_run(facts) | asdict(finding) | _interval(finding) for finding in judgement.findings]
    return pa.Table.from_pylist(rows, schema=FILE_SCHEMAS["verdicts"])


def _interval(finding: Finding) -> dict[str, Any]:
    found = asdict(finding.interval) if finding.interval else {}
    return {f"interval_{name}": value for name, value in found.items()}


def _runs(record: RunRecord, judgement: Judgement) -> pa.Table:
    facts, skew = record.facts, record.skew
    row = asdict(facts) | {
        "verdict": judgement.verdict,
        "docs": judgement.docs,
        "measured_pairs": len(record.outcomes) - len(record.errors),
        "error_count": len(record.errors),
        "skew_p50_ms": skew and skew.p50_ms,
        "skew_p99_ms": skew and skew.p99_ms,
        # The facts' skew_max_ms is what the scenario allows; the lake's is what was measured.
        "skew_max_ms": skew and skew.max_ms,
        "skew_bound_ms": facts.skew_bound_ms,
        "phases_s": list(facts.phases_s.items()),
        "labels": list(facts.labels.items()),
        "tool_version": _tool_version(record),
    }
    return pa.Table.from_pylist([row], schema=FILE_SCHEMAS["runs"])


def _tool_version(record: RunRecord) -> str | None:
    """Return which tool of which version measured; all of them where nodes have different ones."""
    told = {f"{each.name} {each.version}" for outcome in record.outcomes for each in outcome.tools.values()}
    return ", ".join(sorted(told)) or None
