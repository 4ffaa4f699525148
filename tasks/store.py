"""Store: the measurements before anyone judges them, the verdict after."""

from __future__ import annotations

from netcadence.lake import Lake
from netcadence.record import Judgement, RunRecord
from tasks.progress import listener
from tasks.retry import if_transient
from tasks.step import step


@step(
    "store",
    retries=2,
    retry_delay_seconds=5,
    retry_condition_fn=if_transient,
)
def store(record: RunRecord, lake: str) -> None:
    """Keep results, intervals and raw output."""
    listener().step("storing the measurements")
    Lake(lake).write(record)


@step(
    "conclude",
    retries=2,
    retry_delay_seconds=5,
    retry_condition_fn=if_transient,
)
def conclude(record: RunRecord, judgement: Judgement, lake: str) -> None:
    """Keep the verdicts and list the run."""
    Lake(lake).conclude(record, judgement)
