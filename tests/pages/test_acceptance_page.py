"""The page of an acceptance: one file with all its checks."""

from __future__ import annotations

import re

import pytest

from netcadence.report.page import keep_acceptance_page
from netcadence.report.page.acceptance import acceptance_page


@pytest.fixture(scope="module")
def page(acceptance):
    return acceptance_page(acceptance, pages={"run-tcp-50-50": "run-tcp-50-50.html"}, lake="s3://bucket/lake")


def test_it_opens_with_the_verdict_and_a_row_for_each_check(page):
    head, _, rest = page.partition("<main")
    assert "Not accepted: 0 of 3 checks passed, 1 not applicable." in head
    rows = re.findall(r'<tr.*?<span class="badge (\w+)">(.*?)</span>', head, re.DOTALL)
    assert rows == [
        ("FAIL", "FAIL"),
        ("INVALID", "INVALID"),
        ("NOT_APPLICABLE", "N/A"),
        ("NOT_APPLICABLE", "N/A"),
        ("PASS", "RANG"),
        ("FAIL", "FAIL"),
    ]
    assert "≥ 1,000 KBytes/s" in head
    assert "s3://bucket/lake" in rest


def test_each_run_has_its_plots_under_names_of_its_own_or_says_why_there_are_none(page):
    main = page.partition("<main")[2]
    runs = main.split('<summary><span class="badge')[1:]
    assert [run.count('<figure class="chart"') > 0 for run in runs] == [True, False, False, True]
    assert "it said" in runs[1]
    names = re.findall(r' id="([^"]+)"', page)
    assert len(names) == len(set(names))


def test_it_leads_to_the_pages_of_runs_that_are_beside_it_and_to_no_other(acceptance, tmp_path):
    (tmp_path / "run-tcp-50-50.html").write_text("there")
    address = keep_acceptance_page(acceptance, "", tmp_path / "acceptance.html")
    page = (tmp_path / "acceptance.html").read_text(encoding="utf-8")
    assert address == (tmp_path / "acceptance.html").as_uri()
    assert re.findall(r'<a href="([^#"]+)"', page) == ["run-tcp-50-50.html"]


def test_what_a_cluster_and_a_profile_say_is_text_and_nothing_else(page):
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page
