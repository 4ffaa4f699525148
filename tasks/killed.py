"""Killed runs: who is killed tells Prefect nothing, so whoever finds that a run is dead does it.

Its flow runs, which Prefect would list as running for ever, become Crashed. A run that was thought dead and
is not ends in its own state all the same, for Prefect lets the later one count.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import httpx
from prefect import get_client
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.logging import get_logger
from prefect.states import Crashed

from netcadence.embedded.processes import ProcessIdentity

_UNENDED: Final = [StateType.PENDING, StateType.RUNNING]
_LOOK_S: Final = 0.3


def this_process() -> str:
    """Return what a flow run is marked with for the process that it is in."""
    return f"{socket.gethostname()}:{ProcessIdentity.of(os.getpid())}"


def mourn(run_ids: Iterable[str]) -> None:
    """Have the flow runs of runs and acceptances end as Crashed that were found dead on a cluster."""
    tags = [f"{what}:{each}" for each in run_ids for what in ("run", "acceptance")]
    if tags:
        which, here = FlowRunFilter(tags=FlowRunFilterTags(any_=tags)), this_process()
        _end(which, "killed: what it has left was found", lambda process: process != here)


def mourn_processes() -> None:
    """Have the flow runs end as Crashed whose process was on this machine, and is no more."""
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNENDED))
    _end(FlowRunFilter(state=state), "killed: its process is gone", _is_gone)


def end_tasks(
    client: SyncPrefectClient, flow_runs: Sequence[FlowRun], message: str, *, patience_s: float = 0.0
) -> None:
    """Have what these flow runs still do, as Prefect believes, end as Crashed.

    Args:
        patience_s: How long news of their ends may be under way.
    """
    until = time.monotonic() + patience_s
    while tasks := client.read_task_runs(
        flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[each.id for each in flow_runs])),
        task_run_filter=TaskRunFilter(
            state=TaskRunFilterState(type=TaskRunFilterStateType(any_=_UNENDED)),
        ),
    ):
        if time.monotonic() > until:
            break
        time.sleep(_LOOK_S)
    for task in tasks:
        client.set_task_run_state(task.id, Crashed(message=message), force=True)


def _end(which: FlowRunFilter, message: str, is_dead: Callable[[str], bool]) -> None:
    """Have those flow runs end as Crashed of which the process, as it is written down, is dead."""
    try:
        with get_client(sync_client=True) as client:
            found = client.read_flow_runs(flow_run_filter=which)
            dead = [each for each in found if is_dead(each.infrastructure_pid or "")]
            for each in dead:
                if each.state_type in _UNENDED:
                    client.set_flow_run_state(each.id, Crashed(message=message))  # refused where it has ended
            if dead:
                end_tasks(client, dead, message)
    except httpx.HTTPError as error:  # whoever found them has something else to do
        get_logger(__name__).warning("Prefect could not be told of killed runs: %s", error)


def _is_gone(process: str) -> bool:
    """Tell whether a process was on this machine, as `this_process` writes it, and is no more."""
    host, _, identity = process.partition(":")
    if host != socket.gethostname() or len(identity.split()) != 2:  # noqa: PLR2004 - its number, its start
        return False
    return not ProcessIdentity.parse(identity).alive
