"""Where pages are kept: each a file of its own, whole or not there at any time."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from netcadence.acceptance.outcome import Acceptance
from netcadence.errors import InvalidInputError
from netcadence.lake import Lake
from netcadence.lake.recollection import Recollection
from netcadence.lake.storage import Storage
from netcadence.report.page import past
from netcadence.report.page.acceptance import acceptance_page
from netcadence.report.page.run import run_page


def keep_run_page(run: Recollection, lake: Lake, path: Path) -> str:
    """Write the page of a run, with what the lake knows of the runs before it, and return its address.

    Raises:
        InvalidInputError: The path is that of a folder.
        LakeError: The lake could not be read, or the file not be written.
    """
    history = past.read(lake, run.record.facts)
    page = run_page(run.record, run.judgement, history=history, lake=lake.url, left_out=run.left_out)
    return keep(page, path)


def keep_acceptance_page(done: Acceptance, lake: str, path: Path) -> str:
    """Write the page of an acceptance, which leads to its runs' in the same folder, and return its address.

    Raises:
        InvalidInputError: The path is that of a folder.
        LakeError: The file could not be written.
    """
    names = {each.run_id: f"{each.run_id}.html" for each in done.measured}
    pages = {run_id: name for run_id, name in names.items() if path.with_name(name).exists()}
    return keep(acceptance_page(done, pages=pages, lake=lake), path)


def keep(page: str, path: Path) -> str:
    """Write a page and return its address. Raises as `keep_run_page` does."""
    path = path.expanduser().absolute()
    require_file(path)
    Storage(path.parent).write(path.name, pa.py_buffer(page.encode()))
    return path.as_uri()


def require_file(path: Path) -> None:
    """Refuse what cannot be a file before anything is read.

    Raises:
        InvalidInputError: There is a folder at that path, or something that is none above it.
    """
    if path.is_dir():
        raise InvalidInputError(f"{path} is a folder; allowed: a file, which is replaced if it is there")
    above = next(each for each in path.absolute().parents if each.exists())
    if not above.is_dir():
        raise InvalidInputError(f"{path}: {above} is not a folder; allowed: a file in a folder")
