"""Ages as people read them: `45s`, `3m20s`, `5d4h`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

_MINUTE: Final = 60
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365 * _DAY

#: Up to this age (s), the larger unit, its sign, and the smaller one shown beside it.
_STEPS: Final = (
    (10 * _MINUTE, _MINUTE, "m", 1, "s"),
    (3 * _HOUR, _MINUTE, "m", 0, ""),
    (8 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (2 * _DAY, _HOUR, "h", 0, ""),
    (8 * _DAY, _DAY, "d", _HOUR, "h"),
    (2 * _YEAR, _DAY, "d", 0, ""),
    (8 * _YEAR, _YEAR, "y", _DAY, "d"),
)


def shown_duration(seconds: float) -> str:
    """Return a duration with as many digits as matter."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    if whole < 2 * _MINUTE:
        return f"{max(whole, 0)}s"
    for limit, unit, sign, smaller, smaller_sign in _STEPS:
        if whole < limit:
            rest = whole % unit // smaller if smaller else 0
            return f"{whole // unit}{sign}" + (f"{rest}{smaller_sign}" if rest else "")
    return f"{whole // _YEAR}y"


def shown_age(instant: str | None) -> str:
    """Return how long ago an RFC 3339 instant was."""
    if not instant:
        return "<unknown>"
    return shown_duration((datetime.now(UTC) - datetime.fromisoformat(instant)).total_seconds())


def shown_time(begin: str | None, end: str | None) -> str:
    """Return how long something took that has begun, or has gone on for so far."""
    if not begin or not end:
        return shown_age(begin) if begin else ""
    return shown_duration((datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds())
