"""What a run leaves behind: one outcome a pair, the run's facts, and the verdicts.

Pairs planned = outcomes, always; an outcome holds figures or an error, never neither.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, TypeVar

from netcadence.confidence import ConfidenceInterval
from netcadence.pair import Pair
from netcadence.traffic_path import TrafficPath
from netcadence_worker.contract import (
    ClockReading,
    Interval,
    Mark,
    ProbeSpan,
    RawOutput,
    Reason,
    ReportedError,
    ResourceUsage,
    Result,
    Role,
    Stall,
    ToolVersion,
)
from netcadence_worker.histogram import Histogram

Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class PairOutcome:
    """What became of one planned pair.

    Attributes:
        started_at: When the client's tool started, by the client's clock.
        clock: The client's clock beside the reference worker's, where it was measured.
        start_offset_s: Seconds from the published start to the client's start, corrected by `clock`.
        outputs: What the tools printed, by role.
        clock_after: As `clock`, once the traffic was over.
        usage: What each side's machine did meanwhile, where that could be seen.
        beside: Figures of that, and of the time in which all pairs sent; not every pair need have them.
        target_ip: The address that the client connected to, a name resolved.
        spans: What a prober saw.
        stalls: When the server's worker could answer nobody, by the reference's clock and with what is
            uncertain of that.
        latencies: How long the single requests took that succeeded, where the tool counts them.
        limit: What limited the pair, as `netcadence.limit` says it; empty where that cannot be told.
    """

    pair: Pair
    results: tuple[Result, ...] = ()
    intervals: tuple[Interval, ...] = ()
    marks: tuple[Mark, ...] = ()
    error: ReportedError | None = None
    tools: dict[Role, ToolVersion] = field(default_factory=dict)
    started_at: datetime | None = None
    ended_at: datetime | None = None
    clock: ClockReading | None = None
    start_offset_s: float | None = None
    outputs: dict[Role, RawOutput] = field(default_factory=dict)
    clock_after: ClockReading | None = None
    usage: dict[Role, ResourceUsage] = field(default_factory=dict)
    beside: tuple[Result, ...] = ()
    limit: str = ""
    spans: tuple[ProbeSpan, ...] = ()
    target_ip: str | None = None
    latencies: Histogram | None = None
    stalls: tuple[Stall, ...] = ()

    def __post_init__(self) -> None:
        if bool(self.results) == (self.error is not None):
            raise ValueError(f"pair {self.pair.index}: an outcome holds either results or an error")

    @property
    def measured(self) -> bool:
        return self.error is None

    def value(self, metric: str) -> float | None:
        told = (*self.results, *self.beside)
        return next((result.value for result in told if result.metric == metric), None)


@dataclass(frozen=True, slots=True)
class Skew:
    """How far apart the pairs really started, over all rounds; milliseconds from the published start."""

    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node as it was during the run.

    Attributes:
        allocatable_cpu: Processors that it has for pods.
        mtu: Of the interface by which its workers are reached, in bytes, as they reported it.
    """

    name: str
    zone: str = ""
    instance_type: str = ""
    kernel: str = ""
    os_image: str = ""
    container_runtime: str = ""
    kubelet: str = ""
    region: str = ""
    architecture: str = ""
    allocatable_cpu: float | None = None
    allocatable_memory_bytes: int | None = None
    mtu: int | None = None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Everything about a run that is not a measurement.

    Attributes:
        scenario: Name, such as `tcp-1:1`; `config` holds the whole scenario as JSON.
        skew_bound_ms: What the 99th percentile of the skew may be; what it was stands in `RunRecord.skew`.
        tells_starts: Whether the workers could say when they started, so that synchrony can be asked for.
        network: How pods reach each other: `kubernetes`, `namespaces` or `loopback` (the last two embedded).
        mtu: The least that the run's nodes have, in bytes.
        config_hash: SHA-256 of `config`, so that like is compared with like.
        rounds_of_repeat: Rounds in each repeat of the scenario; 0 where it is measured once.
        path: Where clients connect, as the scenario says it.
        ip_family: At which of their addresses servers listen; empty where no pair was made.
        warm_up_repeats: So many of the first repeats are kept and not judged.
        disturbance: Why nothing that was measured counts, such as another run beside this one; or empty.
    """

    run_id: str
    cluster: str
    scenario: str
    protocol: str
    tool: str
    started_at: datetime
    ended_at: datetime
    duration_s: int
    planned_pairs: int
    config: str
    config_hash: str
    skew_bound_ms: float
    network: str = "kubernetes"
    kubernetes_version: str = ""
    cni: str = ""
    mtu: int | None = None
    netcadence_version: str = ""
    nodes: tuple[NodeFacts, ...] = ()
    phases_s: dict[str, float] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    tells_starts: bool = True
    disturbance: str = ""
    rounds_of_repeat: int = 0
    warm_up_repeats: int = 0
    path: str = TrafficPath.POD_IP.value
    ip_family: str = ""

    @property
    def is_repeated(self) -> bool:
        return self.rounds_of_repeat > 0

    def repeat_of(self, round_: int) -> int | None:
        """Return the repeat that a round belongs to, from 0; None where there are none or it warms up."""
        if not self.is_repeated:
            return None
        number = round_ // self.rounds_of_repeat - self.warm_up_repeats
        return number if number >= 0 else None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A finished (or interrupted) run, before it is judged.

    Attributes:
        baseline: What became of the pairs that the others are compared with; they are not among the planned.
    """

    facts: RunFacts
    outcomes: tuple[PairOutcome, ...]
    skew: Skew | None
    baseline: tuple[PairOutcome, ...] = ()

    def __post_init__(self) -> None:
        if len(self.outcomes) != self.facts.planned_pairs:
            raise ValueError(
                f"run {self.facts.run_id}: {self.facts.planned_pairs} pairs planned, "
                f"{len(self.outcomes)} outcomes"
            )

    @property
    def errors(self) -> tuple[PairOutcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.error is not None)

    @property
    def not_applicable(self) -> str:
        """Why the cluster cannot be judged by this scenario: all pairs say so; empty where one does not."""
        reasons = {outcome.error and outcome.error.reason for outcome in self.outcomes}
        error = self.outcomes[0].error if reasons == {Reason.NOT_APPLICABLE} else None
        return error.message if error and not self.facts.disturbance else ""

    @property
    def judged(self) -> tuple[PairOutcome, ...]:
        """The outcomes that thresholds are applied to: all but those that warmed up."""
        if not self.facts.is_repeated:
            return self.outcomes
        return tuple(each for each in self.outcomes if self.facts.repeat_of(each.pair.round) is not None)

    def figures_by_repeat(self, metric: str) -> list[list[float]] | None:
        """Return a metric by repeat and pair; None where nothing was repeated, or a figure is missing."""
        return self._by_repeat(lambda outcome: outcome.value(metric))

    def latencies_by_repeat(self) -> list[list[Histogram]] | None:
        """Return the histograms by repeat and pair; None where nothing was repeated, or one is missing."""
        return self._by_repeat(lambda outcome: outcome.latencies)

    def _by_repeat(self, told: Callable[[PairOutcome], Told | None]) -> list[list[Told]] | None:
        if not self.facts.is_repeated:
            return None
        repeats: dict[int | None, list[Told]] = {}
        for outcome in self.judged:
            value = told(outcome)
            if value is None:
                return None
            repeats.setdefault(self.facts.repeat_of(outcome.pair.round), []).append(value)
        return list(repeats.values())


