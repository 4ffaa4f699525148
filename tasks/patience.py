"""Patience: how soon Prefect's client tries again what a busy server has refused."""

from __future__ import annotations

from typing import Final

from prefect.client import base
from prefect.utilities.math import clamped_poisson_interval

#: Of what Prefect waits before its first tries; the later ones, for a server that is away, stay as they are.
_SHARE: Final = 0.05
_FIRST_TRIES_S: Final = 16
_interval = clamped_poisson_interval


def try_again_soon() -> None:
    """Have the first four tries follow after 0.1 to 0.8 s, instead of 2 to 16.

    SQLite refuses who has read before another one wrote, and takes the same a moment later. Of measurements
    that begin and end beside each other some are always refused, and all others wait for them.
    """
    base.clamped_poisson_interval = _soon  # type: ignore[attr-defined]


def _soon(average_interval: float, clamping_factor: float = 0.3) -> float:
    share = _SHARE if average_interval <= _FIRST_TRIES_S else 1.0
    return _interval(average_interval * share, clamping_factor)
