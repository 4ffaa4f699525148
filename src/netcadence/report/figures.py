"""Numbers as people read them: three significant digits, thousands separated, always with their unit."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

#: Stands where there is no number. Never 0.
NOTHING: Final = "-"
_SIGNS: Final = {">=": "≥", "<=": "≤", "==": "="}
_FEWEST_DIGITS: Final = 3
#: A float has no more.
_MOST_DIGITS: Final = 17


def figure(value: float | None, unit: str = "", *, beside: float | None = None, decimals: int = 0) -> str:
    """Return a value in words, such as `812,345 KBytes/s`.

    Args:
        value: None, and whatever is no finite number, reads as nothing.
        unit: Empty for a ratio.
        beside: A threshold; the value gets as many digits as it takes to be seen on its side of it, so that
            99.96 does not miss `≥ 100` as 100.
        decimals: How many are shown at least, also where they are zeros.
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    digits = _FEWEST_DIGITS
    while digits < _MOST_DIGITS and not _same_side(_rounded(value, digits), value, beside):
        digits += 1
    return _with_unit(_padded(_plain(_rounded(value, digits)), decimals), unit)


def limit(comparison: str, threshold: float | None, unit: str = "") -> str:
    """Return a threshold in words, such as `≥ 1,000 KBytes/s`, with all the digits that it was given."""
    if threshold is None:
        return NOTHING
    return f"{_SIGNS.get(comparison, comparison)} {_with_unit(_plain(threshold), unit)}"


def _same_side(shown: float, value: float, beside: float | None) -> bool:
    return beside is None or ((shown < beside) == (value < beside) and (shown > beside) == (value > beside))


def _rounded(value: float, digits: int) -> float:
    # Digits before the point are all kept: 812,345 stays as it is, and is not 812,000.
    places = digits - 1 - math.floor(math.log10(abs(value))) if value else 0
    return round(value, max(places, 0))


def _plain(value: float) -> str:
    """Write out a number with neither an exponent nor zeros at its end."""
    # Adding zero makes a negative zero a plain one.
    return format(Decimal(repr(float(value) + 0.0)).normalize(), ",f")


def _padded(number: str, decimals: int) -> str:
    whole, _, fraction = number.partition(".")
    return f"{whole}.{fraction:0<{decimals}}" if decimals else number


def _with_unit(number: str, unit: str) -> str:
    return f"{number} {unit}".rstrip()
