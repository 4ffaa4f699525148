"""The Data Docs page of a run: Great Expectations' own rendering of its results, on a page that stands alone.

The library's page template loads styles and scripts from eight hosts, and its logo from a ninth that learns
when a page is viewed. Ours replaces that template, so that a page needs no network and tells nobody. It opens
with what a terminal shows of the run; below that, each expectation is rendered by the library.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from great_expectations.core import ExpectationSuiteValidationResult
from great_expectations.render import RenderedDocumentContent
from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView
from jinja2 import ChoiceLoader, PackageLoader

from netcadence.record import Judgement, RunRecord
from netcadence.report import content

_TITLES = {"data": "Can the data be believed?", "sla": "Is the network good enough?"}


def write(
    path: Path,
    results: Sequence[ExpectationSuiteValidationResult],
    *,
    record: RunRecord,
    judgement: Judgement,
) -> Path:
    """Render `results` to the page `path`, which is whole or absent at any time, and return it."""
    html = _view().render(
        _document(results),
        facts=record.facts,
        verdict=judgement.verdict,
        pairs=content.pairs(record),
        rows=content.rows(record, judgement),
        notes=content.notes(record, judgement),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(html, encoding="utf-8")
    partial.replace(path)
    return path


class _View(DefaultJinjaPageView):  # type: ignore[misc] # the library is untyped for us
    """The library's view, with our page template in front of its own."""

    def __init__(self) -> None:
        super().__init__()
        ours = PackageLoader("netcadence.judgement", "templates")
        self.env.loader = ChoiceLoader([ours, self.env.loader])
        self.env.globals["title_of"] = _title


@functools.cache
def _view() -> _View:
    """Return the view; its templates are compiled once for all runs of a process."""
    return _View()


def _title(section_name: str) -> str:
    return _TITLES.get(section_name, section_name)


def _document(results: Sequence[ExpectationSuiteValidationResult]) -> RenderedDocumentContent:
    """Return the sections of all results as one document; a suite's first section is named for the suite."""
    sections: list[Any] = []
    for result in results:
        rendered = ValidationResultsPageRenderer().render(_unnamed(result)).sections
        rendered[0].section_name = result.suite_name
        # Its heading links to a page of the suite, which there is not, and repeats the verdict.
        blocks = rendered[0].content_blocks
        rendered[0].content_blocks = [block for block in blocks if block.content_block_type != "header"]
        sections.extend(rendered)
    return RenderedDocumentContent(sections=sections, renderer_type="ValidationResultsPageRenderer")


def _unnamed(result: ExpectationSuiteValidationResult) -> ExpectationSuiteValidationResult:
    # The renderer tries to read a run's name as a date, which some names survive and others do not.
    meta = {**result.meta, "run_id": {"run_time": result.meta["run_id"].run_time.isoformat()}}
    return ExpectationSuiteValidationResult(
        success=result.success,
        results=result.results,
        suite_name=result.suite_name,
        suite_parameters=result.suite_parameters,
        statistics=result.statistics,
        meta=meta,
    )
