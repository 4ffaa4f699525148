"""Thresholds beside history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcadence import sla
from netcadence.lake import Lake
from netcadence.promise.backtest import judge
from netcadence.promise.proposal import as_yaml, propose, threshold_for
from netcadence.sla import VOCABULARY
from netcadence.trends.history import Query
from tests.unit.trends.conftest import FIRST, fill, noise_of

EVERYTHING = Query()
NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Ninety nights of two pairs; the last twenty carry a fifth less."""
    nights = 1000 * np.sqrt(noise_of(180, 7)).reshape(90, 2)
    nights[70:] *= 0.8
    return fill(Lake(tmp_path_factory.mktemp("history")), nights)


@pytest.fixture
def suite_of(tmp_path):
    def suite_of(text):
        file = tmp_path / "sla.yaml"
        file.write_text(text)
        return sla.load(file)

    return suite_of


def test_a_suite_is_held_against_every_run(history, suite_of):
    found = judge(history, suite_of("scenarios:\n  'tcp-*': {throughput_min_kbytes: 900}\n"), EVERYTHING)
    (test,) = found.tests
    rows = history.results().groupby("run_id")["value"].min()  # of two pairs Perc50 is the smaller one
    assert {each.run_id for each in test.fired} == set(rows[rows < 900].index)
    assert found.fired == len(test.fired) >= 20
    assert str(test) == f"would have fired {len(test.fired)} times in 90 days (90 runs)"
    assert test.worst == rows.min()


def test_a_window_of_the_history_can_be_chosen(history, suite_of):
    asked = suite_of("scenarios:\n  'tcp-1:1': {throughput_min_kbytes: 1}\n")
    (test,) = judge(history, asked, Query(since=FIRST + timedelta(days=80))).tests
    assert (test.runs, test.days, test.fired) == (10, 10, ())
    assert str(test) == "would never have fired in 10 days (10 runs)"


def test_what_a_suite_does_not_ask_of_is_said(history, suite_of, tmp_path):
    found = judge(history, suite_of("scenarios:\n  'udp-*': {jitter_max_ms: 5}\n"), EVERYTHING)
    assert (found.tests, found.unasked) == ((), ("tcp-1:1",))
    assert found.why_empty.endswith("asks nothing that these runs have measured")
    empty = judge(
        Lake(tmp_path / "none"), suite_of("scenarios:\n  'udp-*': {jitter_max_ms: 5}\n"), EVERYTHING
    )
    assert empty.why_empty.endswith("holds no run")


def test_thresholds_are_learned_from_what_was_normal_and_tested_on_all(history):
    suite = propose(history, EVERYTHING, alarms_a_month=1)
    proposal = next(each for each in suite.proposals if each.requirement.name == "throughput_min_kbytes")
    assert proposal.learned_from == pytest.approx(70, abs=2)
    before = [each for each in proposal.tests[0].fired if each.at < FIRST + timedelta(days=68)]
    assert len(before) <= 2
    assert proposal.fired >= 15
    assert 820 < proposal.requirement.threshold < 1000


def test_the_proposed_file_is_one_that_a_run_can_be_judged_by(history, suite_of):
    suite = propose(history, EVERYTHING, alarms_a_month=1)
    text = as_yaml(suite, lake=history.url, made_at=NOW)
    asked = {each.name: each.threshold for each in suite_of(text).asked_of("tcp-1:1")}
    assert asked == {each.requirement.name: each.requirement.threshold for each in suite.proposals}
    assert f"# prod: would have fired {suite.proposals[0].fired} times in 90 days (90 runs)" in text
    again = judge(history, suite_of(text), EVERYTHING)
    assert again.fired == sum(each.fired for each in suite.proposals)


def test_too_little_history_proposes_nothing_and_says_why(tmp_path):
    lake = fill(Lake(tmp_path), [[1000.0]] * 4)
    suite = propose(lake, EVERYTHING, alarms_a_month=1)
    assert suite.proposals == ()
    assert suite.withheld[0].why == "4 runs are too few to learn from; 10 are needed"
    assert propose(Lake(tmp_path / "none"), EVERYTHING, alarms_a_month=1).why_empty.endswith("holds no run")


@given(
    st.lists(st.floats(0.001, 1e6), min_size=1, max_size=60),
    st.integers(1, 400),
    st.floats(0, 5),
    st.sampled_from(["throughput_min_kbytes", "jitter_max_ms", "leaks_max"]),
)
def test_a_threshold_fires_no_more_often_than_was_asked(values, days, alarms, name):
    term, figures = VOCABULARY[name], np.array(values)
    found = threshold_for(term, figures, days, alarms)
    missed = figures < found if name.endswith("min_kbytes") else figures > found
    # What the vocabulary does not let be asked is capped, and fires more.
    assert missed.sum() <= alarms * days / 30 or found == term.highest


def test_of_losses_that_were_always_none_nothing_can_be_learned_but_of_leaks_it_can():
    none = np.zeros(50)
    assert threshold_for(VOCABULARY["packet_loss_max_percent"], none, 50, 1) == (
        "the figures it would be learned from are not above 0"
    )
    assert threshold_for(VOCABULARY["leaks_max"], none, 50, 1) == 0
