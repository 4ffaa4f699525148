"""Scales: where a value stands on an axis, and which round values are written beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from netcadence.report.figures import figure

#: An axis is so long, in the drawing's own units; drawings are stretched to their place.
LENGTH: Final = 1000
_TICKS: Final = 4
_ROUND: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
#: Decades from which on only powers of ten are written.
_MANY_DECADES: Final = 2.2
_STEPS_OF_TIME: Final = tuple(
    timedelta(seconds=each)
    for each in (1, 5, 15, 60, 300, 900, 3600, 6 * 3600, 86_400, 2 * 86_400, 7 * 86_400, 14 * 86_400)
) + tuple(timedelta(days=each) for each in (30, 90, 365))


@dataclass(frozen=True, slots=True)
class Tick:
    """A written value and where it stands, in per cent of the axis."""

    place: float
    text: str


@dataclass(frozen=True, slots=True)
class Scale:
    """From `low` at 0 to `high` at `LENGTH`; of a logarithmic one both are positive."""

    low: float
    high: float
    is_logarithmic: bool = False

    @classmethod
    def around(cls, values: Iterable[float], *, from_zero: bool = False) -> Self:
        """Return a linear scale with round ends that has room for all of `values`.

        It begins at 0 where that is asked for, or where the values are not far from it: what differs by
        little is not drawn as if it differed by much.
        """
        known = list(values) or [0.0]
        low, high = min(known), max(known)
        if from_zero or 0 <= low <= high / 2:
            low = min(low, 0.0)
        else:
            room = max((high - low) * 0.15, abs(high) * 0.05)
            low, high = low - room, high + room
        if low == high:
            high = low + (abs(low) or 1.0)
        step = _step(high - low)
        return cls(math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step)

    @classmethod
    def within(cls, values: Iterable[float]) -> Self:
        """Return a linear scale from the least of some values to the greatest."""
        known = list(values)
        low, high = min(known), max(known)
        return cls(low, high if high > low else low + 1.0)

    @classmethod
    def logarithmic(cls, low: float, high: float) -> Self:
        """Return a logarithmic scale over positive values."""
        return cls(low, high if high > low else low * 1.1, is_logarithmic=True)

    @classmethod
    def of_time(cls, instants: Iterable[datetime]) -> Self:
        """Return a scale over instants, which stand as seconds since the epoch."""
        known = [each.timestamp() for each in instants]
        low, high = min(known), max(known)
        room = max((high - low) * 0.03, 1.0)
        return cls(low - room, high + room)

    def at(self, value: float) -> int:
        """Return where a value stands; what lies outside stands at the nearer end."""
        low, high = self.low, self.high
        if self.is_logarithmic:
            low, high, value = math.log(low), math.log(high), math.log(max(value, self.low))
        return round(min(max((value - low) / (high - low), 0.0), 1.0) * LENGTH)

    def holds(self, value: float) -> bool:
        """Tell whether a value is within the scale."""
        return self.low <= value <= self.high

    def percent(self, value: float) -> float:
        """Return where a value stands, in per cent."""
        return self.at(value) * 100 / LENGTH

    def ticks(self) -> tuple[Tick, ...]:
        """Return the round values of the scale."""
        values = self._decades() if self.is_logarithmic else self._multiples()
        return tuple(Tick(self.percent(value), figure(value)) for value in values)

    def _multiples(self) -> list[float]:
        step = _step(self.high - self.low)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(number * step, 12) for number in range(first, last + 1)]

    def _decades(self) -> list[float]:
        span = math.log10(self.high / self.low)
        factors = (1,) if span > _MANY_DECADES else (1, 2, 5)
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        values = (factor * 10.0**power for power in powers for factor in factors)
        return [value for value in values if self.low <= value <= self.high]

    def days(self) -> tuple[Tick, ...]:
        """Return the round instants of a scale of time, in UTC."""
        span = timedelta(seconds=self.high - self.low)
        step = next((each for each in _STEPS_OF_TIME if span / each <= _TICKS + 1), _STEPS_OF_TIME[-1])
        seconds = step.total_seconds()
        first = math.ceil(self.low / seconds)
        instants = [number * seconds for number in range(first, math.floor(self.high / seconds) + 1)]
        return tuple(Tick(self.percent(each), _day(each, step)) for each in instants)


def _day(seconds: float, step: timedelta) -> str:
    at = datetime.fromtimestamp(seconds, UTC)
    if step < timedelta(minutes=1):
        return f"{at:%H:%M:%S}"
    if step < timedelta(days=1):
        return f"{at:%H:%M}" if at.hour or at.minute else f"{at.day} {at:%b}"
    return f"{at.day} {at:%b}" if step < timedelta(days=90) else f"{at:%b %Y}"


def _step(span: float) -> float:
    """Return a round step that divides a span into about so many parts."""
    rough = span / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor for factor in _ROUND if factor * power >= rough * (1 - 1e-9)) * power
