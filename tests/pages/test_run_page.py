"""The page of a run, as text: what it says, in which order, and that nothing in it is believed."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from netcadence.record import Judgement, Verdict
from netcadence.report.page import run_page
from netcadence.report.page.pairs import by_second, sorted_pairs
from netcadence_worker.contract import Interval, Reason, ReportedError
from tests.pages.conftest import HOSTILE, outcome

#: What our templates have, and no other element gets in.
ELEMENTS = set(
    re.findall(
        r"\w+",
        "html head meta link title style body a header h1 h2 h3 span p time section table caption thead "
        "tbody tr th td small "
        "dl div dt dd ul li main figure figcaption svg path details summary abbr pre footer i",
    )
)


class Elements(HTMLParser):
    """Notes which elements and attributes a page has, and its text by element."""

    def __init__(self, page):
        super().__init__()
        self.names, self.attributes, self.links, self.text = set(), set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def page(many, make_judgement, make_past):
    return run_page(many, make_judgement(), history=make_past(10), lake="s3://bucket/lake")


def test_verdicts_stand_before_plots_and_plots_before_details(page):
    places = [
        page.index(text) for text in ('class="hero PASS"', "Throughput Perc50", 'class="chart"', "All pairs")
    ]
    assert places == sorted(places)
    assert "The threshold is met." in page


def test_a_page_of_fifty_pairs_is_small(page):
    assert len(page.encode()) < 150_000


def test_each_plot_says_in_words_and_in_a_table_what_it_shows(page):
    charts = page.split('<figure class="chart"')[1:]
    assert len(charts) == 4
    for chart in charts:
        assert 'role="img" aria-labelledby=' in chart
        assert " aria-describedby=" in chart
        assert "<caption>" in chart
    assert " over 50 pairs, median " in charts[0]
    assert "10 runs since 2026-01-22" in page


def test_pairs_are_sorted_and_those_beyond_the_threshold_told(make_record, make_judgement):
    record = make_record(outcome(0, 3000.0), outcome(1, 500.0), outcome(2, 2000.0), outcome(3))
    (chart,) = sorted_pairs(record, make_judgement(Verdict.FAIL))
    assert [row[0] for row in chart.table.rows] == ["1", "2", "0"]
    assert [shape.kind for shape in chart.shapes] == ["bar bad", "bar", "bar"]
    assert chart.said == (
        "From 500 KBytes/s to 3,000 KBytes/s over 3 pairs, median 2,000 KBytes/s. "
        "1 of 4 pairs has no figure. One of them is beyond the threshold, ≥ 1,000 KBytes/s, "
        "which is one for Perc50."
    )


def test_what_nobody_asked_for_is_shown_of_each_pair_all_the_same(many):
    page = run_page(many, Judgement(Verdict.INVALID, ()))
    assert "Throughput, pair by pair" in page
    assert "Throughput, KBytes/s" in page.partition("All pairs")[2]


def test_a_second_that_only_stragglers_tell_of_has_no_median(make_record):
    late = Interval(start=10, end=11, values={"throughput": 9e6})
    outcomes = [outcome(number, 70_000.0) for number in range(5)]
    outcomes[0] = replace(outcomes[0], intervals=(*outcomes[0].intervals, late))
    (chart,) = by_second(make_record(*outcomes))
    assert "second 11" not in chart.said
    assert chart.table.rows[-1][:2] == ("11", "1")


def test_a_threshold_far_off_is_said_and_does_not_flatten_the_figures(many, make_judgement):
    (chart,) = sorted_pairs(many, make_judgement(Verdict.FAIL, threshold=9e9))
    (rule,) = chart.rules
    assert rule.beyond == "above"
    assert max(float(tick.text.replace(",", "")) for tick in chart.y_ticks) < 200_000


def test_a_thousand_pairs_are_drawn_as_one_and_their_table_says_what_is_not_shown(
    make_record, make_judgement
):
    record = make_record(*(outcome(index, 1000.0 + index) for index in range(1000)))
    page = run_page(record, make_judgement())
    assert len(page.encode()) < 500_000
    assert "and 800 more rows, which the lake has" in page


@pytest.mark.parametrize("text", HOSTILE[:5])
def test_what_a_cluster_calls_its_things_is_text_wherever_it_stands(hostile, text):
    assert any(text in told for told in Elements(hostile).text)


def test_no_name_brings_an_element_a_handler_or_an_address_onto_the_page(hostile):
    found = Elements(hostile)
    assert found.names <= ELEMENTS
    assert not [name for name in found.attributes if name.startswith("on")]
    assert set(found.links) == {"#main", "data:,"}
    assert "\x00" not in hostile
    assert "\x1b" not in hostile


def test_a_page_forbids_itself_whatever_is_not_on_it(page):
    assert "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:;" in page


def test_a_run_without_any_figure_shows_why(make_record, make_judgement):
    record = make_record(outcome(0), outcome(1), outcome(2))
    page = run_page(record, make_judgement(Verdict.INVALID, value=None))
    assert 'class="chart"' not in page
    assert "ConnectionRefused" in page
    assert "The measurement does not hold, whatever its figures say" in page


def test_what_a_cluster_does_not_offer_is_neither_green_nor_red(make_record, make_judgement):
    error = ReportedError.of(Reason.NOT_APPLICABLE, "nobody gives a Service an address")
    pair = outcome(0)
    record = make_record(type(pair)(pair.pair, error=error))
    page = run_page(record, make_judgement(Verdict.NOT_APPLICABLE, value=None))
    assert 'class="hero NOT_APPLICABLE"' in page
    assert "nobody gives a Service an address" in page
