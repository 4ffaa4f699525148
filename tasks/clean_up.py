"""Clean up: a run after itself, always, whatever happened before; and after those that could not."""

from __future__ import annotations

from netcadence.kube import cleanup, leftovers
from netcadence.kube.access import Access
from netcadence.kube.leftovers import Cleaning
from netcadence.kube.run import Run
from netcadence.kube.wire import Wire
from tasks import killed
from tasks.progress import listener
from tasks.retry import if_transient
from tasks.step import step


@step(
    "clean up",
    retries=2,
    retry_delay_seconds=2,
    retry_condition_fn=if_transient,
)
def clean_up(run: Run) -> bool:
    """Delete all that the run made; returns whether its workers were seen to go."""
    listener().step("cleaning up")
    return cleanup.clean_up(run)


@step(
    "remove leftovers",
    retries=2,
    retry_delay_seconds=2,
    retry_condition_fn=if_transient,
)
def remove_leftovers(
    access: Access, namespaces: tuple[str, ...], wire: Wire, lease_namespace: str
) -> Cleaning:
    """Delete what runs have left in these namespaces that live no longer."""
    listener().step("removing what runs have left")
    first, *others = namespaces
    done = leftovers.clean(access, first, wire, lease_namespace=lease_namespace, also=others)
    killed.mourn(done.dead)
    return done
