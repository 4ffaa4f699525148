"""What is told of several that go on side by side."""

from __future__ import annotations

from tasks.progress import Chapters, Listener


class Told(Listener):
    def __init__(self):
        self.told = []

    def step(self, what):
        self.told.append(what)

    def count(self, done, total):
        self.told.append((done, total))

    def traffic(self, seconds):
        self.told.append(round(seconds))

    def remark(self, what):
        self.told.append(what)


def test_only_the_one_in_front_is_told_of_and_what_it_does_when_it_comes_there():
    listener, front = Told(), 0
    first, second = Chapters(listener, ["tcp-1:1", "udp-1:1"], lambda: front).all
    first.step("deploying")
    second.step("waiting")
    second.remark("late")
    first.count(1, 2)
    front = 1
    first.step("judging")
    second.traffic(10)
    first.count(2, 2)
    assert listener.told == [
        "1 of 2  tcp-1:1  deploying",
        "2 of 2  udp-1:1: late",
        (1, 2),
        "2 of 2  udp-1:1  waiting",
        10,
    ]
