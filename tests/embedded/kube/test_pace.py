"""How fast requests go out: what a run needs at once goes at once, and more than is polite does not."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from netcadence.kube.pace import Backoff, Pace


def seconds_of(function):
    begun = time.monotonic()
    function()
    return time.monotonic() - begun


def wait_often(pace, times):
    with ThreadPoolExecutor(8) as callers:
        list(callers.map(lambda _: pace.wait(), range(times)))


def test_what_arming_fifty_pairs_takes_is_not_slowed():
    slow = Pace(per_s=0.01)
    assert seconds_of(lambda: wait_often(slow, 150)) < 50


def test_beyond_the_burst_requests_go_out_at_the_rate():
    pace = Pace(per_s=20, burst=5)
    assert seconds_of(lambda: wait_often(pace, 15)) > 0.45


def test_a_rest_earns_a_burst_again_and_no_more_than_that():
    pace = Pace(per_s=1_000, burst=2)
    wait_often(pace, 2)
    time.sleep(0.05)
    assert 0 <= pace._tokens <= 2
    pace.wait()
    assert pace._tokens > 0


def test_while_the_server_wants_to_be_left_alone_nobody_asks():
    pace = Pace()
    pace.hold(0.4)
    assert seconds_of(lambda: wait_often(pace, 8)) > 0.39
    assert pace.held_s == 0


def test_a_shorter_wish_does_not_cut_a_longer_one_short_and_none_lasts_for_ever():
    pace = Pace()
    pace.hold(3_600)
    pace.hold(0)
    assert 25 < pace.held_s <= 30


def test_pauses_grow_to_two_seconds_and_begin_anew():
    backoff = Backoff()
    pauses = [backoff.next_s() for _ in range(12)]
    assert pauses[0] <= 0.05
    assert all(1 <= pause <= 2 for pause in pauses[6:])
    backoff.reset()
    assert backoff.next_s() <= 0.05
