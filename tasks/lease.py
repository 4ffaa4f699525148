"""Lease: one run at a time, for two on one cluster would measure each other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from netcadence.crew import Crew
from netcadence.floor import Turn
from netcadence.judgement.court import Court
from netcadence.kube.lease import IfBusy, LeaseLostError, Tenure, held
from netcadence.kube.run import Run
from netcadence.promptness import Promptness
from tasks import killed
from tasks.progress import listener
from tasks.step import step


@dataclass(frozen=True, slots=True)
class Tenancy:
    """The cluster, as a benchmark has it: for itself, or under a lease that its caller holds for several.

    Attributes:
        turn: When it may measure beside the others under that lease.
        crew: With whose workers it measures.
        promptness: How soon starts reach workers here, as far as is known by then.
        court: Judges beside what still measures; None where each run is judged by its own flow.
        labels: What its run is marked with, for whoever called it.
        is_in: Called once its flow run is known to Prefect.
    """

    tenure: Tenure
    turn: Turn = field(default_factory=Turn.alone)
    crew: Crew = field(default_factory=Crew)
    promptness: Promptness = field(default_factory=Promptness)
    court: Court | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    is_in: Callable[[], None] = lambda: None

    @property
    def trouble(self) -> LeaseLostError | None:
        """Why the lease is not ours any more; None while it is."""
        return self.tenure.trouble

    def require(self) -> None:
        """Raise if the cluster is not ours any more, or if all that has it is to end."""
        self.turn.require()
        self.tenure.require()


_CALLERS: Final[ContextVar[Tenancy | None]] = ContextVar("tenancy", default=None)


@contextmanager
def under(tenancy: Tenancy) -> Iterator[None]:
    """Let a benchmark that is called within have the cluster by the caller's lease."""
    token = _CALLERS.set(tenancy)
    try:
        yield
    finally:
        _CALLERS.reset(token)


def of_caller() -> Tenancy | None:
    """Return what the caller of this benchmark has the cluster by; None where it has to take it itself."""
    return _CALLERS.get()


@step("lease")
def hold(run: Run, namespace: str, if_busy: IfBusy, holding: ExitStack, runs: Collection[str] = ()) -> Tenure:
    """Take the cluster's lease, once it is free; it is given back when `holding` is closed.

    Args:
        runs: Those that measure under it, where it is an acceptance's.
    """
    listener().step("taking the cluster's lease")
    return holding.enter_context(
        held(
            run.access,
            namespace,
            run.run_id,
            runs=runs,
            if_busy=if_busy,
            on_wait=lambda holder: listener().step(f"waiting for run {holder}, which has the cluster"),
            on_take_over=lambda dead: killed.mourn([dead]),
        )
    )
