"""Ending: the state in which a flow ends by its verdict, or without one; the one place that decides it."""

from __future__ import annotations

from typing import Any, Final

from prefect import Flow, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Cancelled, Completed, Failed

from netcadence.record import Verdict
from tasks import killed

#: Names of the states other than PASS: each can be told from a crash.
STATE_NAMES: Final = {
    Verdict.FAIL: "SLABreached",
    Verdict.INCONCLUSIVE: "Inconclusive",
    Verdict.INVALID: "InvalidMeasurement",
    Verdict.NOT_APPLICABLE: "NotApplicable",
}
#: The name of a state in which a flow ended without a verdict; an automation tells of it by this name.
WITHOUT_VERDICT: Final = "WithoutVerdict"
#: Tasks tell Prefect of their ends in the background, and it writes them down once a second.
_NEWS_WITHIN_S: Final = 3.0


def state_of(verdict: Verdict | None, message: str, data: Any) -> State[Any]:
    """Return the state in which a flow with this verdict ends; `data` is what its caller gets."""
    if verdict is Verdict.PASS:
        return Completed(message=message, data=data)
    if verdict is Verdict.NOT_APPLICABLE:
        # Neither green nor red on Prefect's pages.
        return Cancelled(name=STATE_NAMES[verdict], message=message, data=data)
    return Failed(name=STATE_NAMES[verdict] if verdict else WITHOUT_VERDICT, message=message, data=data)


def stopped(flow: Flow[..., Any], flow_run: FlowRun, state: State[Any]) -> None:
    """Tell a stop from a crash, and wait until what was done has been told; a hook for flows that crash.

    Prefect takes Ctrl-C for a crash, and after SIGTERM what tasks came to at last is lost with the process.
    """
    del flow
    with get_client(sync_client=True) as client:
        if isinstance(state.data, KeyboardInterrupt):
            by = "with what it is a part of" if flow_run.parent_task_run_id else "with Ctrl-C"
            # Prefect then ends its tasks, and the process sends what they came to before it ends.
            client.set_flow_run_state(flow_run.id, Cancelled(message=f"Stopped {by}."), force=True)
        else:
            killed.end_tasks(client, [flow_run], str(state.message), patience_s=_NEWS_WITHIN_S)
