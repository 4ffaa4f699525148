"""What a person, or a machine, is shown of a judged run: a terminal table, Markdown, JSON.

Here belongs wording and layout. Nothing is computed that the record and the judgement do not say already.
"""

from netcadence.report.document import as_json
from netcadence.report.markdown import as_markdown
from netcadence.report.plan import plan_as_json, plan_table
from netcadence.report.table import VERDICT_STYLES, verdict_table

__all__ = [
    "VERDICT_STYLES",
    "as_json",
    "as_markdown",
    "plan_as_json",
    "plan_table",
    "verdict_table",
]
