"""From two workers' reports to one outcome."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcadence.outcome import has_failed, is_armed, is_settled, outcome_of
from netcadence.pair import Pair, WorkerPod
from netcadence_worker.contract import (
    ClockReading,
    Mark,
    Phase,
    Reason,
    ReportedError,
    RequestStatus,
    Result,
    Role,
    SideStatus,
)

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
PAIR = Pair(
    index=0,
    client=WorkerPod("a", "1", "198.18.0.1", "node-0"),
    server=WorkerPod("b", "2", "198.18.0.2", "node-1"),
    port=5001,
)
FIGURES = (Result.of("transferred", 10.0), Result.of("throughput", 1.0))


def side(phase, *, after_s=0.0, reason=None, ended_s=10.0, clock=None):
    return SideStatus(
        phase=phase,
        started_at=START + timedelta(seconds=after_s),
        ended_at=START + timedelta(seconds=ended_s),
        clock=clock,
        error=ReportedError(reason=reason, message="words") if reason else None,
    )


def test_two_sides_that_succeeded_give_the_figures():
    """The reporter's results become the outcome."""
    status = RequestStatus(
        phase=Phase.SUCCEEDED, client=side(Phase.SUCCEEDED), server=side(Phase.SUCCEEDED), results=FIGURES
    )
    outcome = outcome_of(PAIR, status, start=START)
    assert outcome.measured
    assert outcome.value("throughput") == 1.0


def test_figures_beside_a_failed_client_are_not_passed_on():
    """A server that counted bytes of a client that failed has not measured what was asked."""
    status = RequestStatus(
        client=side(Phase.FAILED, reason=Reason.TOOL_FAILED), server=side(Phase.SUCCEEDED), results=FIGURES
    )
    outcome = outcome_of(PAIR, status, start=START)
    assert outcome.results == ()
    assert outcome.error.reason is Reason.TOOL_FAILED


def test_a_lost_worker_is_the_cause_whatever_the_other_side_says():
    """The peer of a lost worker sees only consequences."""
    status = RequestStatus(client=side(Phase.RUNNING), server=side(Phase.FAILED, reason=Reason.PARSE_FAILED))
    outcome = outcome_of(PAIR, status, start=START, lost=(Role.CLIENT, "worker a was deleted"))
    assert outcome.error.reason is Reason.POD_LOST
    assert "worker a was deleted" in outcome.error.message


def test_figures_that_came_after_the_loss_of_a_worker_are_not_taken():
    """They are of another worker, which came up in its place."""
    status = RequestStatus(client=side(Phase.SUCCEEDED), server=side(Phase.SUCCEEDED), results=FIGURES)
    outcome = outcome_of(PAIR, status, start=START, lost=(Role.CLIENT, "worker a ended with exit code 137"))
    assert outcome.results == ()
    assert outcome.error.reason is Reason.POD_LOST


@pytest.mark.parametrize(
    ("client_s", "server_s", "marks"),
    [(0.0, 0.0, ()), (-3.0, -3.0, ()), (0.0015, 0.0, ()), (-3.0, 0.0, (Mark.CLOCKS_DISAGREE,))],
    ids=["same", "both wrong alike", "within what is uncertain", "one wrong"],
)
def test_clocks_that_were_measured_apart_mark_the_result(client_s, server_s, marks):
    """A latency that is too long by their distance looks like any other."""
    clocks = [ClockReading(reference="r", offset=each, uncertainty=0.0003) for each in (client_s, server_s)]
    status = RequestStatus(
        client=side(Phase.SUCCEEDED, clock=clocks[0]),
        server=side(Phase.SUCCEEDED, clock=clocks[1]),
        results=FIGURES,
    )
    assert outcome_of(PAIR, status, start=START).marks == marks


def test_the_side_that_failed_for_a_reason_of_its_own_is_the_cause():
    """PeerFailed points to the other side."""
    status = RequestStatus(
        client=side(Phase.FAILED, reason=Reason.PEER_FAILED, ended_s=1),
        server=side(Phase.FAILED, reason=Reason.TOOL_TIMEOUT, ended_s=2),
    )
    outcome = outcome_of(PAIR, status, start=START)
    assert outcome.error.reason is Reason.TOOL_TIMEOUT
    assert outcome.error.message.startswith("server: ")


