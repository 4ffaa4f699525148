"""From what a prober saw, and when something was changed, to how long the change took to have its effect.

The effect begins with the first span of attempts after the change that are as they are to be and stay so for
a quarter of a second. What flickers before is on the way there; what is otherwise afterwards, or before the
change, is a leak (an attempt got through that was not to) or a flap (one did not that was to). What went
unanswered while the server itself did not run is neither: it is as if it had not been tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from netcadence.change import ChangeMade
from netcadence.record import PairOutcome
from netcadence.scenario import Scenario
from netcadence_worker.contract import (
    ClockReading,
    Mark,
    ProbeOptions,
    ProbeSpan,
    Reason,
    ReportedError,
    Result,
    Stall,
)
from netcadence_worker.probing.sight import Span, effect


def with_effect(outcome: PairOutcome, scenario: Scenario, made: ChangeMade | None) -> PairOutcome:
    """Return a prober's outcome with the figures of the change that it saw.

    Args:
        made: The change that its pair was to see; None where none was made.
    """
    if scenario.change is None or not outcome.measured:
        return outcome
    options = scenario.probe_of(outcome.pair.index)
    if options.newborn:
        made = _birth(outcome.spans[0], outcome.clock)
    if made is None:
        error = ReportedError.of(Reason.RESULT_MISSING, "the change that was to be seen was not made")
        return replace(outcome, results=(), intervals=(), marks=(), error=error)
    clock = outcome.clock
    offset_s = clock.offset if clock else 0.0
    seen = [_since(span, made, offset_s) for span in outcome.spans]
    slack_s = (clock.uncertainty if clock else 0.0) + options.interval_ms / 1e3
    spans = _without_stalls(seen, outcome.stalls, made, slack_s)
    found = _judged(spans, options)
    uncertainty_s = made.uncertainty_s + (clock.uncertainty if clock else 0.0) + options.interval_ms / 1e3
    if found.is_bound and made.assigned_after_s is not None:
        # It answered at the first attempt: so it may have since it had its address.
        uncertainty_s += max(found.after_s - made.assigned_after_s, 0.0)
    figures = {
        "effect_after": found.after_s * 1e3,
        "effect_uncertainty": uncertainty_s * 1e3,
        "probe_leaks": float(found.leaks),
        "probe_flaps": float(found.flaps),
    }
    if made.assigned_after_s is not None:
        figures["assigned_after"] = made.assigned_after_s * 1e3
    results = (*outcome.results, *(Result.of(name, value) for name, value in figures.items()))
    marks = outcome.marks if found.is_seen else (*outcome.marks, Mark.NO_EFFECT)
    if spans != seen:
        marks = (*marks, Mark.SERVER_STALLED)
    return replace(outcome, results=results, marks=marks)


@dataclass(frozen=True, slots=True)
class _Found:
    """What became of a change; seconds since it was asked for.

    Attributes:
        after_s: When its effect began; until when none was seen where there is none.
        is_bound: Whether it was there at the first attempt, so that it may have begun before.
    """

    after_s: float
    is_seen: bool
    is_bound: bool
    leaks: int
    flaps: int


def _birth(first: ProbeSpan, clock: ClockReading | None) -> ChangeMade:
    """Return the change that a new pod is: it is timed from its own first attempt, by its own clock."""
    return ChangeMade(
        first.first_at + timedelta(seconds=clock.offset if clock else 0.0),
        uncertainty_s=-clock.uncertainty if clock else 0.0,
    )


def _since(span: ProbeSpan, made: ChangeMade, offset_s: float) -> Span:
    first_s, last_s = (
        (at + timedelta(seconds=offset_s) - made.at).total_seconds() for at in (span.first_at, span.last_at)
    )
    return Span(span.reachable, first_s, last_s, span.attempts)


def _without_stalls(
    spans: Sequence[Span], stalls: Sequence[Stall], made: ChangeMade, slack_s: float
) -> list[Span]:
    """Leave out where nobody answered because the server did not run all the while; join what is around."""
    held = [
        (
            (each.from_at - made.at).total_seconds() - slack_s,
            (each.until_at - made.at).total_seconds() + slack_s,
        )
        for each in stalls
    ]
    kept: list[Span] = []
    for span in spans:
        if not span.reachable and any(begin <= span.first_s and span.last_s <= end for begin, end in held):
            continue
        if kept and kept[-1].reachable is span.reachable:
            last = kept.pop()
            attempts = last.attempts + span.attempts
            kept.append(Span(span.reachable, last.first_s, max(last.last_s, span.last_s), attempts))
        else:
            kept.append(span)
    return kept


def _judged(spans: list[Span], options: ProbeOptions) -> _Found:
    after = next((number for number, span in enumerate(spans) if span.first_s >= 0), len(spans))
    if not options.begins_opposite:
        after = 0
    began = effect(spans[after:], reachable=options.ends_reachable)
    number = len(spans) if began is None else after + began
    stray = _stray(spans, options, after=after, number=number)
    last_s = max((span.last_s for span in spans), default=0.0)
    return _Found(
        after_s=last_s if began is None else spans[number].first_s,
        is_seen=began is not None,
        is_bound=number == 0,
        leaks=sum(span.attempts for span in stray if span.reachable),
        flaps=sum(span.attempts for span in stray if not span.reachable),
    )


def _stray(spans: list[Span], options: ProbeOptions, *, after: int, number: int) -> list[Span]:
    """Return what is not as it is to be.

    Args:
        after: Number of the first span after the change.
        number: Of that with which the effect began; beyond the last where there was none.
    """
    wanted = options.ends_reachable
    if options.newborn and not wanted:  # the policy was there before it
        return [span for span in spans if span.reachable]
    before = [span for span in spans[:after] if span.reachable is wanted]
    if number == len(spans):
        return before + [span for span in spans if span.last_s > 0 and span.reachable is not wanted]
    return before + [span for span in spans[number:] if span.reachable is not wanted]
