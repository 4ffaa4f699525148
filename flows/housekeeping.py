"""Flow `housekeeping`: remove from a cluster what killed runs have left, as `netcadence clean` does."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path

from prefect import flow

from netcadence.kube import wire as wires
from netcadence.kube.access import Access
from netcadence.kube.leftovers import Cleaning, other_places
from netcadence.order import Sweep
from tasks.clean_up import remove_leftovers
from tasks.credentials import kubeconfig_of
from tasks.report import report_cleaning

#: Objects go within seconds; the rest is for an API server that has to be asked again and again.
TIMEOUT_S = 1800


@flow(name="housekeeping", flow_run_name="housekeeping of {order.name}", timeout_seconds=TIMEOUT_S)
def housekeeping(order: Sweep = Sweep()) -> Cleaning:  # noqa: B008 - frozen
    """Remove what runs have left that live no longer; what a living run has made stays.

    Args:
        order: The cluster, and whose credentials are used.
    """
    spoken = wires.find(order.wire)
    with ExitStack() as held:
        kubeconfig = Path(order.kubeconfig) if order.kubeconfig else None
        if order.credentials:
            kubeconfig = held.enter_context(kubeconfig_of(order.credentials))
        access = held.enter_context(
            closing(
                Access.connect(
                    kubeconfig=kubeconfig, context=order.context or None, cluster=order.cluster or None
                )
            )
        )
        also = () if order.namespace else other_places(access, spoken)
        done = remove_leftovers(access, (spoken.place(order.namespace), *also), spoken, order.lease_namespace)
        report_cleaning(done, access.cluster)
    return done