class Verdict(enum.StrEnum):
    """What a run, or one requirement of it, comes to. Only PASS is green."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"
    #: The cluster does not offer what was to be measured.
    NOT_APPLICABLE = "N/A"


#: Gravest first.
GRAVITY: Final = (
    Verdict.INVALID,
    Verdict.FAIL,
    Verdict.INCONCLUSIVE,
    Verdict.NOT_APPLICABLE,
    Verdict.PASS,
)
#: Figures of such a run come to nothing: they do not hold, or there are none.
UNSOUND: Final = frozenset({Verdict.INVALID, Verdict.NOT_APPLICABLE})


@dataclass(frozen=True, slots=True)
class Finding:
    """One requirement and what became of it; a row of the verdict table.

    Attributes:
        suite: `data` for the suite that judges the data itself, `sla` for thresholds.
        requirement: The threshold's name, such as `throughput_min_kbytes`.
        statistic: What was taken over the pairs, such as `Perc50`.
        value: The statistic, or None where there was nothing to take it of.
        comparison: `>=`, `<=` or `==`, between value and threshold.
        detail: A sentence for a person where the numbers do not say it all.
        interval: Where the statistic may really be; None where it was measured once.
    """

    suite: str
    requirement: str
    metric: str
    statistic: str
    value: float | None
    unit: str
    comparison: str
    threshold: float | None
    verdict: Verdict
    detail: str = ""
    interval: ConfidenceInterval | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on a run, with what it rests on.

    Attributes:
        docs: Address of the Great Expectations Data Docs page that shows it.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    docs: str = ""
