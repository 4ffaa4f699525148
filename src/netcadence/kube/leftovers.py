"""What runs have left on a cluster, and removing it: of runs that live no longer, and of nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from netcadence.kube import lease
from netcadence.kube.access import Access
from netcadence.kube.errors import ApiRefusedError
from netcadence.kube.lease import ClusterBusyError
from netcadence.kube.resource import (
    CRD,
    DEPLOYMENT,
    NAMESPACE,
    NETWORK_POLICY,
    POD,
    RUN,
    SERVICE,
    Resource,
)
from netcadence.kube.run import Run
from netcadence.kube.wire import HOST_NAMESPACE, Wire
from netcadence_worker.contract import RUN_LABEL

_GONE_WITHIN_S: Final = 60.0
_LOOK_S: Final = 0.2
#: Everything else that a run makes belongs to one of these and goes with it. Workers are told first.
_ROOTS: Final = (DEPLOYMENT, RUN)


@dataclass(frozen=True, slots=True)
class Leftover:
    """One object that carries the id of the run that made it."""

    resource: Resource
    namespace: str
    name: str
    uid: str
    run_id: str

    def __str__(self) -> str:
        return f"{self.resource.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What became of a cluster's leftovers.

    Attributes:
        alive: The run or acceptance that holds the lease and lives; empty where none does. What is its own
            stays, and what its checks have made.
        found: Of runs that live no longer.
        remaining: Those of them that were still there at the end.
        lease_of: The run whose abandoned lease was found; empty where there was none.
    """

    alive: str
    found: tuple[Leftover, ...]
    remaining: tuple[Leftover, ...]
    lease_of: str = ""

    @property
    def dead(self) -> tuple[str, ...]:
        """The runs that have left something, an acceptance's lease included."""
        return tuple(sorted({each.run_id for each in self.found} | ({self.lease_of} - {""})))


def of(run: Run) -> tuple[Leftover, ...]:
    """Return what is still there of a run."""
    services = (SERVICE,) if run.scenario.path.has_service else ()
    policies = (NETWORK_POLICY,) if run.scenario.change and run.scenario.change.of_policies else ()
    kinds = _kinds(run.access, run.wire, (*services, *policies))
    return _listed(run.access, run.namespace, kinds, run.selector)


def find(access: Access, namespace: str, wire: Wire, *, run_id: str = "") -> tuple[Leftover, ...]:
    """Return the objects of one run, or of all runs, in a namespace."""
    selector = f"{RUN_LABEL}={run_id}" if run_id else RUN_LABEL
    others = (SERVICE, NETWORK_POLICY) if RUN in wire.resources else ()
    return _listed(access, namespace, _kinds(access, wire, others), selector)


def other_places(access: Access, wire: Wire) -> tuple[str, ...]:
    """Return where runs may have left something beside their usual namespace, if one may look there."""
    if RUN not in wire.resources:
        return ()
    try:
        return (HOST_NAMESPACE,) if access.find(NAMESPACE, HOST_NAMESPACE) else ()
    except ApiRefusedError:  # who may not even look has run nothing there
        return ()


def clean(
    access: Access,
    namespace: str,
    wire: Wire,
    *,
    lease_namespace: str,
    also: Sequence[str] = (),
    run_id: str = "",
    dry_run: bool = False,
    on_doubt: Callable[[str], None] = lambda _run_id: None,
    timeout_s: float = _GONE_WITHIN_S,
) -> Cleaning:
    """Remove what runs have left that live no longer, and the lease that one of them has left.

    What is found is found before the lease is looked at, so that a run that begins meanwhile is not touched:
    a run makes nothing before it holds the lease.

    Args:
        lease_namespace: Where the runs' lease is.
        also: Other namespaces in which they may have left something.
        run_id: Only what this run has left.
        dry_run: Find, and remove nothing.
        on_doubt: Called with the id of the run that holds the lease, where it is not yet certain to live.

    Raises:
        ClusterBusyError: The run that was named lives.
    """
    places = (namespace, *also)
    found = tuple(each for place in places for each in find(access, place, wire, run_id=run_id))
    alive, abandoned = lease.living_holder(access, lease_namespace, on_doubt=on_doubt)
    own = alive.runs if alive else frozenset()
    if run_id in own:
        raise ClusterBusyError(
            f"Run {run_id} is measuring on cluster {access.cluster}, and removes by itself what it has made; "
            "stop it with Ctrl-C where it was started, or wait until it is done"
        )
    dead = tuple(each for each in found if each.run_id not in own)
    holder = alive.run_id if alive else ""
    lease_of = abandoned.run_id if abandoned and run_id in ("", abandoned.run_id) else ""
    if dry_run:
        return Cleaning(holder, dead, dead, lease_of)
    for resource in _ROOTS:
        for each in dead:
            if each.resource == resource:
                access.delete(resource, each.name, each.namespace, uid=each.uid)
    remaining = _wait_gone(access, dead, timeout_s) if dead else ()
    if abandoned and lease_of:
        lease.remove(access, lease_namespace, abandoned)
    return Cleaning(holder, dead, remaining, lease_of)


def _kinds(access: Access, wire: Wire, others: tuple[Resource, ...]) -> tuple[Resource, ...]:
    """Return the kinds of what a run makes, as far as the cluster knows them."""
    own = (each for each in wire.resources if access.find(CRD, f"{each.plural}.{each.group}"))
    return (DEPLOYMENT, *own, *others, POD)


def _listed(access: Access, namespace: str, kinds: Iterable[Resource], selector: str) -> tuple[Leftover, ...]:
    return tuple(
        Leftover(kind, namespace, metadata["name"], metadata["uid"], metadata["labels"][RUN_LABEL])
        for kind in kinds
        for metadata in (each["metadata"] for each in access.list(kind, namespace, selector=selector)[0])
    )


def _wait_gone(access: Access, dead: Collection[Leftover], timeout_s: float) -> tuple[Leftover, ...]:
    """Wait until nothing of it is there; return what is there all the same when the time is up."""
    until, places = time.monotonic() + timeout_s, {(each.namespace, each.resource): None for each in dead}
    while True:
        listed = (each for place, kind in places for each in _listed(access, place, [kind], RUN_LABEL))
        left = tuple(each for each in listed if each in dead)
        if not left or time.monotonic() > until:
            return left
        time.sleep(_LOOK_S)
