"""What Prefect's way of loading flows asks of the names here."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from pathlib import Path

import pytest

from flows.environment import CHECKOUT

MODULES = sorted(path for folder in ("flows", "tasks") for path in (CHECKOUT / folder).glob("*.py"))


@pytest.fixture(scope="module")
def elsewhere():
    """Names of modules that are not ours; asked once, for it looks at every file that is installed."""
    return sys.stdlib_module_names | importlib.metadata.packages_distributions().keys()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_no_module_is_named_like_one_that_is_imported_from_elsewhere(elsewhere, path: Path):
    """A flow's folder comes first on the path of its run, so that such a name would hide the other module."""
    assert path.stem not in elsewhere


@pytest.mark.parametrize("path", MODULES, ids=lambda path: f"{path.parent.name}.{path.stem}")
def test_every_module_can_be_imported_by_itself(path: Path, home):
    del home
    name = path.parent.name if path.stem == "__init__" else f"{path.parent.name}.{path.stem}"
    assert importlib.import_module(name).__doc__
