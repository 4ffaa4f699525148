"""An acceptance at the terminal: what it takes to have one, and what is shown of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect.client.schemas.objects import State
from rich.console import Console
from rich.text import Text

from flows import environment
from flows.acceptance import acceptance
from flows.display import Display
from flows.exit_code import of_verdict
from flows.interruption import heeded
from flows.session import Target, attended, server_needed, surroundings
from netcadence.acceptance.outcome import Acceptance
from netcadence.acceptance.programme import Programme
from netcadence.errors import InvalidInputError, NetcadenceError, PermanentError
from netcadence.home import Home
from netcadence.report import (
    VERDICT_STYLES,
    acceptance_as_json,
    acceptance_as_junit,
    acceptance_table,
    summary,
)
from tasks.acceptance import AcceptanceReport
from tasks.progress import heard_by


def accept(
    programme: Programme,
    target: Target,
    *,
    home: Home,
    lake: str | None,
    acceptance_id: str,
    console: Console,
) -> tuple[AcceptanceReport, str]:
    """Have the flow decide; returns what it came to, and the address of its page.

    Raises:
        NetcadenceError: It ended without a verdict.
    """
    with (
        heeded(),
        surroundings(home, target, console) as where,
        Display(console, programme.profile.name) as display,
        heard_by(display),
        server_needed(home),
        attended(),
    ):
        state: State[Any] = acceptance(
            programme.source,
            strict=programme.profile.strict,
            canary=programme.profile.canary,
            acceptance_id=acceptance_id,
            lake=lake,
            return_state=True,
            **where.parameters,
        )
    found = state.result(raise_on_failure=False)
    if isinstance(found, AcceptanceReport):
        return found, f"{environment.ui()}/runs/flow-run/{state.state_details.flow_run_id}"
    if isinstance(found, NetcadenceError):
        raise found
    cause = found if isinstance(found, BaseException) else None
    raise PermanentError(f"The acceptance ended without a verdict: {found or state.message}") from cause


def as_json(done: AcceptanceReport, page: str) -> dict[str, Any]:
    """Return what a machine wants to know."""
    code = int(of_verdict(done.acceptance.verdict))
    return (
        {"exit_code": code, "prefect_run": page}
        | acceptance_as_json(done.acceptance)
        | {"lake": done.lake, "page": done.page or None}
    )


def write_junit(done: Acceptance, path: Path) -> None:
    """Write an acceptance as JUnit XML.

    Raises:
        InvalidInputError: The file cannot be written.
    """
    try:
        path.write_text(acceptance_as_junit(done), encoding="utf-8")
    except OSError as error:
        raise InvalidInputError(f"--junit {path}: cannot be written: {error.strerror}") from error


def show(done: AcceptanceReport, page: str, console: Console, *, junit: Path | None) -> None:
    """Print the table, where to look further, and last the verdict; addresses are never broken up."""
    found = done.acceptance
    console.print(acceptance_table(found))
    console.print()
    for what, address in (("page", done.page), ("flow", page), ("lake", done.lake), ("junit", junit)):
        if address:
            console.print(Text.assemble((f"{what:<6}", "dim"), f" {address}"), soft_wrap=True)
    said = Text.assemble((found.verdict.value, VERDICT_STYLES[found.verdict]), f"  {summary(found)}")
    console.print(said, soft_wrap=True)
