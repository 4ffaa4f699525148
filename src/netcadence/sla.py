"""Service level agreements: what the figures of a scenario have to reach, in words that a person can edit."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from netcadence import document, figures, overlay
from netcadence.comparison import Comparison
from netcadence.confidence import ConfidenceInterval, interval_of, interval_of_requests, seed_of
from netcadence.errors import InvalidInputError
from netcadence.record import RunRecord
from netcadence.scenario import Scenario
from netcadence.statistics import CONSISTENCY, PERC05, PERC50, PERC95, PERC99, PERC100, Statistic, merged
from netcadence_worker.contract import Protocol
from netcadence_worker.metrics import METRICS, OF_REQUESTS, PERCENT_OF, Metric

#: The thresholds that hold where no others are named.
DEFAULT: Final = Path(__file__).resolve().parents[2] / "expectations" / "default.yaml"


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the vocabulary: a threshold's name and what it means.

    Attributes:
        metric: What is judged; the threshold is in its unit unless the statistic is a ratio.
        statistic: What is taken over the pairs unless the file says otherwise.
        highest: Largest threshold that makes sense.
    """

    name: str
    metric: Metric
    comparison: Comparison
    statistic: Statistic
    highest: float

    @property
    def unit(self) -> str:
        return "" if self.statistic.is_ratio else self.metric.unit

    @property
    def number(self) -> str:
        """What the threshold is, in words."""
        return "a ratio, from 0 to 1" if self.statistic.is_ratio else f"a number, in {self.metric.unit}"

    def statistic_named(self, text: str | None) -> Statistic:
        """Return the statistic that a file names for this term, by default the term's own.

        Raises:
            RefusalError: There is no such statistic, or it makes no sense here.
        """
        if text is None:
            return self.statistic
        try:
            statistic = Statistic.parse(text)
        except ValueError as error:
            raise document.RefusalError("statistic", text, f"is not known; {self._allowed}") from error
        alike = statistic.is_ratio == self.statistic.is_ratio
        if not alike or (statistic.merged_percent is not None and statistic != self.statistic):
            raise document.RefusalError("statistic", text, f"cannot be taken here; {self._allowed}")
        return statistic

    @property
    def _allowed(self) -> str:
        if self.statistic.is_ratio:
            return f"allowed: {CONSISTENCY}"
        own = f"{self.statistic}, " if self.statistic.merged_percent is not None else ""
        return f"allowed: {own}Perc01 to Perc100"

    def obstacle(self, scenario: Scenario) -> str | None:
        """Say why the term cannot be asked of `scenario`, or None where it can."""
        if self.metric.name == overlay.COST:
            return None if scenario.baseline else "it is measured without a baseline"
        if self.metric.name not in figures.yielded(scenario):
            of_requests = scenario.protocol is Protocol.HTTP and self.metric.name in OF_REQUESTS
            source = scenario.tool if of_requests else figures.source(scenario)
            return f"{source} does not yield {self.metric.name}"
        if self.statistic.is_ratio and scenario.planned_pairs == 1:
            return "one pair is always consistent with itself"
        return None


def _term(name: str, metric: str, comparison: Comparison, statistic: Statistic) -> Term:
    declared = METRICS[metric]
    return Term(name, declared, comparison, statistic, 1.0 if statistic.is_ratio else declared.highest)


VOCABULARY: Final[dict[str, Term]] = {
    term.name: term
    for term in (
        _term("throughput_min_kbytes", "throughput", Comparison.AT_LEAST, PERC50),
        _term("throughput_reverse_min_kbytes", "throughput_reverse", Comparison.AT_LEAST, PERC50),
        _term("round_trip_max_ms", "round_trip_avg", Comparison.AT_MOST, PERC95),
        _term("jitter_max_ms", "jitter", Comparison.AT_MOST, PERC95),
        _term("packet_loss_max_percent", "packet_loss", Comparison.AT_MOST, PERC95),
        _term("latency_max_ms", "latency_avg", Comparison.AT_MOST, PERC95),
        _term("response_time_max_sec", "response_time", Comparison.AT_MOST, PERC95),
        _term("overlay_cost_max_percent", "overlay_cost", Comparison.AT_MOST, PERC50),
        _term("effect_after_max_ms", "effect_after", Comparison.AT_MOST, PERC99),
        _term("leaks_max", "probe_leaks", Comparison.AT_MOST, PERC100),
        _term("flaps_max", "probe_flaps", Comparison.AT_MOST, PERC100),
        _term("consistency_min", "throughput", Comparison.AT_LEAST, CONSISTENCY),
        *(
            _term(f"{metric.removeprefix('request_')}_max_ms", metric, Comparison.AT_MOST, merged(percent))
            for metric, percent in PERCENT_OF.items()
        ),
        _term("qps_min", "request_rate", Comparison.AT_LEAST, PERC05),
        _term("error_max_percent", "request_errors", Comparison.AT_MOST, PERC95),
    )
}


