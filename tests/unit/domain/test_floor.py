"""Benchmarks that share a cluster: what would disturb waits, and nothing waits for ever."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netcadence.floor import Floor, Turn


class Diary:
    """What happened, in order."""

    def __init__(self):
        self.entries = []
        self._lock = threading.Lock()

    def note(self, who, what):
        with self._lock:
            self.entries.append((who, what))

    def at(self, who, what):
        return self.entries.index((who, what))


def go(turn, who, diary, *, fails=False, pause_s=0.0):
    """Do what a benchmark does, in a thread of its own."""

    def benchmark():
        with turn:
            turn.set_up()
            diary.note(who, "sets up")
            time.sleep(pause_s)
            if fails:
                turn.give_way()
                return
            turn.deployed()
            diary.note(who, "has its workers")
            turn.staffed()
            turn.begin()
            diary.note(who, "measures")
            turn.under_way(0.0)
            time.sleep(pause_s)
            diary.note(who, "has measured")
            turn.end()
            diary.note(who, "tidies")
            time.sleep(pause_s)
            turn.give_way()
            diary.note(who, "judges")
            diary.note(who, "is done")

    thread = threading.Thread(target=benchmark)
    thread.start()
    return thread


def all_of(floor, diary, **options):
    turns = [
        (f"{number}.{place}", turn)
        for number, wave in enumerate(floor.waves)
        for place, turn in enumerate(wave)
    ]
    threads = [go(turn, who, diary, **options) for who, turn in reversed(turns)]
    for thread in threads:
        thread.join(10)
    assert not any(thread.is_alive() for thread in threads)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=3), min_size=1, max_size=3))
def test_no_wave_measures_beside_what_another_does(sittings):
    """Whatever the waves are, and in whichever order their threads come."""
    diary = Diary()
    all_of(Floor(sittings), diary, pause_s=0.001)
    sizes = [size for sitting in sittings for size in sitting]
    assert len(diary.entries) == 7 * sum(sizes)
    names = [[f"{number}.{place}" for place in range(size)] for number, size in enumerate(sizes)]
    for number, wave in enumerate(names):
        begun = min(diary.at(who, "measures") for who in wave)
        ended = max(diary.at(who, "has measured") for who in wave)
        for other, others in enumerate(names):
            during = {what for who, what in diary.entries[begun:ended] if who in others}
            assert other == number or not during
        assert all(what in ("measures", "has measured") for _, what in diary.entries[begun:ended])


def test_the_next_one_sets_up_while_the_last_one_tidies():
    floor, diary = Floor([[1], [1]]), Diary()
    (first,), (second,) = floor.waves
    with first:
        first.begin()
        first.end()
        thread = go(second, "second", diary)
        deadline = time.monotonic() + 10
        while ("second", "sets up") not in diary.entries:
            assert time.monotonic() < deadline
        assert ("second", "measures") not in diary.entries
    thread.join(10)
    assert diary.entries[-1] == ("second", "is done")


def test_the_next_one_comes_in_once_traffic_is_under_way_and_sets_up_once_it_is_over():
    floor, diary = Floor([[1], [1]]), Diary()
    (first,), (second,) = floor.waves
    inside = threading.Event()

    def come_in():
        with second:
            diary.note("second", "is in")
            inside.set()
            second.set_up()
            diary.note("second", "sets up")

    with first:
        first.begin()
        thread = threading.Thread(target=come_in)
        thread.start()
        assert not inside.wait(0.05)
        first.under_way(0.0)
        assert inside.wait(10)
        diary.note("first", "has measured")
        first.end()
    thread.join(10)
    assert diary.entries == [("second", "is in"), ("first", "has measured"), ("second", "sets up")]


def test_one_that_fails_while_it_sets_up_keeps_nobody_waiting():
    floor, diary = Floor([[2], [1]]), Diary()
    (failing, fellow), (following,) = floor.waves
    threads = [
        go(following, "following", diary),
        go(fellow, "fellow", diary),
        go(failing, "failing", diary, fails=True),
    ]
    for thread in threads:
        thread.join(10)
    assert diary.entries[-1] == ("following", "is done")


def test_when_all_is_to_end_nothing_waits_and_nothing_begins():
    """Whoever waits for its turn is interrupted; whoever measures learns it when it asks, and can tidy up."""
    floor = Floor([[1], [1]])
    (first,), (second,) = floor.waves
    interrupted = []

    def wait():
        try:
            with second:
                pytest.fail("it is not its turn")
        except KeyboardInterrupt:
            interrupted.append(second)

    with first:
        first.begin()
        thread = threading.Thread(target=wait)
        thread.start()
        floor.stop()
        thread.join(10)
        assert interrupted == [second]
        with pytest.raises(KeyboardInterrupt):
            first.require()
        first.end()


def test_a_benchmark_alone_never_waits():
    with Turn.alone() as turn:
        turn.begin()
        turn.require()
        turn.end()


def test_in_front_is_the_first_that_has_not_measured_and_then_the_first_that_is_not_gone():
    floor = Floor([[1], [1]])
    (first,), (second,) = floor.waves
    with first:
        first.begin()
        first.end()
        assert floor.front() == 0
        with second:
            second.set_up()
            assert floor.front() == 1
    assert floor.front() == 1


def test_what_is_set_up_together_measures_in_turn_and_tidies_together():
    """So nobody sets up, or tidies, while another one measures; and the next sitting waits for all of it."""
    diary = Diary()
    all_of(Floor([[1, 1], [1]]), diary, pause_s=0.01)
    assert diary.at("1.0", "sets up") < diary.at("0.0", "measures")
    assert diary.at("0.0", "has measured") < diary.at("1.0", "measures")
    assert diary.at("1.0", "has measured") < diary.at("0.0", "tidies")
    assert diary.at("1.0", "has measured") < diary.at("2.0", "sets up")


def test_who_measures_first_is_given_workers_first():
    diary = Diary()
    all_of(Floor([[2], [2, 1, 1]]), diary, pause_s=0.01)
    staffed = max(diary.at(who, "has its workers") for who in ("1.0", "1.1"))
    assert staffed < min(diary.at(who, "sets up") for who in ("2.0", "3.0"))


def test_one_judges_once_the_next_ones_have_asked_for_their_workers():
    diary = Diary()
    all_of(Floor([[1], [2]]), diary, pause_s=0.01)
    assert max(diary.at("1.0", "sets up"), diary.at("1.1", "sets up")) < diary.at("0.0", "judges")
    assert diary.at("0.0", "is done") < min(diary.at("1.0", "measures"), diary.at("1.1", "measures"))


def test_a_turn_that_has_begun_goes_on():
    with Turn.alone() as turn:
        turn.begin()
        stand = turn.stand
        turn.begin()
        assert turn.stand is stand
