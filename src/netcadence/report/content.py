"""What is said of a judged run, in words and order, whatever it is then written as."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from netcadence import blame, overlay
from netcadence.limit import DOUBTS
from netcadence.record import Finding, Judgement, PairOutcome, RunRecord, Verdict
from netcadence.report import mesh
from netcadence.report.figures import figure, limit
from netcadence.statistics import PERC50, PERC90, PERC99
from netcadence.traffic_path import IPFamily, TrafficPath
from netcadence.words import counted
from netcadence_worker.contract import Mark, Reason
from netcadence_worker.histogram import Histogram
from netcadence_worker.metrics import METRICS, PERCENT_OF, Metric

_MARKS: Final = {
    Mark.CLOCKS_DISAGREE: "the clocks of both sides disagree: do not believe the one-way latency",
    Mark.CLOCKS_CORRECTED: "the clocks were apart: one-way latency is corrected by how far, as measured",
    Mark.OUT_OF_ORDER: "datagrams arrived out of order",
    Mark.CPU_BOUND: "the processors were the limit, and not the network: it may be better than this",
    Mark.HARNESS_BOUND: "the worker's own CPU limit held the tool up: the network may be better than this",
    Mark.TRUNCATED_READS: "datagrams were larger than the receiver's buffer, so that bytes are undercounted",
    Mark.COARSE_CLOCK: "the tool's clock is coarser than what it measured",
    Mark.NO_EFFECT: "no effect was seen as long as probers ran: it takes longer, if it comes at all",
    Mark.SERVER_STALLED: "the server's worker did not run for a while: what went unanswered is not counted",
    Mark.RATE_MISSED: "fewer requests were made than asked for, as answers took too long",
}
#: Decimals that a tool prints: siege's 0.00 s is less than its clock can tell, and not a wait of nothing.
_DECIMALS: Final = {("siege", "response_time"): 2}
_ESCAPES: Final = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
#: Lines of an error's message that are shown: the last ones, where tools say what went wrong.
_LINES_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the verdict table, in words."""

    metric: str
    value: str
    threshold: str
    verdict: Verdict
    interval: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A remark below the table."""

    about: str
    text: str


def pairs(record: RunRecord) -> str:
    """Return how many pairs were measured, of how many planned, such as `48/50`."""
    planned = record.facts.planned_pairs
    return f"{planned - len(record.errors):,}/{planned:,}"


def rows(record: RunRecord, judgement: Judgement) -> tuple[Row, ...]:
    """Return a row for each threshold, one for all checks of the data together, and the run's own."""
    thresholds = [finding for finding in judgement.findings if finding.suite != "data"]
    checks = [finding for finding in judgement.findings if finding.suite == "data"]
    found = [threshold_row(finding, record.facts.tool) for finding in thresholds]
    if checks and judgement.verdict is not Verdict.NOT_APPLICABLE:
        passed = sum(check.verdict is Verdict.PASS for check in checks)
        verdict = Verdict.PASS if passed == len(checks) else Verdict.INVALID
        found.append(Row("Data checks", f"{passed} of {len(checks)}", "", verdict))
    return (*found, Row("Run", "", "", judgement.verdict))


def notes(record: RunRecord, judgement: Judgement) -> tuple[Note, ...]:
    """Return what the table does not say: circumstances, skew, mesh, failed checks, errors, marks."""
    if judgement.verdict is Verdict.NOT_APPLICABLE:
        why = Note("why", readable(record.not_applicable))
        return (Note("run", record.facts.run_id), Note("setup", _setup(record)), why)
    return (
        Note("run", record.facts.run_id),
        Note("setup", _setup(record)),
        *_certainty(record, judgement),
        *_limits(record),
        *_joint(record),
        *_overlay(record),
        *effects(record),
        *_latencies(record),
        *_skew(record),
        *_mesh(record),
        *_unmet(record, judgement),
        *_errors(record),
        *_marks(record),
    )


def readable(text: str) -> str:
    """Return a tool's words without what would steer a terminal."""
    plain = _ESCAPES.sub("", text)
    return "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in plain).strip()


def finding_name(finding: Finding) -> str:
    """Return what a finding is about, in words, such as `Jitter Perc95`."""
    metric = METRICS.get(finding.metric)
    if metric is None or finding.suite == "data":
        return finding.requirement.replace("_", " ")
    return figure_name(metric, finding.statistic)


