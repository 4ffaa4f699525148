"""One-way latencies between clocks that are apart: corrected where that can be, and else left as they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from netcadence.outcome import outcome_of
from netcadence.pair import Pair, WorkerPod
from netcadence_worker.contract import ClockReading, Mark, Phase, RequestStatus, Result, SideStatus

BEGUN = datetime(2026, 11, 25, 12, tzinfo=UTC)
PAIR = Pair(
    0, client=WorkerPod("c", "1", "198.18.0.1", "a"), server=WorkerPod("s", "2", "198.18.0.2", "b"), port=5001
)


def reading(offset_s, uncertainty_s=2e-4, at_s=0.0):
    at = BEGUN + timedelta(seconds=at_s - offset_s)
    return ClockReading(reference="s", offset=offset_s, uncertainty=uncertainty_s, at=at)


def side(offset_s, offset_after_s=None, uncertainty_s=2e-4):
    after = offset_s if offset_after_s is None else offset_after_s
    return SideStatus(
        phase=Phase.SUCCEEDED,
        started_at=BEGUN + timedelta(seconds=1 - offset_s),
        ended_at=BEGUN + timedelta(seconds=11 - offset_s),
        clock=reading(offset_s, uncertainty_s),
        clock_after=reading(after, uncertainty_s, at_s=12.0),
    )


def outcome(client, server, *, latencies=(0.1, 0.05, 0.4), marks=()):
    names = ("latency_avg", "latency_min", "latency_max")
    results = tuple(Result.of(*each) for each in zip(names, latencies, strict=True))
    status = RequestStatus(phase=Phase.SUCCEEDED, client=client, server=server, results=results, marks=marks)
    return outcome_of(PAIR, status)


def latencies(outcome):
    return tuple(outcome.value(name) for name in ("latency_avg", "latency_min", "latency_max"))


@pytest.mark.parametrize("fast_s", [3.0, -3.0, 0.002])
def test_a_client_whose_clock_is_off_has_that_taken_out_of_each_latency(fast_s):
    shown = tuple(each - fast_s * 1e3 for each in (0.1, 0.05, 0.4))
    found = outcome(side(-fast_s), side(0.0), latencies=shown)
    assert latencies(found) == pytest.approx((0.1, 0.05, 0.4))
    assert found.marks == (Mark.CLOCKS_CORRECTED,)
    assert found.value("latency_avg_uncorrected") == shown[0]
    assert found.value("latency_uncertainty") == pytest.approx(0.4)


def test_the_servers_clock_counts_the_other_way():
    found = outcome(side(0.0), side(-2.0), latencies=(2000.1, 2000.05, 2000.4))
    assert latencies(found) == pytest.approx((0.1, 0.05, 0.4))


def test_what_clocks_drift_meanwhile_is_counted_to_the_middle_and_makes_it_less_certain():
    found = outcome(side(-0.010, -0.012), side(0.0), latencies=(-10.9, -10.95, -10.6))
    assert found.value("latency_avg") == pytest.approx(0.1, abs=1e-3)
    assert found.value("latency_uncertainty") == pytest.approx(0.4 + 1.0)


def test_clocks_that_agree_are_left_alone():
    found = outcome(side(0.0002), side(0.0))
    assert (latencies(found), found.marks) == ((0.1, 0.05, 0.4), ())
    assert found.value("latency_uncertainty") is None


@pytest.mark.parametrize(
    ("client", "shown"),
    [
        (side(-3.0, 5.0), (-2999.9, -2999.95, -2999.6)),  # set anew in the middle
        (side(-3.0), (-2999.9, -2999.95, -2999.99)),  # the mean is above the most
        (side(-3.0), (-3999.9, -3999.95, -3999.6)),  # a second is missing
        (side(-3.0).model_copy(update={"started_at": None}), (-2999.9, -2999.95, -2999.6)),
    ],
)
def test_what_cannot_be_corrected_is_kept_and_marked_as_before(client, shown):
    found = outcome(client, side(0.0), latencies=shown, marks=(Mark.CLOCKS_DISAGREE,))
    assert (latencies(found), found.marks, found.beside) == (shown, (Mark.CLOCKS_DISAGREE,), ())
