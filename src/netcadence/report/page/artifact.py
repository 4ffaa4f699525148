"""Plots for a page that shows Markdown, such as that of a Prefect artifact: a picture, and what it says."""

from __future__ import annotations

from typing import Final

from netcadence.record import RunFacts
from netcadence.report.markdown import escaped, table_as_markdown
from netcadence.report.page import picture
from netcadence.report.page.chart import Chart, Table
from netcadence.report.page.heatmap import Heatmap

_SLOWEST: Final = 10


def chart_as_markdown(chart: Chart) -> str:
    """Return a plot with its title above and its sentences below."""
    drawn = picture.of_chart(chart).as_markdown()
    return f"### {escaped(chart.title)}\n\n{drawn}\n\n{escaped(chart.said)}\n"


def heatmap_as_markdown(heatmap: Heatmap, facts: RunFacts) -> str:
    """Return a mesh with what is to be said of its nodes, and its slowest pairs as a table."""
    parts = [
        f"## {escaped(facts.scenario)} on {escaped(facts.cluster)}, node by node",
        *(f"**{escaped(each)}.**" for each in heatmap.sentences),
        picture.of_heatmap(heatmap).as_markdown(),
        f"{escaped(heatmap.said)} Run {escaped(facts.run_id)}.",
        _first_rows(heatmap.slowest),
    ]
    return "\n\n".join(parts) + "\n"


def _first_rows(table: Table) -> str:
    rows = (map(escaped, row) for row in table.rows[:_SLOWEST])
    return table_as_markdown(table.headings, rows, numbers=table.numbers)
