"""What an acceptance would measure, for a terminal and for a machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from netcadence.acceptance.outcome import CANARY
from netcadence.acceptance.programme import Programme
from netcadence.amount import in_words
from netcadence.forecast import Forecast
from netcadence.report.content import figure_name
from netcadence.report.figures import limit
from netcadence.report.plan import in_minutes
from netcadence_worker.contract import Tool


def programme_table(programme: Programme, plans: Sequence[Forecast]) -> RenderableType:
    """Return what would be measured as a rich renderable.

    Args:
        plans: Of each measurement, in their order.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("Level", no_wrap=True, min_width=11)
    table.add_column("Check", overflow="fold")
    table.add_column("Scenario", overflow="fold")
    table.add_column("Traffic", justify="right", no_wrap=True)
    table.add_column(" Passes when")
    for *cells, passes in _rows(programme, plans):
        table.add_row(*map(Text, cells), Padding(Text(passes), (0, 0, 0, 1)))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    at_most = sum(plan.at_most_s for plan in plans)
    grid.add_row(
        "takes", f"up to {in_minutes(programme.traffic_s)} of traffic; over within {in_minutes(at_most)}"
    )
    grid.add_row("sends", _sent(plans))
    refusals = [Text(f"refused: {each}", style="bold red") for plan in plans for each in plan.refusals]
    return Group("", table, "", grid, *refusals)


def programme_as_json(programme: Programme, plans: Sequence[Forecast]) -> dict[str, Any]:
    """Return what would be measured for a machine; null where nothing bounds what is sent."""
    return {
        "profile": programme.profile.name,
        "profile_hash": programme.profile_hash,
        "strict": programme.profile.strict,
        "traffic_s": programme.traffic_s,
        "at_most_s": sum(plan.at_most_s for plan in plans),
        "measurements": [
            {
                "scenario": plan.scenario.name,
                "canary": measurement.is_canary,
                "pairs": plan.schedule.at_once,
                "traffic_s": plan.traffic_s,
                "max_bytes": plan.scenario.traffic_of(plan.schedule).total_bytes,
                "checks": [asked.check.name for asked in measurement.asked],
                "refusals": list(plan.refusals),
            }
            for measurement, plan in zip(programme.measurements, plans, strict=True)
        ],
    }


def _rows(programme: Programme, plans: Sequence[Forecast]) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield a row for each thing that is asked, in the profile's order; what two checks share stands once."""
    order = [check.name for check in programme.profile.checks]
    found = [
        (measurement.is_canary, order.index(asked.check.name), asked, plan)
        for measurement, plan in zip(programme.measurements, plans, strict=True)
        for asked in measurement.asked
    ]
    counted_already: set[str] = set()
    for is_canary, _, asked, plan in sorted(found, key=lambda each: each[:2]):
        scenario = plan.scenario
        again = scenario.config_hash in counted_already
        counted_already.add(scenario.config_hash)
        level = CANARY if is_canary else asked.check.level.value
        first = (level, asked.check.name, scenario.name, "same" if again else _lasts(plan))
        for each in asked.requirements:
            what = figure_name(each.metric, each.statistic.name)
            bound = limit(each.comparison, each.threshold, each.unit)
            yield (*first, f"{'not ' if is_canary else ''}{what} {bound}")
            first = ("", "", "", "")


def _lasts(plan: Forecast) -> str:
    """Return the time of traffic; probers end once they have seen what they look for."""
    return f"{'≤ ' if plan.scenario.tool is Tool.PROBE else ''}{plan.traffic_s:,} s"


def _sent(plans: Sequence[Forecast]) -> str:
    """Say how much is sent at most, and by what nobody can tell."""
    totals = {plan.scenario.name: plan.scenario.traffic_of(plan.schedule).total_bytes for plan in plans}
    unbounded = [name for name, total in totals.items() if total is None]
    bounded = in_words(sum(total for total in totals.values() if total is not None), "B")
    if not unbounded:
        return f"at most {bounded}"
    return f"as much as the network carries by {', '.join(unbounded)}; at most {bounded} by all others"
