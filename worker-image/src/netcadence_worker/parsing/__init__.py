"""What the measuring tools print, turned into figures or into a reason why there are none.

Here belongs everything that knows how a tool words its output, in every supported version: a module for each
tool, loaded with that tool's driver. Starting tools, deadlines and reporting do not: a parser takes text and
returns a `Measurement` or raises `UnusableOutput`.
"""

from netcadence_worker.parsing.output import Measurement, ToolOutput, UnusableOutput, joined

__all__ = ["Measurement", "ToolOutput", "UnusableOutput", "joined"]
