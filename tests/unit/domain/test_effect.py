"""From what a prober saw to how long a change took to have its effect."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from netcadence import scenario
from netcadence.change import ChangeMade
from netcadence.effect import with_effect
from netcadence.pair import Pair, WorkerPod
from netcadence.record import PairOutcome
from netcadence_worker.contract import ClockReading, Mark, ProbeSpan, Reason, Result, Stall

MADE_AT = datetime(2026, 1, 31, 12, tzinfo=UTC)
MADE = ChangeMade(MADE_AT, uncertainty_s=0.01)
PAIR = Pair(0, WorkerPod("a", "1", "198.18.0.1", "n0"), WorkerPod("b", "2", "198.18.0.2", "n1"), 5001)
#: The client's clock is so many seconds behind.
BEHIND_S = 100.0


def seen(*spans):
    """Return what a prober reports: state, from and to in ms since the change, attempts."""

    def instant(ms):
        return MADE_AT + timedelta(milliseconds=ms) - timedelta(seconds=BEHIND_S)

    return PairOutcome(
        PAIR,
        results=(Result.of("probe_attempts", sum(span[3] for span in spans)),),
        clock=ClockReading(reference="r", offset=BEHIND_S, uncertainty=0.002),
        spans=tuple(
            ProbeSpan(reachable=state, first_at=instant(first), last_at=instant(last), attempts=attempts)
            for state, first, last, attempts in spans
        ),
    )


def judged(name, outcome, made=MADE):
    return with_effect(outcome, scenario.find(name), made)


def figures(outcome):
    names = ("effect_after", "probe_leaks", "probe_flaps")
    return tuple(outcome.value(name) for name in names)


def test_a_service_is_there_from_its_first_answer_on():
    """The time is from the request for the change; how exactly it is known is the sum of what may be off."""
    outcome = judged("service-cluster-ip-tcp", seen((False, -300, 42, 70), (True, 47.5, 2050, 400)))
    assert figures(outcome) == pytest.approx((47.5, 0, 0))
    assert outcome.value("effect_uncertainty") == pytest.approx(10 + 2 + 5)
    assert outcome.marks == ()


def test_a_flicker_comes_before_the_effect_and_a_gap_after_it_is_a_flap():
    spans = ((False, -300, 10, 60), (True, 15, 40, 5), (False, 45, 90, 9), (True, 95, 900, 160))
    outcome = judged("service-cluster-ip-tcp", seen(*spans, (False, 905, 915, 3), (True, 920, 2100, 9)))
    assert figures(outcome) == pytest.approx((95, 0, 3))


def stalled(outcome, *spans):
    """Return it with what the server reported of itself: from and to in ms since the change."""
    times = ([MADE_AT + timedelta(milliseconds=each) for each in span] for span in spans)
    return replace(outcome, stalls=tuple(Stall(from_at=begin, until_at=end) for begin, end in times))


def test_a_gap_in_which_the_server_did_not_run_is_no_flap_and_is_marked():
    spans = ((False, -300, 42, 70), (True, 47, 400, 70), (False, 405, 900, 100), (True, 905, 2100, 300))
    outcome = stalled(seen(*spans), (402, 1906))
    found = judged("service-cluster-ip-tcp", outcome)
    assert figures(found) == pytest.approx((47, 0, 0))
    assert found.marks == (Mark.SERVER_STALLED,)


@pytest.mark.parametrize("stall", [(-250, 30), (500, 1906), (402, 800)])
def test_a_gap_that_a_stall_explains_only_in_part_is_a_flap(stall):
    spans = ((False, -300, 42, 70), (True, 47, 400, 70), (False, 405, 900, 100), (True, 905, 2100, 300))
    found = judged("service-cluster-ip-tcp", stalled(seen(*spans), stall))
    assert figures(found) == pytest.approx((47, 0, 100))
    assert found.marks == ()


def test_a_server_that_did_not_run_is_no_effect_of_a_policy():
    spans = ((True, -300, 80, 76), (False, 85, 400, 60), (True, 405, 500, 20), (False, 505, 3600, 600))
    found = judged("policy-deny", stalled(seen(*spans), (82, 1402)))
    assert figures(found) == pytest.approx((505, 0, 0))
    assert found.marks == (Mark.SERVER_STALLED,)


def test_what_gets_through_a_policy_that_denies_is_a_leak():
    outcome = judged("policy-deny", seen((True, -300, 80, 76), (False, 85, 900, 160), (True, 905, 910, 2)))
    assert figures(outcome) == pytest.approx((85, 2, 0))


def test_a_policy_that_never_denies_has_no_effect_and_leaks_throughout():
    """The time is that until the end, so that no percentile looks better than it is, and it is marked."""
    outcome = judged("policy-deny", seen((True, -300, 9_700, 2_000)))
    assert figures(outcome) == pytest.approx((9_700, 2_000, 0))
    assert outcome.marks == (Mark.NO_EFFECT,)


def test_what_was_reachable_before_it_was_allowed_shows_no_effect():
    """As where policies are not enforced at all: nothing that was seen is the change's doing."""
    outcome = judged("policy-allow", seen((True, -300, 9_700, 2_000)))
    assert figures(outcome) == pytest.approx((9_700, 2_000, 0))
    assert outcome.marks == (Mark.NO_EFFECT,)


def test_what_a_load_balancer_answers_at_the_first_attempt_may_have_been_there_since_it_had_its_address():
    made = ChangeMade(MADE_AT, uncertainty_s=0.01, assigned_after_s=0.2)
    outcome = judged("load-balancer", seen((True, 1_400, 3_400, 400)), made)
    assert figures(outcome) == pytest.approx((1_400, 0, 0))
    assert outcome.value("assigned_after") == pytest.approx(200)
    assert outcome.value("effect_uncertainty") == pytest.approx(10 + 2 + 5 + 1_200)


def test_a_change_that_was_not_made_leaves_no_figure():
    outcome = judged("policy-deny", seen((True, -300, 9_700, 2_000)), None)
    assert (outcome.results, outcome.error.reason) == ((), Reason.RESULT_MISSING)


def test_other_tools_outcomes_stay_as_they_are():
    outcome = PairOutcome(PAIR, results=(Result.of("throughput", 1.0),))
    assert judged("tcp-1:1", outcome, None) is outcome


def test_what_a_new_pod_sees_is_timed_from_its_own_first_attempt():
    """One that is denied leaks what gets through at first; one that is allowed waits for its first answer."""
    denied = judged("policy-new-pod", seen((True, -3_000, -2_800, 40), (False, -2_750, 3_000, 999)), None)
    assert figures(denied) == pytest.approx((250, 40, 0))
    waiting = seen((False, -3_000, -2_650, 70), (True, -2_600, 3_000, 999))
    allowed = judged("policy-new-pod", replace(waiting, pair=replace(PAIR, index=1)), None)
    assert figures(allowed) == pytest.approx((400, 0, 0))
    assert allowed.value("effect_uncertainty") == pytest.approx(5)


def test_a_new_pod_that_is_let_in_although_it_is_denied_sees_no_effect():
    outcome = judged("policy-new-pod", seen((True, -3_000, 3_000, 1_200)), None)
    assert (outcome.marks, outcome.value("probe_leaks")) == ((Mark.NO_EFFECT,), 1_200)
