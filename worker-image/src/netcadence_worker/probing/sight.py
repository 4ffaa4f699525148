"""What a prober has seen: spans of attempts that all got through, or of which none did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

#: Seconds for which a state has to last to be an effect, and no flicker on the way to it.
SETTLED_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Span:
    """Attempts one after another with the same outcome.

    Attributes:
        first_s: Of the first attempt: when it was answered, or when it was sent if it was not.
        last_s: Likewise of the last one.
        why: What became of the first, if it failed.
    """

    reachable: bool
    first_s: float
    last_s: float
    attempts: int = 1
    why: str = ""


class Sight:
    """The spans so far, in the order in which attempts were sent."""

    def __init__(self) -> None:
        self._spans: list[Span] = []

    @property
    def spans(self) -> tuple[Span, ...]:
        return tuple(self._spans)

    @property
    def attempts(self) -> int:
        return sum(span.attempts for span in self._spans)

    def add(self, *, reachable: bool, at_s: float, why: str = "") -> None:
        """Take in the next attempt's outcome."""
        if self._spans and self._spans[-1].reachable == reachable:
            last = self._spans[-1]
            # A late answer to an earlier attempt does not make the span go back.
            later_s = max(last.last_s, at_s)
            self._spans[-1] = replace(last, last_s=later_s, attempts=last.attempts + 1)
        else:
            self._spans.append(Span(reachable, at_s, at_s, why=why))


def effect(spans: Sequence[Span], *, reachable: bool, settled_s: float = SETTLED_S) -> int | None:
    """Return the number of the span with which a state began that lasted; None where none did.

    Args:
        reachable: The state that is looked for.
    """
    for number, span in enumerate(spans):
        if span.reachable is reachable and span.last_s - span.first_s >= settled_s:
            return number
    return None
