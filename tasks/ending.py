"""Ending: the state in which a flow ends by its verdict, or without one; the one place that decides it."""

from __future__ import annotations

from typing import Any, Final

from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Completed, Failed

from netcadence.record import Verdict

#: Names of the states other than PASS: each can be told from a crash.
STATE_NAMES: Final = {
    Verdict.FAIL: "SLABreached",
    Verdict.INCONCLUSIVE: "Inconclusive",
    Verdict.INVALID: "InvalidMeasurement",
    Verdict.NOT_APPLICABLE: "NotApplicable",
}
#: The name of a state in which a flow ended without a verdict; an automation tells of it by this name.
WITHOUT_VERDICT: Final = "WithoutVerdict"


def state_of(verdict: Verdict | None, message: str, data: Any) -> State[Any]:
    """Return the state in which a flow with this verdict ends; `data` is what its caller gets."""
    if verdict is Verdict.PASS:
        return Completed(message=message, data=data)
    if verdict is Verdict.NOT_APPLICABLE:
        # Neither green nor red on Prefect's pages.
        return Cancelled(name=STATE_NAMES[verdict], message=message, data=data)
    return Failed(name=STATE_NAMES[verdict] if verdict else WITHOUT_VERDICT, message=message, data=data)