def test_of_two_causes_the_first_in_time_counts():
    """What failed first explains what failed later."""
    status = RequestStatus(
        client=side(Phase.FAILED, reason=Reason.CONNECTION_REFUSED, ended_s=1),
        server=side(Phase.FAILED, reason=Reason.TOOL_TIMEOUT, ended_s=20),
    )
    assert outcome_of(PAIR, status).error.reason is Reason.CONNECTION_REFUSED


def test_silence_is_a_missing_result_that_says_what_was_seen_last():
    """Nothing reported is an error row, never a zero."""
    status = RequestStatus(client=side(Phase.RUNNING), server=side(Phase.RUNNING))
    outcome = outcome_of(PAIR, status)
    assert outcome.error.reason is Reason.RESULT_MISSING
    assert "client Running, server Running" in outcome.error.message


def test_silence_in_a_run_that_was_stopped_says_so():
    """The run's own trouble explains pairs that have none of their own."""
    trouble = ReportedError(reason=Reason.INTERRUPTED, message="stopped")
    assert outcome_of(PAIR, None, otherwise=trouble).error == trouble


def test_the_start_is_corrected_by_the_client_s_clock():
    """A client whose clock is 3 s behind, and says so, started on time."""
    clock = ClockReading(reference="b", offset=3.0, uncertainty=0.001)
    status = RequestStatus(client=side(Phase.RUNNING, after_s=-2.99, clock=clock))
    assert outcome_of(PAIR, status, start=START).start_offset_s == pytest.approx(0.01)


sides = st.builds(
    side, st.sampled_from(Phase), reason=st.none() | st.sampled_from(Reason), ended_s=st.floats(0, 100)
)


@given(
    client=st.none() | sides,
    server=st.none() | sides,
    results=st.sampled_from([(), FIGURES]),
    lost=st.none() | st.tuples(st.sampled_from(Role), st.text(max_size=10)),
)
def test_every_report_yields_figures_or_an_error(client, server, results, lost):
    """Whatever two workers say, a pair is never without an outcome."""
    status = RequestStatus(client=client, server=server, results=results)
    outcome = outcome_of(PAIR, status, start=START, lost=lost)
    assert outcome.measured == (outcome.error is None) == bool(outcome.results)


@given(client=sides, server=sides)
def test_no_request_is_both_armed_and_settled(client, server):
    """The phases of a request exclude each other."""
    status = RequestStatus(client=client, server=server)
    assert not (is_armed(status) and (is_settled(status) or has_failed(status)))


def drifting(before_s, after_s, *, uncertainty=0.0001, lasted_s=20.0):
    """A client whose clock was measured ten seconds before its start, and again after `lasted_s`."""
    readings = {
        name: ClockReading(
            reference="b", offset=offset, uncertainty=uncertainty, at=START + timedelta(seconds=at_s)
        )
        for name, offset, at_s in (("clock", before_s, -10.0), ("clock_after", after_s, lasted_s - 10.0))
    }
    return side(Phase.SUCCEEDED).model_copy(update=readings)


def test_the_start_is_corrected_by_what_the_clock_had_drifted_to_by_then():
    """Half way between two measurements half of the drift has happened."""
    status = RequestStatus(client=drifting(0.004, 0.012))
    assert outcome_of(PAIR, status, start=START).start_offset_s == pytest.approx(0.008)


def test_a_clock_that_was_set_anew_in_between_leaves_the_start_unknown():
    """No clock drifts by a second in twenty; which of both offsets held at the start nobody can tell."""
    assert outcome_of(PAIR, RequestStatus(client=drifting(0.0, 1.0)), start=START).start_offset_s is None


@given(st.floats(-0.001, 0.001), st.floats(0, 0.001), st.floats(-0.001, 0.001), st.floats(-5e-4, 5e-4))
def test_a_corrected_start_is_as_certain_as_the_worse_of_both_measurements(offset_s, bound_s, error, drift):
    """The truth drifts evenly; each measurement errs by no more than its uncertainty."""
    true_before, true_after = offset_s - 10 * drift, offset_s + 10 * drift
    wrong = max(-bound_s, min(bound_s, error))
    client = drifting(true_before + wrong, true_after - wrong, uncertainty=bound_s)
    found = outcome_of(PAIR, RequestStatus(client=client), start=START).start_offset_s
    assert abs(found - offset_s) <= bound_s + 1e-6
