"""The scenarios there are, for a terminal: by what makes their traffic, and why that does."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from netcadence import tool_choice
from netcadence.scenario import Scenario
from netcadence.schedule import Shape
from netcadence.words import counted


def scenario_list(scenarios: Iterable[Scenario]) -> RenderableType:
    """Return the scenarios as a rich renderable; columns stand below each other in all parts."""
    scenarios = list(scenarios)
    width = max((len(each.name) for each in scenarios), default=0)
    kinds = dict.fromkeys((each.protocol, each.tool) for each in scenarios)
    groups = [[each for each in scenarios if (each.protocol, each.tool) == kind] for kind in kinds]
    last = len(groups) - 1
    return Group(*(_part(group, width, is_last=number == last) for number, group in enumerate(groups)))


def _part(alike: list[Scenario], width: int, *, is_last: bool) -> RenderableType:
    first = alike[0]
    heading = Text.assemble((f"{first.protocol} by {first.tool}", "bold"), ", ", tool_choice.why(first))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, min_width=width)
    table.add_column(no_wrap=True, justify="right", min_width=len("50 pairs"))
    table.add_column(no_wrap=True, justify="right", min_width=len("120 s"))
    table.add_column(overflow="fold")
    for each in alike:
        pairs = counted(each.pairs, "pair") if each.shape is Shape.RATIO else each.shape.value
        table.add_row(each.name, pairs, f"{each.duration_s} s", Text(each.purpose or each.title))
    return Group(heading, Padding(table, (0, 0, 0 if is_last else 1, 2)))
