"""Flow `housekeeping`: remove from a cluster what killed runs have left, as `netcadence clean` does."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path

from prefect import flow

from netcadence.kube import wire as wires
from netcadence.kube.access import Access
from netcadence.kube.leftovers import Cleaning, other_places
from tasks.clean_up import remove_leftovers
from tasks.credentials import kubeconfig_of
from tasks.report import report_cleaning


@flow(name="housekeeping", flow_run_name="housekeeping {cluster}", validate_parameters=False)
def housekeeping(
    *,
    cluster: str | None = None,
    kubeconfig: Path | None = None,
    context: str | None = None,
    namespace: str = "",
    wire: str = wires.NETCADENCE.name,
    lease_namespace: str = wires.DEFAULT_NAMESPACE,
    credentials: str = "",
) -> Cleaning:
    """Remove what runs have left that live no longer; what a living run has made stays.

    Args:
        cluster: Name under which the artifact is kept; by default the kubeconfig's name of the cluster.
        kubeconfig: By default KUBECONFIG, then ~/.kube/config, then the pod's own service account.
        context: Context of the kubeconfig; by default the current one.
        namespace: Where the runs' workers and requests were made; by default `netcadence` and
            `netcadence-host`, or the wire's own.
        wire: Whose custom resource they used: `netcadence` or `clusterloader`.
        lease_namespace: Where the runs' lease is.
        credentials: Name of a Prefect block of type Secret that holds a kubeconfig, in place of a file.
    """
    spoken = wires.find(wire)
    with ExitStack() as held:
        if credentials:
            kubeconfig = held.enter_context(kubeconfig_of(credentials))
        access = held.enter_context(
            closing(Access.connect(kubeconfig=kubeconfig, context=context, cluster=cluster))
        )
        places = (spoken.place(namespace), *(() if namespace else other_places(access, spoken)))
        done = remove_leftovers(access, places, spoken, lease_namespace)
        report_cleaning(done, access.cluster)
    return done
