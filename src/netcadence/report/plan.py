"""What a run would do, for a terminal and for a machine."""

from __future__ import annotations

from typing import Any, Final

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from netcadence.amount import in_words
from netcadence.forecast import Forecast, Making
from netcadence.scenario import Scenario
from netcadence.schedule import Shape
from netcadence.words import counted

_UNBOUND: Final = "as the network carries"
#: More pairs of nodes than that are summed up in one line.
_LINKS_SHOWN: Final = 20


def plan_table(plan: Forecast) -> RenderableType:
    """Return a forecast as a rich renderable."""
    parts: list[RenderableType] = ["", _summary(plan)]
    if plan.links:
        parts += ["", _links(plan)]
    parts += [Text(f"\nrefused: {refusal}", style="bold red") for refusal in plan.refusals]
    return Group(*parts)


def plan_as_json(plan: Forecast) -> dict[str, Any]:
    """Return a forecast for a machine; null where the scenario sets no bound, or no cluster was looked at."""
    traffic, scenario = plan.scenario.traffic_of(plan.schedule), plan.scenario
    links = plan.links and [
        {
            "client_node": link.client_node,
            "server_node": link.server_node,
            "pairs": link.pairs,
            "max_bits_per_s": _times(traffic.pair_bits_per_s, link.pairs),
            "max_bytes": _times(traffic.pair_bytes, link.pairs),
        }
        for link in plan.links
    ]
    return {
        "scenario": scenario.name,
        "pairs": plan.schedule.at_once,
        "rounds": len(plan.schedule.rounds),
        "placement": scenario.placement.value,
        "path": scenario.path.value,
        "ip_family": scenario.ip_family,
        "nodes": scenario.nodes.model_dump(mode="json"),
        "objects": [
            {"kind": each.kind, "count": each.count, "namespace": each.namespace or None, "stays": each.stays}
            for each in plan.makings
        ],
        "node_pairs": links,
        "node_pairs_certain": plan.certain,
        "max_bits_per_s": traffic.total_bits_per_s,
        "max_bytes": traffic.total_bytes,
        "limits": scenario.limits.model_dump(mode="json"),
        "traffic_s": plan.traffic_s,
        "at_most_s": plan.at_most_s,
        "refusals": list(plan.refusals),
    }


def _summary(plan: Forecast) -> Table:
    scenario = plan.scenario
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(overflow="fold")
    schedule = plan.schedule
    at_once = counted(schedule.at_once, "pair")
    rounds = f", {counted(len(schedule.rounds), 'round')}" if len(schedule.rounds) > 1 else ""
    grid.add_row("scenario", Text(f"{scenario.name}", style="bold"))
    least = "" if scenario.shape is Shape.RATIO or plan.links else " or more, as there are nodes"
    grid.add_row("measures", f"{scenario.protocol} by {scenario.tool}, {at_once}{rounds}{least}")
    grid.add_row("goes by", _way(scenario))
    grid.add_row("makes", _made([each for each in plan.makings if not each.stays]))
    grid.add_row("keeps", _made([each for each in plan.makings if each.stays]) + ", where they are missing")
    demand = scenario.demand
    wanted = f" {scenario.nodes}" if str(scenario.nodes) else ""
    grid.add_row(
        "needs",
        f"{counted(schedule.workers, 'worker')} on at least {counted(demand.nodes, 'node')}{wanted} "
        f"({scenario.placement})",
    )
    grid.add_row("sends", _traffic(plan))
    grid.add_row(
        "takes", f"{in_minutes(plan.traffic_s)} of traffic; over within {in_minutes(plan.at_most_s)}"
    )
    return grid


def _way(scenario: Scenario) -> str:
    family = f" over {scenario.ip_family.spelled}" if scenario.ip_family else ""
    outside = f" {scenario.external.address}, worker {scenario.external.name}" if scenario.external else ""
    return f"{scenario.path}{outside}{family}"


def _made(makings: list[Making]) -> str:
    namespace = next((each.namespace for each in makings if each.namespace), "")
    return ", ".join(counted(each.count, each.kind) for each in makings) + f" (namespace {namespace})"


def _traffic(plan: Forecast) -> str:
    traffic, limits = plan.scenario.traffic_of(plan.schedule), plan.scenario.limits
    if traffic.total_bits_per_s is not None and traffic.total_bytes is not None:
        rate_said = in_words(traffic.total_bits_per_s, "bit/s")
        return f"at most {rate_said}, {in_words(traffic.total_bytes, 'B')} in all"
    rate = traffic.within(limits)
    said = f"as much {_UNBOUND}: the scenario sets no bound"
    if rate is None:
        return said
    total = rate * traffic.streams * traffic.pairs
    most = f"{in_words(total, 'bit/s')}, {in_words(total * traffic.seconds // 8, 'B')} in all"
    return f"{said}; its limits allow {most}"


def _links(plan: Forecast) -> Table:
    traffic, links = plan.scenario.traffic_of(plan.schedule), plan.links or ()
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("Client node", overflow="fold", min_width=14)
    table.add_column("Server node", overflow="fold", min_width=14)
    table.add_column("Pairs", justify="right", no_wrap=True, min_width=6)
    table.add_column("At most", justify="right", no_wrap=True, min_width=16)
    table.add_column("In all", justify="right", no_wrap=True, min_width=12)
    for link in links[:_LINKS_SHOWN]:
        rate, total = _times(traffic.pair_bits_per_s, link.pairs), _times(traffic.pair_bytes, link.pairs)
        table.add_row(
            Text(link.client_node),
            Text(link.server_node),
            f"{link.pairs:,}",
            "unbounded" if rate is None else in_words(rate, "bit/s"),
            "unbounded" if total is None else in_words(total, "B"),
        )
    if len(links) > _LINKS_SHOWN:
        table.add_row(f"and {len(links) - _LINKS_SHOWN:,} more", "", "", "", "")
    if not plan.certain:
        table.caption = "if the scheduler spreads the workers evenly"
        table.caption_justify = "left"
    return table


def _times(amount: int | None, pairs: int) -> int | None:
    return None if amount is None else amount * pairs


def in_minutes(seconds: int) -> str:
    """Return a time in words, such as `4 min 45 s`."""
    minutes, rest = divmod(seconds, 60)
    if not minutes:
        return f"{seconds} s"
    return f"{minutes:,} min {rest} s" if rest else f"{minutes:,} min"
