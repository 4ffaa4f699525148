"""What checks add up to: nothing that is required and did not pass is ever accepted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcadence.acceptance.outcome import combined, counting, rang
from netcadence.acceptance.profile import Level
from netcadence.record import Verdict

CHECKS = st.lists(st.tuples(st.sampled_from(Level), st.sampled_from(Verdict)), max_size=12)


@given(CHECKS, st.booleans())
def test_nothing_is_accepted_with_a_required_check_that_did_not_pass(checks, strict):
    """Nor without any, whatever else there is."""
    required = [verdict for level, verdict in checks if level is Level.REQUIRED]
    if any(verdict is not Verdict.PASS for verdict in required):
        assert combined(checks, strict=strict) is not Verdict.PASS
    if not required and not strict:
        assert combined(checks, strict=strict) is Verdict.INVALID


@given(CHECKS)
def test_strict_never_accepts_what_would_not_be_accepted_otherwise(checks):
    if any(level is Level.REQUIRED for level, _ in checks) and combined(checks, strict=True) is Verdict.PASS:
        assert combined(checks, strict=False) is Verdict.PASS


@given(CHECKS, st.sampled_from(Verdict), st.booleans())
def test_an_optional_check_changes_nothing(checks, verdict, strict):
    assert combined([*checks, (Level.OPTIONAL, verdict)], strict=strict) is combined(checks, strict=strict)


@given(st.sampled_from([Verdict.FAIL, Verdict.INVALID, Verdict.INCONCLUSIVE]), st.booleans())
def test_a_recommended_check_counts_only_where_it_is_strict(verdict, strict):
    checks = [(Level.REQUIRED, Verdict.PASS), (Level.RECOMMENDED, verdict)]
    assert combined(checks, strict=strict) is (verdict if strict else Verdict.PASS)


@given(CHECKS, st.booleans())
def test_the_verdict_is_always_one_that_an_exit_code_knows(checks, strict):
    assert combined(checks, strict=strict) in (
        Verdict.PASS,
        Verdict.FAIL,
        Verdict.INCONCLUSIVE,
        Verdict.INVALID,
    )


def test_what_counts_is_the_graver_of_two():
    checks = [(Level.REQUIRED, Verdict.FAIL), (Level.REQUIRED, Verdict.INVALID)]
    assert combined(checks, strict=False) is Verdict.INVALID
    assert counting(Level.OPTIONAL, Verdict.FAIL, strict=True) is None


def test_two_checks_of_one_measurement_have_verdicts_of_their_own(accepted, programme):
    """A figure may reach one threshold and miss the other."""
    first = programme.measurements[0]
    found = accepted()
    both = found.results[:2]
    judgement = both[0].measured.judgement
    missed = replace(judgement.findings[2], verdict=Verdict.FAIL)
    measured = replace(
        both[0].measured, judgement=replace(judgement, findings=(*judgement.findings[:2], missed))
    )
    from netcadence.acceptance.outcome import results_of  # noqa: PLC0415 - only here

    assert [each.verdict for each in results_of(measured)] == [Verdict.PASS, Verdict.FAIL]
    assert first.requirements[1].name == both[1].findings[0].requirement


def test_all_passed_and_the_alarm_rang_is_accepted(accepted):
    found = accepted()
    assert found.verdict is Verdict.PASS
    assert list(found.reasons()) == []
    assert rang(found.canary)


def test_a_required_check_that_fails_is_named(accepted):
    found = accepted({("tcp-1:1", "throughput_min_kbytes"): Verdict.FAIL})
    assert found.verdict is Verdict.FAIL
    assert "not accepted: required check 'bandwidth' is FAIL" in list(found.reasons())


def test_data_that_cannot_be_believed_makes_each_of_its_checks_invalid(accepted):
    """Whatever the figures are."""
    found = accepted(unsound=("tcp-1:1",))
    assert [each.verdict for each in found.results[:2]] == [Verdict.INVALID, Verdict.INVALID]
    assert found.results[0].detail.startswith("pairs measured: 1 of 1 pairs have no result")
    assert found.verdict is Verdict.INVALID


def test_a_measurement_that_ended_without_a_verdict_is_invalid_and_says_why(accepted):
    found = accepted(errors={"tcp-1:1": "The API server does not answer"})
    assert found.verdict is Verdict.INVALID
    assert {each.detail for each in found.results[:2]} == {"The API server does not answer"}


def test_a_recommended_check_that_fails_is_warned_of(accepted):
    found = accepted({("udp-1:1", "jitter_max_ms"): Verdict.FAIL})
    assert found.verdict is Verdict.PASS
    assert list(found.reasons()) == ["warning: recommended check 'quality' is FAIL"]


def test_what_is_not_applicable_is_said_and_no_pass(accepted):
    found = accepted(inapplicable={"udp-1:1": "no UDP here"})
    assert found.results[2].verdict is Verdict.NOT_APPLICABLE
    assert found.results[2].detail == "no UDP here"
    assert found.verdict is Verdict.PASS
    assert list(found.reasons()) == ["for information: recommended check 'quality' is N/A"]


def test_a_required_check_that_is_not_applicable_leaves_open_what_had_to_be_shown(accepted):
    found = accepted(inapplicable={"tcp-1:1": "no TCP here"})
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "not accepted: required check 'bandwidth' is N/A" in list(found.reasons())


@given(st.booleans())
def test_what_is_not_applicable_counts_for_required_checks_only(strict):
    passing = (Level.REQUIRED, Verdict.PASS)
    for level in (Level.RECOMMENDED, Level.OPTIONAL):
        assert combined([passing, (level, Verdict.NOT_APPLICABLE)], strict=strict) is Verdict.PASS


@pytest.mark.parametrize(
    "came_to", [Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.INVALID, Verdict.NOT_APPLICABLE]
)
def test_where_the_alarm_did_not_ring_nothing_is_accepted(accepted, came_to):
    found = accepted(canary=came_to)
    assert found.verdict is Verdict.INVALID
    (reason,) = found.reasons()
    assert reason.startswith("the alarm did not ring: tcp-1:1-canary has a planted cap")


def test_what_was_cut_short_is_not_accepted(accepted):
    found = accepted(stopped="KeyboardInterrupt()")
    assert found.verdict is Verdict.INVALID
    assert list(found.reasons()) == ["stopped: KeyboardInterrupt()"]


def test_the_time_of_traffic_is_that_of_the_tools(accepted):
    """Planned are 10 s for each of three scenarios, and 2 s for the canary."""
    assert accepted().traffic_s == pytest.approx(32.4)
    assert accepted(errors={"udp-1:1": "no worker"}).traffic_s == pytest.approx(22.3)
