"""Clean up: always, whatever happened before."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from netcadence.kube import cleanup
from netcadence.kube.run import Run
from tasks.progress import listener
from tasks.retry import if_transient


@task(
    name="clean up",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=2,
    retry_condition_fn=if_transient,
)
def clean_up(run: Run) -> bool:
    """Delete all that the run made; returns whether its workers were seen to go."""
    listener().step("cleaning up")
    return cleanup.clean_up(run)
