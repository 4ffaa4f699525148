"""The parts of a whole run: no test is in two of them, and none in neither."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parts import IMPATIENT, NAMES, Part, file_is_of

CHECKOUT = Path(__file__).resolve().parents[2]
FILES = sorted(path.relative_to(CHECKOUT).as_posix() for path in CHECKOUT.glob("tests/**/test_*.py"))


class Item:
    def __init__(self, *, alone):
        self.alone = alone

    def get_closest_marker(self, name):
        assert name == "alone"
        return object() if self.alone else None


class Config:
    def __init__(self):
        self.deselected = []
        self.hook = self

    def pytest_deselected(self, items):
        self.deselected += items


def test_each_file_is_either_beside_others_or_patient_unless_it_is_of_an_image():
    parts_of = {file: {name for name in NAMES if file_is_of(name, file, "")} for file in FILES}
    of_none = {file for file in FILES if parts_of[file] not in ({"beside"}, {"patient"})}
    assert of_none == {file for file in FILES if file.startswith("tests/image/")}
    assert {name for found in parts_of.values() for name in found} == {"beside", "patient"}


def test_each_file_that_is_said_to_be_impatient_is_there():
    assert [each for each in IMPATIENT if not (CHECKOUT / each).exists()] == []


@pytest.mark.parametrize("alone", [True, False])
def test_a_test_that_is_marked_goes_alone_and_any_other_does_not(alone):
    item = Item(alone=alone)
    kept = {}
    for name in NAMES:
        items, config = [item], Config()
        Part(name, CHECKOUT).pytest_collection_modifyitems(config, items)
        kept[name] = bool(items)
        assert config.deselected == ([] if items else [item])
    assert kept == {"beside": not alone, "patient": not alone, "alone": alone}


def test_a_file_of_which_none_goes_alone_is_not_even_imported_for_that(tmp_path):
    folder = tmp_path / "tests" / "flows"
    folder.mkdir(parents=True)
    for name, text in {"test_a.py": "def test_a(): ...", "test_b.py": f"@pytest.mark.{'alone'}"}.items():
        (folder / name).write_text(text)
    ignored = Part("alone", tmp_path).pytest_ignore_collect
    assert (ignored(folder / "test_a.py"), ignored(folder / "test_b.py"), ignored(folder)) == (
        True,
        None,
        None,
    )
