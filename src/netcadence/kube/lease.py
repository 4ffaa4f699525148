"""One run at a time: whoever measures in a namespace holds its Lease, for two runs would measure each other.

A Lease says when it was renewed by its holder's clock, which nobody here believes: whoever is not the holder
watches whether it changes, and takes it for abandoned once it has not for as long as it promises, by the
watcher's own monotonic clock. That is what Kubernetes' own leader election does.
"""

from __future__ import annotations

import enum
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from netcadence.errors import NetcadenceError, PermanentError, TransientError
from netcadence.kube.access import Access, Object
from netcadence.kube.errors import ApiRefusedError
from netcadence.kube.resource import LEASE

NAME: Final = "netcadence"
#: Names the runs that measure under a lease, between commas: an acceptance holds it for all of its own.
RUNS_ANNOTATION: Final = "netcadence.io/runs"
_LOOK_S: Final = 1.0
#: The least pause between two tries to renew; after a failure one is not left waiting for the usual one.
_RETRY_S: Final = 1.0
#: Giving a lease back is tried for so long; whoever wants it next can also wait until it has run out.
_RELEASE_S: Final = 10.0


class IfBusy(enum.StrEnum):
    """What to do while another run measures."""

    WAIT = "wait"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a lease lasts without being renewed, and how often it is renewed; seconds.

    45 s is what every call of `Access` waits for an API server that is away: an outage that a run survives
    costs it no lease. A renewal every 5 s shows within that time that a holder is alive.
    """

    duration_s: int = 45
    renew_s: float = 5.0


class ClusterBusyError(PermanentError):
    """Another run holds the lease, and one was told not to wait."""


class LeaseLostError(PermanentError):
    """The lease is not ours any more: another run may be measuring at the same time."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A lease as it was seen once.

    Attributes:
        holder: The holder's identity: a run id, an underscore, and what tells two of the same id apart.
        version: Its resourceVersion, which changes with each renewal.
        duration_s: Seconds without a change after which it is abandoned.
        runs: The runs that measure under it.
    """

    holder: str
    version: str
    duration_s: float
    runs: frozenset[str]

    @classmethod
    def of(cls, lease: Object) -> Holding:
        spec = lease.get("spec") or {}
        holder = spec.get("holderIdentity") or ""
        runs = (lease["metadata"].get("annotations") or {}).get(RUNS_ANNOTATION, "")
        return cls(
            holder=holder,
            version=lease["metadata"]["resourceVersion"],
            duration_s=float(spec.get("leaseDurationSeconds") or 0),
            runs=frozenset({holder.partition("_")[0], *runs.split(",")} - {""}),
        )

    @property
    def run_id(self) -> str:
        return self.holder.partition("_")[0]


class Watcher:
    """Looks at a lease again and again, and learns from its changes whether its holder lives."""

    def __init__(self, access: Access, namespace: str) -> None:
        self._access = access
        self._namespace = namespace
        self._since = 0.0
        self._changed = False
        #: The lease as it was last seen; None where there is none.
        self.holding: Holding | None = None

    def look(self) -> Holding | None:
        """See how the lease is now."""
        lease = self._access.find(LEASE, NAME, self._namespace)
        if lease is None:
            self.holding = None
            return None
        seen, before = Holding.of(lease), self.holding
        if before is None or seen.version != before.version:
            self._since = time.monotonic()
            self._changed = before is not None
        self.holding = seen
        return seen

    @property
    def is_alive(self) -> bool:
        """Whether the lease was seen to change: somebody renews it."""
        return self.holding is not None and bool(self.holding.holder) and self._changed

    @property
    def is_abandoned(self) -> bool:
        """Whether it is nobody's, or has not changed for longer than it lasts."""
        if self.holding is None or not self.holding.holder:
            return True
        return time.monotonic() - self._since > self.holding.duration_s


def living_holder(
    access: Access, namespace: str, *, on_doubt: Callable[[str], None] = lambda _run_id: None
) -> tuple[Holding | None, Holding | None]:
    """Tell whose a namespace's lease is that lives; watches until that is certain.

    Args:
        on_doubt: Called with the run's id while it is not yet certain.

    Returns:
        The lease where its holder lives, or else an abandoned one, if one is left.
    """
    watcher = Watcher(access, namespace)
    watcher.look()
    if not watcher.is_abandoned and watcher.holding:
        on_doubt(watcher.holding.run_id)
    while not watcher.is_abandoned:
        if watcher.is_alive and watcher.holding:
            return watcher.holding, None
        time.sleep(_LOOK_S)
        watcher.look()
    return None, watcher.holding


def remove(access: Access, namespace: str, abandoned: Holding) -> bool:
    """Delete an abandoned lease unless somebody has touched it since; say if it is gone."""
    try:
        access.delete(LEASE, NAME, namespace, version=abandoned.version)
    except ApiRefusedError as error:
        if not error.is_conflict:
            raise
        return False
    return True


