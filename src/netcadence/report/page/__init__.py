"""Reports as pages: one HTML file that stands alone, for a run, an acceptance, or the trends of a window.

A page opens with verdicts, then shows plots. It needs no network and runs no script: all of it is text, style
and inline SVG out of the templates beside this module, and its own content security policy forbids all else.
Whatever comes from a cluster is escaped where it is put in.
"""

from netcadence.report.page.keeping import keep_acceptance_page, keep_run_page, require_file
from netcadence.report.page.run import run_page

__all__ = ["keep_acceptance_page", "keep_run_page", "require_file", "run_page"]
