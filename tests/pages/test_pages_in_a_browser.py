"""Pages as somebody sees them, in a real browser: on a phone and on a desk, by day and by night."""

from __future__ import annotations

from itertools import pairwise

import pytest

from netcadence.report.page import keep_acceptance_page, run_page

PHONE, DESK = 390, 1280
#: The least contrast of text to what is behind it, by WCAG 2.2 for level AA.
LEAST_CONTRAST = 4.5
_CONTRASTS = """
(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] + below[i] * (1 - top[3]));
  const behind = (element) => {
    const layers = [];
    for (let each = element; each; each = each.parentElement) {
      layers.push(rgba(getComputedStyle(each).backgroundColor));
    }
    return layers.reduceRight((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const light = (color) => {
    const [r, g, b] = color.map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const seen = new Map();
  for (const element of document.body.querySelectorAll('*')) {
    const says = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!says || element.closest('svg') || element.closest('.unseen')) continue;
    const back = behind(element), ink = over(rgba(getComputedStyle(element).color), back);
    const [low, high] = [light(ink), light(back)].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    const name = `${element.tagName}.${element.className}`;
    seen.set(name, Math.min(ratio, seen.get(name) ?? 99));
  }
  return [...seen].filter(([, ratio]) => ratio < LEAST);
})()
""".replace("LEAST", str(LEAST_CONTRAST))
_OPEN_ALL = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"


@pytest.fixture(scope="module")
def file(hostile, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "run.html"
    path.write_text(hostile, encoding="utf-8")
    return path


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_the_page_of_an_acceptance_fits_its_screen_and_asks_nobody(browser, acceptance, tmp_path, width):
    keep_acceptance_page(acceptance, "", tmp_path / "acceptance.html")
    browser.open(tmp_path / "acceptance.html", width=width, scheme="dark" if width == PHONE else "light")
    browser.run(_OPEN_ALL)
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run(_CONTRASTS) == []
    assert browser.complaints == []
    assert browser.requests == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_page_fits_its_screen_asks_nobody_and_has_nothing_to_complain_about(browser, file, width, scheme):
    browser.open(file, width=width, scheme=scheme)
    browser.run(_OPEN_ALL)
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("document.querySelectorAll('figure.chart').length") == 5
    assert browser.run(_CONTRASTS) == []
    assert browser.complaints == []
    assert browser.requests == []


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_labels_of_a_mesh_of_many_nodes_stand_clear_of_each_other(
    browser, wide_mesh, make_judgement, tmp_path, width
):
    page = tmp_path / "mesh.html"
    page.write_text(run_page(wide_mesh, make_judgement()), encoding="utf-8")
    browser.open(page, width=width)
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run(_CONTRASTS) == []
    for kind, begin, end in (("row", "top", "bottom"), ("column", "left", "right")):
        places = browser.run(
            f"[...document.querySelectorAll('.map .{kind}')].map((each) => each.getBoundingClientRect())"
            f".filter((each) => each.width).map((each) => [each.{begin}, each.{end}])"
        )
        assert len(places) >= 6
        assert all(one[1] <= other[0] for one, other in pairwise(places))


def test_light_and_dark_are_two_pages(browser, file):
    papers = set()
    for scheme in ("light", "dark"):
        browser.open(file, width=PHONE, scheme=scheme)
        papers.add(browser.run("getComputedStyle(document.documentElement).backgroundColor"))
    assert len(papers) == 2


def test_whatever_can_be_opened_or_scrolled_is_reached_by_keys(browser, file):
    browser.open(file, width=DESK)
    browser.run("document.querySelector('summary').focus()")
    browser.press("Enter", 13)
    assert browser.run("document.querySelector('details').open")
    browser.run(_OPEN_ALL)
    wanted = browser.run(
        "window.reached = new Set(); document.addEventListener('focusin', (e) => reached.add(e.target));"
        "document.activeElement.blur(); window.scrollTo(0, 0);"
        "document.querySelectorAll('summary, .scroll, a').length"
    )
    for _ in range(wanted + 2):
        browser.press("Tab", 9)
    missed = "[...document.querySelectorAll('summary, .scroll, a')].filter((e) => !reached.has(e)).length"
    assert browser.run(missed) == 0


def test_whoever_does_not_see_a_plot_is_told_what_it_shows(browser, file):
    browser.open(file, width=DESK)
    browser.run(_OPEN_ALL)
    tree = browser.ask("Accessibility.getFullAXTree")["nodes"]
    plots = [node for node in tree if node.get("role", {}).get("value") in ("image", "img")]
    told = [(plot["name"]["value"], plot.get("description", {}).get("value", "")) for plot in plots]
    assert len(told) == 5
    assert all(name and said.endswith(".") for name, said in told)
    tables = [node for node in tree if node.get("role", {}).get("value") == "table"]
    assert tables
    assert all(table["name"]["value"] for table in tables)
    levels = browser.run("[...document.querySelectorAll('h1, h2, h3')].map((each) => +each.tagName[1])")
    assert levels[0] == 1
    assert all(next_ - one <= 1 for one, next_ in pairwise(levels))
