"""Tonight: which clusters are green, and the page that says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from netcadence.record import Verdict
from netcadence.report import overview_as_markdown
from netcadence.tonight import Judged, tonight

NOW = datetime(2026, 11, 25, 6, tzinfo=UTC)


def judged(cluster, verdict, hours_ago, name="tcp-1:1"):
    return Judged(cluster, name, verdict, NOW - timedelta(hours=hours_ago), f"run-{hours_ago}")


def test_a_cluster_is_green_where_all_of_tonight_passed():
    (night,) = tonight([judged("a", Verdict.PASS, 1), judged("a", Verdict.FAIL, 27)], now=NOW)
    assert night.is_green


def test_one_failure_tonight_is_not_made_good_by_a_later_pass():
    (night,) = tonight([judged("a", Verdict.FAIL, 5), judged("a", Verdict.PASS, 1)], now=NOW)
    assert night.verdict is Verdict.FAIL


def test_a_cluster_that_nobody_measured_tonight_is_not_green_and_stands_before_those_that_are():
    nights = tonight(
        [judged("a", Verdict.PASS, 1), judged("old", Verdict.PASS, 60)], expected=["never"], now=NOW
    )
    assert [(each.cluster, each.verdict) for each in nights] == [
        ("never", None), ("old", None), ("a", Verdict.PASS)
    ]  # fmt: skip


def test_the_page_has_a_row_for_each_cluster_and_for_what_was_measured_there():
    nights = tonight(
        [judged("a", Verdict.INVALID, 2), judged("a", Verdict.PASS, 1), judged("old", Verdict.PASS, 60)],
        expected=["never"],
        now=NOW,
    )
    page = overview_as_markdown(nights, now=NOW)
    words = "0 of 3 clusters green; not: **a** INVALID, **never** no run, **old** no run"
    assert page.splitlines()[0] == f"## {words}"
    assert "| a | **INVALID** | 1 of 2 | 2026-11-25 05:00 |" in page
    assert "| never | **no run** | 0 of 0 | never |" in page
    assert "| old | **no run** | 0 of 0 | 2026-11-22 18:00 |" in page
    assert "| tcp-1:1 | 1 of 2 | **INVALID** | run-2 | PASS |" in page


def test_the_heading_names_the_first_of_many_clusters_that_are_not_green():
    nights = tonight([judged("z", Verdict.PASS, 1)], expected=[f"c{number}" for number in range(8)], now=NOW)
    words = overview_as_markdown(nights, now=NOW).splitlines()[0]
    assert words.startswith("## 1 of 9 clusters green; not: **c0** no run, **c1** no run, ")
    assert words.endswith(", **c4** no run and 3 more")
    assert overview_as_markdown(nights[-1:], now=NOW).startswith("## 1 of 1 cluster green\n")