def figure_name(metric: Metric, statistic: str) -> str:
    """Return what a statistic of a metric is called."""
    # A ratio of two statistics has a name of its own, and a percentile of all requests says so by its metric.
    if "/" in statistic:
        return "Consistency"
    return metric.title if statistic.startswith("Merged") else f"{metric.title} {statistic}"


def threshold_row(finding: Finding, tool: str) -> Row:
    """Return the row of one threshold."""
    name, decimals = finding_name(finding), _DECIMALS.get((tool, finding.metric), 0)
    return Row(
        metric=name[:1].upper() + name[1:],
        value=figure(finding.value, finding.unit, beside=finding.threshold, decimals=decimals),
        threshold=limit(finding.comparison, finding.threshold, finding.unit),
        verdict=finding.verdict,
        interval=_interval(finding),
    )


def _interval(finding: Finding) -> str:
    """Return from where to where, with as many digits as it takes to be seen on its side of the threshold."""
    if finding.interval is None:
        return ""
    ends = (figure(end, beside=finding.threshold) for end in (finding.interval.low, finding.interval.high))
    return " to ".join(ends)


def _setup(record: RunRecord) -> str:
    facts = record.facts
    tools = {f"{tool.name} {tool.version}" for outcome in record.outcomes for tool in outcome.tools.values()}
    where = facts.cluster if facts.network in ("", "kubernetes") else f"{facts.cluster} ({facts.network})"
    parts = [where, ", ".join(sorted(tools)) or facts.tool, f"{facts.duration_s} s"]
    if facts.path != TrafficPath.POD_IP:
        parts.append(f"by {facts.path}")
    if facts.ip_family == IPFamily.IPV6:
        parts.append(IPFamily.IPV6.spelled)
    return " · ".join(parts)


def _certainty(record: RunRecord, judgement: Judgement) -> Iterator[Note]:
    """Say what the intervals rest on, or that there are none."""
    thresholds = [finding for finding in judgement.findings if finding.suite == "sla"]
    found = next((each.interval for each in thresholds if each.interval), None)
    if found:
        warmed = record.facts.warm_up_repeats
        yield Note(
            "range",
            f"{found.level:.0%}, of {counted(found.repeats, 'repeat')} of {counted(found.pairs, 'pair')}"
            f" ({warmed} more to warm up), bootstrap with seed {found.seed}",
        )
    elif thresholds and not any(outcome.spans for outcome in record.outcomes):
        yield Note("range", "no interval: measured once; repeats in the scenario give one")


def _limits(record: RunRecord) -> Iterator[Note]:
    """Say what limited how many pairs, as far as that is known."""
    counts = Counter(outcome.limit for outcome in record.judged if outcome.limit)
    if counts:
        said = (f"{counted(count, 'pair')} {limit_}" for limit_, count in counts.most_common())
        yield Note("limit", ", ".join(said))


def _joint(record: RunRecord) -> Iterator[Note]:
    """Tell what the pairs got while all of them sent, where there are several."""
    got = [value for each in record.judged if (value := each.value("throughput_common")) is not None]
    seconds = [value for each in record.judged if (value := each.value("common_window")) is not None]
    if len(got) > 1 and len({outcome.pair.round for outcome in record.judged}) < len(record.judged):
        median = figure(PERC50.of(got), METRICS["throughput_common"].unit)
        yield Note(
            "joint", f"throughput Perc50 {median} in the {figure(min(seconds), 's')} in which all sent"
        )


def _overlay(record: RunRecord) -> Iterator[Note]:
    """Tell what the pod network costs beside the nodes' own, where that was measured."""
    if not record.baseline:
        return
    cost = overlay.cost_of(record)
    errors = Counter(each.error.reason for each in record.baseline if each.error)
    if cost is not None:
        said = f"costs {figure(cost, '%')}" if cost >= 0 else "costs nothing that shows above the noise"
        yield Note(
            "host",
            f"the pod network carries {figure(100 - cost, '%')} of the host network (Perc50): it {said}",
        )
    if any(DOUBTS.intersection(each.marks) for each in (*record.judged, *record.baseline)):
        yield Note("host", "processors held up pairs there: this is what packets cost them, not the wire")
    for reason, count in errors.most_common():
        yield Note("host", f"{counted(count, 'pair')} on the host network {reason}: nothing to compare with")


