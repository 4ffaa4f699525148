"""Plots as pictures that stand alone, as pages that are not ours show them."""

from __future__ import annotations

import base64
import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest

from netcadence.record import Verdict
from netcadence.report.page import heatmap, picture
from netcadence.report.page.pairs import sorted_pairs
from tests.pages.conftest import HOSTILE, outcome

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def mesh(make_record):
    names = HOSTILE[:5]
    sides = [(one, other) for one in names for other in names if one != other]
    outcomes = [outcome(number, 70_000.0 + number, pair) for number, pair in enumerate(sides)]
    return heatmap.of_mesh(make_record(*outcomes, config='{"shape": "mesh"}'))


@pytest.fixture(scope="module")
def plot(many, make_judgement):
    (chart,) = sorted_pairs(many, make_judgement(Verdict.FAIL, threshold=69_000.0))
    return picture.of_chart(chart)


def words_in(drawn):
    found = ET.fromstring(drawn.svg)  # noqa: S314 - ours
    return [each.text for each in found.iter(f"{SVG}text")]


def test_a_picture_of_a_plot_says_what_stands_on_its_axes_and_at_its_threshold(plot):
    assert {"KBytes/s", "Pairs, sorted", "80,000", "≥ 69,000", "beyond the threshold"} <= set(words_in(plot))


def test_a_picture_of_a_mesh_has_each_figure_and_believes_no_name(mesh):
    words = words_in(picture.of_heatmap(mesh))
    assert words.count("100") == len([cell for row in mesh.cells for cell in row if cell.text == "100"])
    number = next(node.number for node in mesh.nodes if node.name == HOSTILE[0])
    assert f"{HOSTILE[0]} {number}" in words


@pytest.fixture(scope="module")
def wide(wide_mesh):
    return heatmap.of_mesh(wide_mesh)


def test_a_mesh_of_many_nodes_has_as_many_labels_as_there_is_room_for_and_the_slow_nodes(wide):
    words = words_in(picture.of_heatmap(wide))
    assert {"node-00 0", "node-58 58", "33"} <= set(words)
    assert not {"node-01 1", "32"} & set(words)
    columns = wide.columns(3.6)
    assert [label.node.number for label in columns if label.is_slow] == [33]
    assert all(other.place - one.place >= 3.6 for one, other in pairwise(columns))


def test_in_a_mesh_of_many_nodes_a_pair_that_stands_out_says_which_it_is(wide):
    said = [shape.said for shape in wide.outliers]
    assert said[0] == "node-00.eu-1.example → node-01.eu-1.example: no figure"
    assert "node-30.eu-1.example → node-33.eu-1.example: 40,000 KBytes/s" in said
    assert len(said) == 1 + 7
    assert "419 of 3,540 pairs of nodes" in wide.said
    assert "1 more without a figure" in wide.said


def test_a_browser_shows_the_markdown_of_a_picture_without_asking_anybody(browser, plot, mesh, tmp_path):
    images = [drawn.as_markdown() for drawn in (plot, picture.of_heatmap(mesh))]
    found = [re.fullmatch(r"!\[.*\]\((data:image/svg\+xml;base64,([\w+/=]+))\)", each) for each in images]
    assert base64.b64decode(found[0][2]).decode() == plot.svg
    page = tmp_path / "page.html"
    page.write_text("".join(f'<link rel="icon" href="data:,"><img src="{each[1]}">' for each in found))
    browser.open(page, width=1280)
    sizes = browser.run("[...document.images].map((each) => [each.complete, each.naturalWidth])")
    assert sizes == [[True, 700], [True, 700]]
    assert [each for each in browser.requests if not each.startswith("data:")] == []
    assert browser.complaints == []
