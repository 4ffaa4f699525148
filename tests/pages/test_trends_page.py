"""The page of a window: what has changed first, then each series with its levels and what changed with it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from netcadence.blame import Part
from netcadence.lake.series_key import SeriesKey
from netcadence.report.page.trends import trends_page
from netcadence.trends.circumstance import Circumstances
from netcadence.trends.history import Query
from netcadence.trends.series import Series, instants_of
from netcadence.trends.survey import Survey
from netcadence.trends.trend import Trend, analyse
from tests.pages.conftest import HOSTILE

BEGIN = datetime(2026, 1, 1, 3, tzinfo=UTC)
NIGHTS = 60
CHANGED = 40


def trend(factor, scenario="tcp-1:1", cni="calico 2", **whose):
    """A series that goes to so many times its level in its last third, on the night of a new CNI."""
    chance = np.random.default_rng(1)
    figures = chance.normal(90_000, 900, NIGHTS)
    figures[CHANGED:] *= factor
    starts = [BEGIN + timedelta(days=night) for night in range(NIGHTS)]
    series = Series(
        SeriesKey("lab", scenario, "throughput", "Perc50", **whose),
        instants_of(starts),
        figures,
        tuple(f"run-{night}" for night in range(NIGHTS)),
    )

    def around(runs):
        nights = [int(run.removeprefix("run-")) for run in runs]
        return [
            Circumstances(f"run-{night}", starts[night], {"cni": "calico 1" if night < CHANGED else cni})
            for night in nights
        ]

    return analyse(series, around=around)


def page_of(*trends: Trend, **asked):
    made_at = BEGIN + timedelta(days=NIGHTS)
    query = Query(since=BEGIN)
    why = "" if trends else "the lake holds no run"
    return trends_page(Survey("/lake", made_at, query, 0.05, trends, why), **asked)


@pytest.fixture(scope="module")
def page():
    steady = trend(1.0, scenario="tcp-50:50")
    asked = {("lab", "tcp-1:1", "throughput", "Perc50"): (">=", 60_000.0)}
    return page_of(steady, trend(0.8), trend(1.2, scenario="tcp-4:1"), asked=asked)


def test_what_has_regressed_stands_first_with_its_date_and_what_changed_then(page):
    assert "1 of 3 series is worse than before, and not accepted." in page
    table, _, plots = page.partition('id="plots"')
    assert table.index("tcp-1:1 Throughput Perc50") < table.index("tcp-4:1 Throughput Perc50")
    assert "since 10 February 2026; the same day CNI calico 1 → calico 2" in table
    assert plots.count('<figure class="chart"') == 2
    assert "tcp-50:50 Throughput Perc50" in plots.partition('id="details"')[2]


def test_its_plots_show_levels_change_points_and_the_threshold(page):
    plot = page.split('<figure class="chart"')[1]
    assert plot.count('class="line strong"') == 3  # two levels, and the legend
    assert 'class="change WORSE"' in plot
    assert "≥ 60,000" in plot
    assert "−20 %" in plot  # noqa: RUF001 - a minus, as people print it
    assert re.search(r">2026-02-\d\d( to 2026-02-\d\d)?<", plot)
    assert re.search(r"−\d\d % to −\d\d %", plot)  # noqa: RUF001 - likewise


def test_nodes_that_follow_all_pairs_have_a_row_each_but_neither_words_nor_plots_of_their_own():
    nodes = [trend(0.8, node=f"node-{number}", part=Part.SERVER) for number in range(3)]
    table, _, plots = page_of(trend(0.8), *nodes).partition('id="plots"')
    assert table.count('<th scope="row">tcp-1:1 Throughput Perc50, node-') == 3
    assert table.count("since 10 February 2026") == 1
    assert plots.count('<figure class="chart"') == 1
    assert "3 more stand in the table above only: nodes' series that follow that of all pairs" in plots


def test_a_window_without_runs_says_why():
    assert "Nothing to see: the lake holds no run." in page_of()


def test_it_fits_a_phone_by_night_whatever_things_are_called(browser, tmp_path):
    file = tmp_path / "trends.html"
    hostile = [trend(0.8, scenario=name, cni=HOSTILE[1]) for name in (*HOSTILE[:3], HOSTILE[6])]
    file.write_text(page_of(*hostile), encoding="utf-8")
    browser.open(file, width=390, scheme="dark")
    browser.run("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert browser.run("document.documentElement.scrollWidth") <= 390
    assert browser.run("document.querySelectorAll('figure.chart').length") == 4
    assert browser.run("document.querySelectorAll('script, img, iframe').length") == 0
    assert (browser.complaints, browser.requests) == ([], [])