@dataclass(frozen=True, slots=True)
class Requirement:
    """A threshold as it applies to one scenario.

    Attributes:
        is_strict: Whether a figure that is equal to the threshold misses it.
    """

    term: Term
    threshold: float
    statistic: Statistic
    is_strict: bool = False

    @property
    def name(self) -> str:
        return self.term.name

    @property
    def metric(self) -> Metric:
        return self.term.metric

    @property
    def comparison(self) -> Comparison:
        return self.term.comparison.strictly if self.is_strict else self.term.comparison

    @property
    def unit(self) -> str:
        return self.term.unit

    def interval(self, record: RunRecord) -> ConfidenceInterval | None:
        """Return where the statistic may really be; None where that cannot be said."""
        seed = seed_of(record.facts.run_id)
        if self.statistic.merged_percent is not None:
            latencies = record.latencies_by_repeat()
            return interval_of_requests(latencies, self.statistic, seed=seed) if latencies else None
        figures = record.figures_by_repeat(self.metric.name)
        return interval_of(figures, self.statistic, seed=seed) if figures else None

    def holds(self, value: float) -> bool:
        """Tell whether a value is on the right side."""
        return self.comparison.holds(value, self.threshold)

    def met_by(self, interval: ConfidenceInterval) -> bool | None:
        """Tell whether an interval is on the right side: all of it, nothing of it, or None."""
        return interval.reaches(self.threshold, self.comparison)


def is_open(record: RunRecord, requirements: Sequence[Requirement]) -> bool:
    """Tell whether another repeat may decide something: a sound run has an interval around its threshold."""
    if record.errors or record.facts.disturbance:
        return False
    intervals = ((requirement, requirement.interval(record)) for requirement in requirements)
    return any(interval is not None and each.met_by(interval) is None for each, interval in intervals)


_Bound = Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)]