def effects(record: RunRecord) -> Iterator[Note]:
    """Tell how soon after their changes the pairs saw an effect, and how exactly that is known."""
    for about, name in (("address", "assigned_after"), ("effect", "effect_after")):
        after = [value for each in record.judged if (value := each.value(name)) is not None]
        if not after:
            continue
        shares = ((str(each), each.of(after)) for each in (PERC50, PERC90, PERC99))
        said = ", ".join(f"{share} {figure(value, 'ms')}" for share, value in shares)
        within = [value for each in record.judged if (value := each.value("effect_uncertainty")) is not None]
        known = f"; known to {figure(max(within), 'ms')}" if name == "effect_after" and within else ""
        yield Note(about, f"{said} after the change{known}")


def _latencies(record: RunRecord) -> Iterator[Note]:
    """Tell how long the requests of all pairs took together, where they were counted."""
    histograms = [outcome.latencies for outcome in record.judged if outcome.latencies]
    if histograms:
        whole = Histogram.merged(histograms)
        figures = (
            *((f"p{percent:g}", whole.percentile_ms(percent)) for percent in PERCENT_OF.values()),
            ("max", whole.most_ms),
        )
        told = ", ".join(f"{name} {figure(value, 'ms')}" for name, value in figures)
        yield Note("latency", f"{told} of {whole.count:,} requests in {counted(len(histograms), 'pair')}")


def _skew(record: RunRecord) -> Iterator[Note]:
    skew, bound_ms = record.skew, record.facts.skew_bound_ms
    bound = f"p99 {limit('<=', bound_ms, 'ms')}"
    if not record.facts.tells_starts and skew is None:
        yield Note(
            "skew", f"not proved: these workers do not report when they start, so {bound} is not judged"
        )
        return
    if skew is None:
        yield Note("skew", f"unknown: no pair reported its start; a valid run has to show {bound}")
        return
    figures = (("p50", skew.p50_ms), ("p99", skew.p99_ms), ("max", skew.max_ms))
    measured = ", ".join(f"{name} {figure(value, 'ms', beside=bound_ms)}" for name, value in figures)
    yield Note("skew", f"{measured} ({bound} is required)")


def _mesh(record: RunRecord) -> Iterator[Note]:
    split = blame.of_mesh(record)
    if split is not None:
        yield from (Note("blame", sentence) for sentence in mesh.sentences(split))
        yield Note("mesh", mesh.matrix(split))


def _unmet(record: RunRecord, judgement: Judgement) -> Iterator[Note]:
    """Explain what failed, or was met with a reservation; what has nothing to add is in the table already."""
    told: dict[tuple[Verdict, str], list[str]] = {}
    for finding in judgement.findings:
        failed_check = finding.suite == "data" and finding.verdict is not Verdict.PASS
        if not (finding.detail or failed_check):
            continue
        row = threshold_row(finding, record.facts.tool)
        said = readable(finding.detail) or f"{row.value}, {row.threshold} is required"
        told.setdefault((finding.verdict, said), []).append(finding_name(finding))
    for (verdict, said), names in told.items():
        yield Note(verdict.lower(), f"{'; '.join(dict.fromkeys(names))}: {said}")


def _errors(record: RunRecord) -> Iterator[Note]:
    """Group the failed pairs by reason, the commonest first, each with one message as an example."""
    examples: dict[Reason, str] = {}
    counts: Counter[Reason] = Counter()
    for outcome in record.outcomes:
        if outcome.error is not None:
            reason = outcome.error.reason
            counts[reason] += 1
            examples.setdefault(reason, f"{_pair(outcome)}: {_last_lines(outcome.error.message)}")
    for reason, count in counts.most_common():
        yield Note("error", f"{counted(count, 'pair')} {reason}, such as {examples[reason]}")


def _marks(record: RunRecord) -> Iterator[Note]:
    counts = Counter(mark for outcome in record.outcomes for mark in set(outcome.marks))
    for mark, count in counts.most_common():
        yield Note("mark", f"{counted(count, 'pair')} {mark}: {_MARKS[mark]}")


def _pair(outcome: PairOutcome) -> str:
    client, server = outcome.pair.client, outcome.pair.server
    name = f"pair {outcome.pair.index}"
    if not client.name or not server.name:
        return name
    return f"{name}, {client.name} ({client.node}) → {server.name} ({server.node})"


def _last_lines(message: str) -> str:
    lines = [line for line in readable(message).splitlines() if line.strip()]
    return "\n".join(["…"] * (len(lines) > _LINES_SHOWN) + lines[-_LINES_SHOWN:])
