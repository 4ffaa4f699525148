"""What the checks came to, and what they add up to. Nothing that is missing is accepted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from netcadence.acceptance.profile import Check, Level
from netcadence.acceptance.programme import Measurement, Programme
from netcadence.record import GRAVITY, Finding, Judgement, RunRecord, Verdict

#: Stands for the canary where others have a level.
CANARY: Final = "canary"


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a measurement.

    Attributes:
        judgement: None where it ended without a verdict, of which `error` says why.
        page: Address of its flow run; empty where there is none.
    """

    measurement: Measurement
    run_id: str
    record: RunRecord | None = None
    judgement: Judgement | None = None
    error: str = ""
    page: str = ""

    @property
    def traffic_s(self) -> float:
        """Seconds in which its tools ran, from the first to the last of each round."""
        rounds: dict[int, list[datetime]] = {}
        for outcome in self.record.outcomes if self.record else ():
            instants = (outcome.started_at, outcome.ended_at)
            rounds.setdefault(outcome.pair.round, []).extend(each for each in instants if each)
        spans = (max(instants) - min(instants) for instants in rounds.values() if instants)
        return sum(span.total_seconds() for span in spans)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check came to.

    Attributes:
        level: One of `Level`, or `canary`.
        findings: Of its own thresholds.
        detail: A sentence where the findings do not say it all.
    """

    check: Check
    level: str
    measured: Measured
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    detail: str = ""

    @property
    def decisive(self) -> Finding | None:
        """The finding that decided: the first of the gravest."""
        return min(self.findings, key=lambda each: GRAVITY.index(each.verdict), default=None)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A profile's checks on one cluster, all done or cut short.

    Attributes:
        canary: What the measurement with the planted cap came to; None where there is none.
        stopped: Why it was cut short; empty where it was not.
        phases_s: Seconds that each part took.
    """

    acceptance_id: str
    cluster: str
    programme: Programme
    started_at: datetime
    ended_at: datetime
    results: tuple[CheckResult, ...]
    canary: CheckResult | None = None
    stopped: str = ""
    phases_s: Mapping[str, float] = field(default_factory=dict)

    @property
    def rows(self) -> tuple[CheckResult, ...]:
        """All results, the canary's last."""
        return (*self.results, *((self.canary,) if self.canary else ()))

    @property
    def verdict(self) -> Verdict:
        """PASS if the network is accepted."""
        if self.stopped or (self.canary and not rang(self.canary)):
            return Verdict.INVALID
        return combined(((each.check.level, each.verdict) for each in self.results), strict=self.is_strict)

    @property
    def is_strict(self) -> bool:
        return self.programme.profile.strict

    @property
    def measured(self) -> tuple[Measured, ...]:
        """The measurements, each once, in the order of the checks that they were made for."""
        return tuple({each.measured.run_id: each.measured for each in self.rows}.values())

    @property
    def traffic_s(self) -> float:
        """Seconds in which there was traffic: of measurements side by side those of the longest."""
        spans = {each.measurement.scenario.config_hash: each.traffic_s for each in self.measured}
        waves = (
            [spans.get(each.scenario.config_hash, 0.0) for each in wave] for wave in self.programme.waves
        )
        return sum(map(max, waves))

    def reasons(self) -> Iterator[str]:
        """Say in sentences what keeps the network from being accepted, and what is to be warned of."""
        if self.stopped:
            yield f"stopped: {self.stopped}"
        if self.canary and not rang(self.canary):
            name, asked = self.canary.measured.measurement.scenario.name, self.canary.check.name
            yield (
                f"the alarm did not ring: {name} has a planted cap far below what {asked!r} asks, and came "
                f"out as {self.canary.verdict} instead of FAIL, so that no PASS here can be trusted"
            )
        for each in self.results:
            if each.verdict is Verdict.PASS:
                continue
            counts = counting(each.check.level, each.verdict, strict=self.is_strict)
            warns = each.check.level is Level.RECOMMENDED and each.verdict is not Verdict.NOT_APPLICABLE
            word = "not accepted" if counts else "warning" if warns else "for information"
            yield f"{word}: {each.level} check {each.check.name!r} is {each.verdict}"


def counting(level: Level, verdict: Verdict, *, strict: bool) -> Verdict | None:
    """Return as what a check counts for the whole; None where it only warns or informs.

    A required check that is not applicable leaves open what had to be shown: INCONCLUSIVE.
    """
    applicable = verdict is not Verdict.NOT_APPLICABLE
    if level is Level.REQUIRED:
        return verdict if applicable else Verdict.INCONCLUSIVE
    return verdict if level is Level.RECOMMENDED and strict and applicable else None


def combined(verdicts: Iterable[tuple[Level, Verdict]], *, strict: bool) -> Verdict:
    """Return the gravest that counts, never N/A; where nothing counts nothing was shown, which is INVALID."""
    counted = (counting(level, verdict, strict=strict) for level, verdict in verdicts)
    return _gravest(each for each in counted if each)


def _gravest(verdicts: Iterable[Verdict]) -> Verdict:
    return min(verdicts, key=GRAVITY.index, default=Verdict.INVALID)


def rang(canary: CheckResult) -> bool:
    """Tell whether the planted cap was noticed: the threshold itself was missed, in a sound measurement."""
    return canary.verdict is Verdict.FAIL


def results_of(measured: Measured) -> Iterator[CheckResult]:
    """Yield what a measurement says of each of its checks."""
    position = 0
    for asked in measured.measurement.asked:
        count = len(asked.requirements)
        level = CANARY if measured.measurement.is_canary else asked.check.level.value
        yield _result(asked.check, level, measured, slice(position, position + count))
        position += count


def _result(check: Check, level: str, measured: Measured, own: slice) -> CheckResult:
    judgement = measured.judgement
    if judgement is None:
        return CheckResult(
            check, level, measured, Verdict.INVALID, detail=measured.error or "it was not measured"
        )
    data = [each for each in judgement.findings if each.suite == "data"]
    thresholds = [each for each in judgement.findings if each.suite == "sla"]
    unsound = [each for each in data if each.verdict is not Verdict.PASS]
    if len(thresholds) != len(measured.measurement.requirements):
        # Nothing was judged; PASS it cannot be.
        shown = judgement.verdict if judgement.verdict is not Verdict.PASS else Verdict.INVALID
        return CheckResult(check, level, measured, shown, (), _said(unsound or judgement.findings))
    findings = tuple(thresholds[own])
    verdict = _gravest(each.verdict for each in (*unsound, *findings))
    # Why the data do not hold says it all: of figures that are not there, each threshold says the same.
    return CheckResult(check, level, measured, verdict, findings, _said(unsound or findings))


def _said(findings: Sequence[Finding]) -> str:
    said = (
        f"{each.requirement.replace('_', ' ')}: {each.detail}"
        if each.verdict is Verdict.INVALID
        else each.detail
        for each in findings
        if each.detail
    )
    return "; ".join(dict.fromkeys(said))
