"""What stands between a value and its threshold, and which values are on the right side of one."""

from __future__ import annotations

import enum


class Comparison(enum.StrEnum):
    """How a value has to compare with a threshold."""

    AT_LEAST = ">="
    AT_MOST = "<="
    ABOVE = ">"
    BELOW = "<"

    @property
    def is_floor(self) -> bool:
        """Whether more is better."""
        return self in (Comparison.AT_LEAST, Comparison.ABOVE)

    @property
    def is_strict(self) -> bool:
        """Whether a value that is equal to the threshold misses it."""
        return self in (Comparison.ABOVE, Comparison.BELOW)

    @property
    def strictly(self) -> Comparison:
        """The same direction, with the threshold itself on the wrong side."""
        return Comparison.ABOVE if self.is_floor else Comparison.BELOW

    def holds(self, value: float, threshold: float) -> bool:
        """Tell whether a value is on the right side of a threshold."""
        if value == threshold:
            return not self.is_strict
        return (value > threshold) is self.is_floor
