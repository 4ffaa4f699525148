"""Lake: its files put together, and those removed that are old."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from netcadence.lake import Lake
from netcadence.lake.compaction import Compaction
from netcadence.lake.retention import Retirement
from tasks.retry import if_transient
from tasks.step import step


@step(
    "compact",
    retries=2,
    retry_delay_seconds=60,
    retry_condition_fn=if_transient,
)
def compact(lake: str, older_than_days: int, keep_replaced_s: float) -> Compaction:
    """Put small files together; what a failed try has done holds."""
    return Lake(lake).compact(older_than=timedelta(days=older_than_days), keep_replaced_s=keep_replaced_s)


@step(
    "retire",
    retries=2,
    retry_delay_seconds=60,
    retry_condition_fn=if_transient,
)
def retire(lake: str, keep: Mapping[str, timedelta]) -> Retirement:
    """Remove what is older than it is to be kept."""
    return Lake(lake).retire(keep)
