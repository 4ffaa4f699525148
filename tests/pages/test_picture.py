"""Plots as pictures that stand alone, as pages that are not ours show them."""

from __future__ import annotations

import base64
import re
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
    assert f"{HOSTILE[0]} {mesh.nodes.index(HOSTILE[0])}" in words


def test_a_mesh_of_many_nodes_is_drawn_without_figures(mesh):
    drawn = picture.of_heatmap(
        heatmap.Heatmap(mesh.nodes * 20, frozenset(), (), mesh.drawn, (), "", mesh.slowest, mesh.effects)
    )
    assert not [each for each in words_in(drawn) if each.isdigit()]


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
