"""What a person, or a machine, is shown of a judged run: a terminal table, Markdown, JSON.

Here belongs wording and layout. Nothing is computed that the record and the judgement do not say already.
"""

from netcadence.report.acceptance import (
    acceptance_as_json,
    acceptance_as_markdown,
    acceptance_rows,
    acceptance_table,
    summary,
)
from netcadence.report.document import as_json
from netcadence.report.junit import acceptance_as_junit
from netcadence.report.listing import scenario_list
from netcadence.report.markdown import as_markdown
from netcadence.report.overview import overview_as_markdown
from netcadence.report.plan import plan_as_json, plan_table
from netcadence.report.programme import programme_as_json, programme_table
from netcadence.report.table import VERDICT_STYLES, verdict_table

__all__ = [
    "VERDICT_STYLES",
    "acceptance_as_json",
    "acceptance_as_junit",
    "acceptance_as_markdown",
    "acceptance_rows",
    "acceptance_table",
    "as_json",
    "as_markdown",
    "overview_as_markdown",
    "plan_as_json",
    "plan_table",
    "programme_as_json",
    "programme_table",
    "scenario_list",
    "summary",
    "verdict_table",
]
