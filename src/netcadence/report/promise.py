"""Back-tests and proposed thresholds, for a terminal and as JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from netcadence.promise.backtest import BackTest, Judged
from netcadence.promise.proposal import Suite
from netcadence.report.figures import figure, limit
from netcadence.traffic_path import TrafficPath


def backtest_table(found: Judged) -> RenderableType:
    """Return what a suite would have said: a row a threshold and series, what fired first."""
    if found.why_empty:
        return Text(f"Nothing to judge: {found.why_empty}.")
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("Scenario", overflow="fold")
    table.add_column("Threshold", overflow="fold")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("Worst", justify="right", no_wrap=True)
    table.add_column("Fired", justify="right", no_wrap=True)
    for test in sorted(found.tests, key=lambda each: -len(each.fired)):
        requirement = test.requirement
        worst = figure(test.worst, requirement.unit, beside=requirement.threshold)
        fired = f"{len(test.fired)} of {test.runs}"
        table.add_row(
            Text(_where(test)),
            f"{requirement.name} {requirement.statistic}",
            limit(requirement.comparison, requirement.threshold, requirement.unit),
            worst,
            Text(fired, style="bold red" if test.fired else "green"),
        )
    said = [Text(_sentence(test)) for test in found.tests if test.fired]
    if found.unasked:
        said.append(Text(f"Nothing is asked of: {', '.join(found.unasked)}", style="dim"))
    said += [Text(f"not read: {each}", style="yellow") for each in found.left_out]
    return Group(table, "", *said) if said else table


def backtest_as_json(found: Judged) -> dict[str, Any]:
    """Return a back-test for a machine."""
    return {
        "fired": found.fired,
        "why_empty": found.why_empty or None,
        "unasked": list(found.unasked),
        "left_out_files": list(found.left_out),
        "thresholds": [_as_json(each) for each in found.tests],
    }


def suite_as_json(suite: Suite) -> dict[str, Any]:
    """Return proposed thresholds for a machine."""
    return {
        "alarms_a_month": suite.alarms_a_month,
        "why_empty": suite.why_empty or None,
        "left_out_files": list(suite.left_out),
        "proposals": [
            {
                "scenario": each.scenario,
                "learned_from_runs": each.learned_from,
                "learned_since": each.since,
                "fired": each.fired,
                "back_tests": [_as_json(test) for test in each.tests],
            }
            for each in suite.proposals
        ],
        "withheld": [asdict(each) for each in suite.withheld],
    }


def _as_json(test: BackTest) -> dict[str, Any]:
    requirement, key = test.requirement, test.series.key
    return {
        "cluster": key.cluster,
        "scenario": key.scenario,
        "path": key.path,
        "ip_family": key.ip_family or None,
        "requirement": requirement.name,
        "statistic": str(requirement.statistic),
        "comparison": requirement.comparison,
        "threshold": requirement.threshold,
        "unit": requirement.unit,
        "runs": test.runs,
        "days": test.days,
        "left_out": dict(test.left_out),
        "worst": test.worst,
        "fired": [asdict(each) for each in test.fired],
        "sentence": str(test),
    }


def _where(test: BackTest) -> str:
    key = test.series.key
    way = "" if key.path == TrafficPath.POD_IP else f" by {key.path}"
    return f"{key.scenario}{way} on {key.cluster}"


def _sentence(test: BackTest) -> str:
    first, last = test.fired[0], test.fired[-1]
    when = (
        f"on {first.at:%Y-%m-%d}" if first == last else f"first {first.at:%Y-%m-%d}, last {last.at:%Y-%m-%d}"
    )
    return f"{_where(test)}: {test.requirement.name} {test}: {when}"