class Tenure:
    """A lease that is held, and renewed by a thread until it is given back.

    Its clock starts anew when a renewal is sent, not when it is answered, so that a holder gives up no later
    than others may take over.
    """

    def __init__(
        self, access: Access, namespace: str, identity: str, terms: Terms, runs: Collection[str] = ()
    ) -> None:
        self._access = access
        self._namespace = namespace
        self._identity = identity
        self._annotations = {RUNS_ANNOTATION: ",".join(runs)}
        self._terms = terms
        self._version = ""
        self._renewed_at = time.monotonic()
        self._lost = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_renewing, name="lease", daemon=True)

    @property
    def trouble(self) -> LeaseLostError | None:
        """Why the lease is not ours any more; None while it is."""
        if self._lost:
            return LeaseLostError(self._lost)
        silent_s = time.monotonic() - self._renewed_at
        if silent_s > self._terms.duration_s:
            return LeaseLostError(
                f"The lease {self._where} could not be renewed for {silent_s:.0f} s, longer than the "
                f"{self._terms.duration_s} s it lasts: another run may have begun"
            )
        return None

    def require(self) -> None:
        """Go on only while the lease is held.

        Raises:
            LeaseLostError: It is not.
        """
        if trouble := self.trouble:
            raise trouble

    @property
    def _where(self) -> str:
        return f"{self._namespace}/{NAME}"

    def take(self, found: Holding | None) -> bool:
        """Try to make the lease ours, from the state in which it was found; say whether it is."""
        now, began = _now(), time.monotonic()
        spec: Object = {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": self._terms.duration_s,
            "acquireTime": now,
            "renewTime": now,
        }
        try:
            if found is None:
                labels = {"app.kubernetes.io/part-of": "netcadence"}
                metadata = {"name": NAME, "labels": labels, "annotations": self._annotations}
                body = {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata}
                lease: Object | None = self._access.create(LEASE, body | {"spec": spec}, self._namespace)
            else:
                lease = self._write(spec, found.version)
        except ApiRefusedError as error:
            # A lease that is gone is taken anew; what is missing for a new one is the namespace.
            if not error.is_conflict and not (error.is_missing and found):
                raise
            lease = self._own_after_conflict()
        if lease is None:
            return False
        self._version, self._renewed_at = lease["metadata"]["resourceVersion"], began
        self._thread.start()
        return True

    def _write(self, spec: Object, version: str) -> Object:
        metadata = {"resourceVersion": version, "annotations": self._annotations}
        body = {"metadata": metadata, "spec": spec}
        return self._access.patch(LEASE, NAME, body, self._namespace)

    def _own_after_conflict(self) -> Object | None:
        """Return the lease if it is ours all the same: the reply to an earlier try was lost."""
        with suppress(ApiRefusedError):
            lease = self._access.get(LEASE, NAME, self._namespace)
            if Holding.of(lease).holder == self._identity:
                return lease
        return None

    def _keep_renewing(self) -> None:
        pause_s = self._terms.renew_s
        while not self._stopping.wait(pause_s) and not self.trouble:
            pause_s = self._terms.renew_s
            try:
                self._renew()
            except TransientError:
                pause_s = min(_RETRY_S, pause_s)
            except NetcadenceError as error:
                self._lost = f"The lease {self._where} was lost: {error}"

    def _renew(self) -> None:
        began = time.monotonic()
        once = self._access.with_patience(0)
        body = {"metadata": {"resourceVersion": self._version}, "spec": {"renewTime": _now()}}
        try:
            lease = once.patch(LEASE, NAME, body, self._namespace)
        except ApiRefusedError as error:
            if not error.is_conflict:
                raise
            lease = once.get(LEASE, NAME, self._namespace)
            if (now := Holding.of(lease)).holder != self._identity:
                self._lost = f"The lease {self._where} was taken over by {now.run_id or 'nobody'}"
                return
        self._version, self._renewed_at = lease["metadata"]["resourceVersion"], began

    def give_back(self) -> None:
        self._stopping.set()
        self._thread.join()
        if self.trouble:
            return
        # Where it cannot be given back it runs out, and whoever comes next takes it over.
        with suppress(NetcadenceError):
            self._access.with_patience(_RELEASE_S).delete(LEASE, NAME, self._namespace, version=self._version)


@contextmanager
def held(
    access: Access,
    namespace: str,
    run_id: str,
    *,
    runs: Collection[str] = (),
    if_busy: IfBusy = IfBusy.WAIT,
    terms: Terms = Terms(),
    on_wait: Callable[[str], None] = lambda _run_id: None,
    on_take_over: Callable[[str], None] = lambda _run_id: None,
) -> Iterator[Tenure]:
    """Hold a namespace's lease while something is measured there; it is given back whatever happens.

    Args:
        runs: Those that measure under it, where these are others.
        if_busy: Whether to wait for the run that holds it, for as long as that run lives, or to give up. What
            a killed run has left is waited for in either case: only a renewal proves a holder alive.
        on_wait: Called with the holder's run id whenever there is one to wait for.
        on_take_over: Called with the run id of a holder that was found dead, once the lease is ours.

    Raises:
        ClusterBusyError: Another run holds it and lives, and one was told not to wait.
    """
    tenure = Tenure(access, namespace, f"{run_id}_{secrets.token_hex(4)}", terms, runs)
    watcher, waiting_for = Watcher(access, namespace), ""
    while True:
        found = watcher.look()
        if watcher.is_abandoned:
            if tenure.take(found):
                break
            continue
        assert found is not None  # noqa: S101 - what is not there is abandoned; tells the type checker
        if watcher.is_alive and if_busy is IfBusy.REFUSE:
            raise ClusterBusyError(
                f"Run {found.run_id} is measuring in namespace {namespace} of cluster {access.cluster}, and "
                "two at a time would measure each other. Try again when it is done, or have this one wait "
                "with --if-busy wait"
            )
        if found.run_id != waiting_for:
            waiting_for = found.run_id
            on_wait(waiting_for)
        time.sleep(_LOOK_S)
    try:
        if found and found.run_id:
            on_take_over(found.run_id)
        yield tenure
    finally:
        tenure.give_back()


def _now() -> str:
    # As Kubernetes' MicroTime: six fractional digits always, which isoformat leaves out where they are zero.
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