class _Threshold(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    value: _Bound | None = None
    #: What has to be exceeded, or stayed below, instead of a value that may just be reached.
    above: _Bound | None = None
    below: _Bound | None = None
    statistic: str | None = None

    @model_validator(mode="after")
    def _one_bound(self) -> _Threshold:
        if len(self._bounds) != 1:
            said = f"there are {', '.join(self._bounds)}" if self._bounds else "is missing"
            raise document.RefusalError("value", None, f"{said}; allowed: one of value, above and below")
        return self

    @property
    def bound(self) -> float:
        return next(iter(self._bounds.values()))

    @property
    def word(self) -> str:
        """By which of the three words it is given."""
        return next(iter(self._bounds))

    def of(self, term: Term) -> Requirement:
        """Return what is asked by it."""
        statistic = term.statistic_named(self.statistic)
        return Requirement(term, self.bound, statistic, is_strict=self.word != "value")

    @property
    def _bounds(self) -> dict[str, float]:
        said = {"value": self.value, "above": self.above, "below": self.below}
        return {word: bound for word, bound in said.items() if bound is not None}


class Thresholds(BaseModel):
    """What is asked of the scenarios of one pattern; `VOCABULARY` says what each word means."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    throughput_min_kbytes: _Threshold | None = None
    throughput_reverse_min_kbytes: _Threshold | None = None
    round_trip_max_ms: _Threshold | None = None
    jitter_max_ms: _Threshold | None = None
    packet_loss_max_percent: _Threshold | None = None
    latency_max_ms: _Threshold | None = None
    response_time_max_sec: _Threshold | None = None
    overlay_cost_max_percent: _Threshold | None = None
    effect_after_max_ms: _Threshold | None = None
    leaks_max: _Threshold | None = None
    flaps_max: _Threshold | None = None
    consistency_min: _Threshold | None = None
    latency_p50_max_ms: _Threshold | None = None
    latency_p90_max_ms: _Threshold | None = None
    latency_p99_max_ms: _Threshold | None = None
    latency_p999_max_ms: _Threshold | None = None
    qps_min: _Threshold | None = None
    error_max_percent: _Threshold | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _bare_number(cls, content: object, info: ValidationInfo) -> object:
        if isinstance(content, Mapping):
            return content
        if isinstance(content, bool) or not isinstance(content, int | float):
            raise ValueError(f"allowed: {_term_of(info).number}, or a mapping of value and statistic")  # noqa: TRY004 - pydantic turns it into a refusal
        return {"value": content}

    @field_validator("*")
    @classmethod
    def _makes_sense(cls, threshold: _Threshold, info: ValidationInfo) -> _Threshold:
        term = _term_of(info)
        word, bound = threshold.word, threshold.bound
        strict_word = "above" if term.comparison.is_floor else "below"
        if word not in ("value", strict_word):
            raise document.RefusalError(word, bound, f"is the wrong side; allowed: value, {strict_word}")
        if bound > term.highest or (word == "above" and bound == term.highest):
            raise document.RefusalError(word, bound, f"is too large; allowed: up to {term.highest:g}")
        if bound == 0 and word != "above" and (word == "below" or term.comparison.is_floor):
            said = "is always reached" if term.comparison.is_floor else "is never reached"
            raise document.RefusalError(word, bound, f"{said}; allowed: more than 0")
        term.statistic_named(threshold.statistic)
        return threshold

    def items(self) -> Iterator[tuple[Term, _Threshold]]:
        """Yield what is asked, by term."""
        for name, term in VOCABULARY.items():
            threshold: _Threshold | None = getattr(self, name)
            if threshold is not None:
                yield term, threshold

    def requirements_for(self, scenario: Scenario, where: str) -> tuple[Requirement, ...]:
        """Return what is asked of `scenario`, which has to yield all of it.

        Args:
            where: File and field of these thresholds, for messages.

        Raises:
            InvalidInputError: With a line for each threshold that cannot be asked of it.
        """
        refusals = [
            f"{where}.{term.name}: {obstacle}; allowed: {allowed_for(scenario)}"
            for term, _ in self.items()
            if (obstacle := term.obstacle(scenario))
        ]
        if refusals:
            raise InvalidInputError("\n".join(refusals))
        return tuple(threshold.of(term) for term, threshold in self.items())


def allowed_for(scenario: Scenario) -> str:
    """Return the thresholds that can be asked of a scenario, in words."""
    return ", ".join(each.name for each in VOCABULARY.values() if each.obstacle(scenario) is None)


def _term_of(info: ValidationInfo) -> Term:
    return VOCABULARY[str(info.field_name)]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    scenarios: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z0-9.:*?\[\]!-]{1,63}$")], Thresholds], Field(min_length=1)
    ]


@dataclass(frozen=True, slots=True)
class Sla:
    """The thresholds of one file.

    Attributes:
        source: The file, for messages.
        entries: What is asked, by scenario name or pattern (`*`, `?`, `[…]`), in the file's order.
    """

    source: Path
    entries: Mapping[str, Thresholds]

    def requirements_for(self, scenario: Scenario) -> tuple[Requirement, ...]:
        """Return what is asked of `scenario`, in the vocabulary's order.

        Every entry that matches counts. Where several give the same threshold, the scenario's own name wins
        over patterns, and of two patterns the later one. What the scenario cannot yield is passed over under
        a pattern, such as jitter of TCP under `*`.

        Raises:
            InvalidInputError: An entry with the scenario's own name asks for what it cannot yield.
        """
        found: dict[str, Requirement] = {}
        for pattern, thresholds in self._matching(scenario.name):
            for term, threshold in thresholds.items():
                obstacle = term.obstacle(scenario)
                if obstacle is None:
                    found[term.name] = threshold.of(term)
                elif pattern == scenario.name:
                    raise InvalidInputError(
                        f"{self.source}: scenarios.{pattern}.{term.name}: {obstacle}; "
                        f"allowed: {allowed_for(scenario)}"
                    )
        return tuple(found[name] for name in VOCABULARY if name in found)

    def asked_of(self, name: str) -> tuple[Requirement, ...]:
        """Return what is asked of a scenario of which only the name is known, in the vocabulary's order.

        Which entry counts is as in `requirements_for`; what the scenario does not yield cannot be told.
        """
        found = {
            term.name: threshold.of(term)
            for _, thresholds in self._matching(name)
            for term, threshold in thresholds.items()
        }
        return tuple(found[name] for name in VOCABULARY if name in found)

    def _matching(self, name: str) -> list[tuple[str, Thresholds]]:
        patterns = [entry for entry in self.entries.items() if fnmatch.fnmatchcase(name, entry[0])]
        return sorted(patterns, key=lambda entry: entry[0] == name)


def load(path: str | Path) -> Sla:
    """Read thresholds from a YAML file.

    Raises:
        InvalidInputError: The file does not hold thresholds; the text names file, field and what is allowed.
    """
    path = Path(path)
    return Sla(path, document.read(path, _File).scenarios)


def default() -> Sla:
    """Return the thresholds of `expectations/default.yaml`."""
    return load(DEFAULT)
