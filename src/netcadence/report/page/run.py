"""The page of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from netcadence.record import Finding, Judgement, RunFacts, RunRecord, Verdict
from netcadence.report import content
from netcadence.report.figures import NOTHING, figure, limit
from netcadence.report.page import heatmap, latency, pairs, past
from netcadence.report.page.chart import Chart, Table
from netcadence.report.page.past import PastFinding
from netcadence.report.page.rendering import render
from netcadence_worker.metrics import METRICS


@dataclass(frozen=True, slots=True)
class _Note:
    about: str
    text: str

    @property
    def is_lines(self) -> bool:
        return "\n" in self.text


def run_page(
    record: RunRecord,
    judgement: Judgement,
    *,
    history: Sequence[PastFinding] = (),
    lake: str = "",
    left_out: Sequence[str] = (),
) -> str:
    """Return the HTML page of a judged run.

    Args:
        history: What the same scenario came to until this run, with it.
        lake: Its address.
        left_out: Files of the lake that could not be read, and why.
    """
    facts, is_measured = record.facts, judgement.verdict is not Verdict.NOT_APPLICABLE
    return render(
        "run.html.j2",
        facts=facts,
        verdict=judgement.verdict,
        summary=_summary(judgement),
        pairs=content.pairs(record),
        rows=content.rows(record, judgement),
        notes=[
            _Note(each.about, each.text)
            for each in content.notes(record, judgement)
            # The heatmap below shows what a terminal's matrix says, and begins with whom it blames.
            if each.about not in ("mesh", "blame")
        ],
        mesh=heatmap.of_mesh(record),
        charts=tuple(charts_of(record, judgement, history)) if is_measured else (),
        all_pairs=pairs.table_of_pairs(record, judgement),
        checks=_checks(judgement),
        nodes=_nodes(facts),
        circumstances=tuple(_circumstances(facts)),
        phases=_phases(facts),
        config=yaml.safe_dump(json.loads(facts.config), sort_keys=False, allow_unicode=True),
        docs=judgement.docs,
        lake=lake,
        left_out=tuple(left_out),
    )


def charts_of(
    record: RunRecord, judgement: Judgement, history: Sequence[PastFinding] = ()
) -> Iterator[Chart]:
    """Yield the plots of a run that was measured; `history` is what it came to until then."""
    yield from pairs.sorted_pairs(record, judgement)
    yield from pairs.by_second(record)
    yield from latency.distribution(record)
    yield from past.charts(history, record.facts.run_id)
    yield from pairs.starts(record)


def _summary(judgement: Judgement) -> str:
    """Return the verdict in a sentence."""
    thresholds = [each for each in judgement.findings if each.suite == "sla"]
    unmet = [each for each in thresholds if each.verdict is not Verdict.PASS]
    broken = [
        each for each in judgement.findings if each.suite == "data" and each.verdict is not Verdict.PASS
    ]
    if judgement.verdict is Verdict.PASS:
        return f"{_all(len(thresholds))} met."
    if judgement.verdict is Verdict.NOT_APPLICABLE:
        return "The cluster does not offer what was to be measured."
    if judgement.verdict is Verdict.INVALID:
        why = "; ".join(map(_unmet, broken)) or "nothing was asked of it"
        return f"The measurement does not hold, whatever its figures say: {why}."
    word = "missed" if judgement.verdict is Verdict.FAIL else "undecided"
    decisive = [each for each in unmet if each.verdict is judgement.verdict] or unmet
    told = "; ".join(map(_unmet, decisive))
    which = "The threshold is" if len(thresholds) == 1 else f"{len(decisive)} of {len(thresholds)} thresholds"
    return f"{which} {word}: {told}."


def _all(count: int) -> str:
    words = {1: "The threshold is", 2: "Both thresholds are"}
    return words.get(count, f"All {count} thresholds are")


def _unmet(finding: Finding) -> str:
    name = content.finding_name(finding)
    if finding.suite == "data":
        return f"{name}{f', {content.readable(finding.detail)}' if finding.detail else ''}".rstrip(".")
    value = figure(finding.value, finding.unit, beside=finding.threshold)
    said = f"no {name}" if value == NOTHING else f"{name} is {value}"
    return f"{said}, {limit(finding.comparison, finding.threshold, finding.unit)} is asked for"


def _checks(judgement: Judgement) -> Table:
    rows = [
        (
            ", ".join((content.finding_name(each), *_title(each.metric))),
            figure(each.value, each.unit, beside=each.threshold),
            limit(each.comparison, each.threshold, each.unit),
            each.verdict.value,
        )
        for each in judgement.findings
        if each.suite == "data"
    ]
    headings = ("Check", "Found", "Required", "Verdict")
    return Table.of("Checks of the data itself", headings, rows, numbers=(1, 2))


def _title(metric: str) -> tuple[str, ...]:
    return (METRICS[metric].title,) if metric in METRICS else ()


def _nodes(facts: RunFacts) -> Table:
    """Return the nodes, with the columns that anything is known of."""
    columns = {
        "Node": [each.name for each in facts.nodes],
        "Zone": [each.zone for each in facts.nodes],
        "Instance type": [each.instance_type for each in facts.nodes],
        "Kernel": [each.kernel for each in facts.nodes],
        "System": [each.os_image for each in facts.nodes],
        "Runtime": [each.container_runtime for each in facts.nodes],
        "Kubelet": [each.kubelet for each in facts.nodes],
        "Architecture": [each.architecture for each in facts.nodes],
        "CPUs": [figure(each.allocatable_cpu) if each.allocatable_cpu else "" for each in facts.nodes],
        "MTU": [str(each.mtu) if each.mtu else "" for each in facts.nodes],
    }
    return Table.of_columns("Nodes of the run, as they were then", columns, numbers=("CPUs", "MTU"))


def _circumstances(facts: RunFacts) -> Iterator[tuple[str, str]]:
    """Yield what else is known of a run, by what it is about."""
    took_s = (facts.ended_at - facts.started_at).total_seconds()
    told = {
        "Run": facts.run_id,
        "Cluster": facts.cluster,
        "Network": facts.network,
        "Kubernetes": facts.kubernetes_version,
        "CNI": facts.cni,
        "MTU": f"{facts.mtu} bytes" if facts.mtu else "",
        "Way": facts.path,
        "Took": f"{took_s:.1f} s, of which {facts.duration_s} s of traffic a round",
        "netcadence": facts.netcadence_version,
        "Labels": ", ".join(f"{key}={value}" for key, value in sorted(facts.labels.items())),
        "Configuration": facts.config_hash[:16],
    }
    yield from ((about, text) for about, text in told.items() if text)


def _phases(facts: RunFacts) -> Table:
    rows = [(name, f"{seconds:.2f}") for name, seconds in facts.phases_s.items()]
    return Table.of("Where the time went, in s", ("Phase", "Seconds"), rows, numbers=(1,))
