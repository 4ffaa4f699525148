"""Flow `watch`: what a schedule asks for on one cluster, and then the page of all clusters.

    credentials ─▶ benchmark ─▶ benchmark ─▶ … ─▶ acceptance ─▶ overview

It ends in the state of the gravest of its runs. A scenario is begun again only where it could not be measured
because something did not answer; what was measured keeps its verdict. On a cluster one run at a time has
the lease, be it of this server or of a laptop; `order.if_busy` says what happens to the other.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows import environment
from flows.acceptance import acceptance
from flows.benchmark import benchmark
from netcadence.errors import TransientError
from netcadence.order import Order
from netcadence.record import GRAVITY, Verdict
from tasks import ending
from tasks.acceptance import AcceptanceReport
from tasks.credentials import kubeconfig_of
from tasks.overview import overview
from tasks.progress_artifact import shown
from tasks.report import Report


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of one scenario or acceptance; `verdict` is None where it ended without one."""

    name: str
    verdict: Verdict | None
    message: str

    @classmethod
    def of(cls, name: str, state: State[Any]) -> Watched:
        found = state.result(raise_on_failure=False)
        if isinstance(found, Report):
            return cls(name, found.judgement.verdict, str(state.message))
        if isinstance(found, AcceptanceReport):
            return cls(name, found.acceptance.verdict, str(state.message))
        why = (
            "stopped, for timeout_min was over" if isinstance(found, TimeoutError) else found or state.message
        )
        return cls(name, None, f"ERROR: {name}: {why}")


@flow(name="watch", flow_run_name="{order}")
def watch(order: Order) -> State[Any]:
    """Measure what a schedule asks for, and say what it came to.

    Args:
        order: The cluster, what is measured on it, and how long that may take.
    """
    lake = environment.lake(order.lake)
    with ExitStack() as held:
        kubeconfig = Path(order.kubeconfig) if order.kubeconfig else None
        if order.credentials:
            kubeconfig = held.enter_context(kubeconfig_of(order.credentials))
        where = {
            "cluster": order.cluster or None,
            "kubeconfig": kubeconfig,
            "context": order.context or None,
            "namespace": order.namespace,
            "if_busy": order.if_busy,
            "lease_namespace": order.lease_namespace,
            "lake": lake,
        }
        held.enter_context(shown())
        watched = tuple(_all(order, where, deadline=time.monotonic() + order.timeout_min * 60))
    overview(lake)
    return state_of(watched)


def _all(order: Order, where: dict[str, Any], *, deadline: float) -> Iterator[Watched]:
    sla = Path(order.sla) if order.sla else environment.EXPECTATIONS
    for name in (*order.scenarios, *map(str, order.files)):
        for tries_left in reversed(range(order.tries)):
            state: State[Any] = benchmark.with_options(timeout_seconds=_left(deadline))(
                name, adjustment=order.adjustment, sla=sla, return_state=True, **where
            )
            if not tries_left or not isinstance(state.result(raise_on_failure=False), TransientError):
                break
            time.sleep(min(order.pause_s, _left(deadline)))
        yield Watched.of(Path(name).stem, state)
    if order.acceptance:
        state = acceptance.with_options(timeout_seconds=_left(deadline))(
            Path(order.acceptance), return_state=True, **where
        )
        yield Watched.of(Path(order.acceptance).stem, state)


def _left(deadline: float) -> float:
    # What is begun after the deadline ends at once, and says so.
    return max(1.0, deadline - time.monotonic())


def state_of(watched: tuple[Watched, ...]) -> State[Any]:
    """Return the state of the gravest; its message names all that did not pass."""
    verdict = min((each.verdict for each in watched), key=(None, *GRAVITY).index)
    message = "; ".join(each.message for each in watched if each.verdict is not Verdict.PASS)
    if verdict is Verdict.PASS:
        message = f"PASS: {', '.join(each.name for each in watched)}"
    return ending.state_of(verdict, message, watched)
