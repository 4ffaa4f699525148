"""The parts of a whole run: which tests go beside each other, which take what is left, which go alone.

`pytest --part=NAME` runs one of them. Each test that a run of all has is in exactly one; what is of another
part is not even imported.
"""

from __future__ import annotations

from pathlib import Path

import pytest

#: Tests that may take as long as they take: no deadline, tool or cluster has a say in them.
PATIENT = "tests/unit/"
#: Those in there that have a deadline, or wait for another process.
IMPATIENT = (
    "tests/unit/worker/",
    "tests/unit/domain/test_floor.py",
    "tests/unit/lake/test_object_stores.py",
    "tests/unit/parsing/test_parsing_properties.py",
)
#: An image takes minutes to build: `make test-image` does, before a release and where the image is changed.
ELSEWHERE = "tests/image/"
NAMES = ("beside", "patient", "alone")


def file_is_of(name, file, text):
    """Tell whether a part may have tests of a file, given by its path from the checkout and its text."""
    if file.startswith(ELSEWHERE):
        return False
    is_patient = file.startswith(PATIENT) and not file.startswith(IMPATIENT)
    return {"beside": not is_patient, "patient": is_patient, "alone": "mark.alone" in text}[name]


class Part:
    """Leaves out of a collection what is not of one part."""

    def __init__(self, name, root):
        self._name = name
        self._root = root

    def pytest_ignore_collect(self, collection_path: Path):
        if collection_path.suffix != ".py" or not collection_path.is_relative_to(self._root):
            return None
        file = collection_path.relative_to(self._root).as_posix()
        return None if file_is_of(self._name, file, collection_path.read_text(encoding="utf-8")) else True

    def pytest_collection_modifyitems(self, config, items):
        kept, left = [], []
        for item in items:
            is_alone = item.get_closest_marker("alone") is not None
            (kept if is_alone == (self._name == "alone") else left).append(item)
        items[:] = kept
        config.hook.pytest_deselected(items=left)


def pytest_addoption(parser):
    parser.addoption("--part", choices=NAMES, help="run one part of all tests: see tests/parts.py")


def pytest_configure(config: pytest.Config):
    if name := config.getoption("--part"):
        config.pluginmanager.register(Part(name, config.rootpath), "part")
