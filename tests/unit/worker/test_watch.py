"""A watch that never dies, against the ways in which API servers end watches."""

from __future__ import annotations

import time

import pytest

from netcadence_worker import api as api_module
from netcadence_worker.contract import RUNS
from netcadence_worker.watch import Watch

SPEC = {"runID": "run-1", "scenario": "tcp-1:1"}


class Notes:
    """A follower that writes down what it is told."""

    def __init__(self):
        self.names = []
        self.gone = []

    def seen(self, obj):
        self.names.append(obj["metadata"]["name"])
        if obj["spec"] == "stumble":
            raise KeyError("runID")

    def deleted(self, name):
        self.gone.append(name)


@pytest.fixture
def notes():
    return Notes()


@pytest.fixture
def watch(endpoint, notes):
    watch = Watch(endpoint, RUNS, notes)
    watch.start()
    yield watch
    watch.stop()
    watch.join(5)
    assert not watch.is_alive()


def test_sees_what_is_there_and_what_comes(api, watch, notes, wait):
    """Objects from before the watch and changes during it are seen, deletions too."""
    api.put(RUNS, "old", SPEC)
    wait(lambda: "old" in notes.names)
    wait(lambda: watch.established)
    api.put(RUNS, "new", SPEC)
    wait(lambda: "new" in notes.names)
    api.delete(RUNS, "old")
    wait(lambda: notes.gone == ["old"])


def test_selects_by_label(api, endpoint, notes, wait):
    """With a selector only the labelled objects are seen."""
    api.put(RUNS, "other", SPEC)
    api.put(RUNS, "own", SPEC, {"pod.netcadence.io/me": "client"})
    watch = Watch(endpoint, RUNS, notes, selector="pod.netcadence.io/me")
    watch.start()
    wait(lambda: watch.established)
    watch.stop()
    watch.join(5)
    assert set(notes.names) == {"own"}


def test_goes_on_after_a_plain_end_without_listing(api, watch, notes, wait):
    """A stream that ends by itself is taken up where it ended."""
    wait(lambda: watch.established)
    asked = len(api.asked)
    api.cut_watches()
    api.put(RUNS, "a", SPEC)
    wait(lambda: "a" in notes.names)
    assert all("watch=true" in path for _, path in api.asked[asked:])


def test_lists_again_when_its_version_is_too_old(api, watch, notes, wait):
    """A 410 inside a 200 leads to a list, which also tells what was deleted meanwhile."""
    api.put(RUNS, "a", SPEC)
    wait(lambda: "a" in notes.names)
    wait(lambda: watch.established)
    with api.changed:
        api.expire()
        del api.objects[RUNS]["a"]
    wait(lambda: notes.gone == ["a"])


def test_tells_a_recreated_object_from_its_predecessor(api, watch, notes, wait):
    """The same name with another UID is a deletion and a new object."""
    api.put(RUNS, "a", SPEC)
    wait(lambda: "a" in notes.names and watch.established)
    with api.changed:
        api.expire()
        del api.objects[RUNS]["a"]
        api.put(RUNS, "a", SPEC)
    wait(lambda: notes.gone == ["a"])
    wait(lambda: notes.names.count("a") >= 2)


def test_gives_up_a_silent_stream(api, watch, notes, wait, monkeypatch):
    """A stream that neither speaks nor ends when it should is left for a new list."""
    monkeypatch.setattr(api_module, "_WATCH_S", (1, 1))
    monkeypatch.setattr(api_module, "_READ_TIMEOUT_S", 0.5)
    wait(lambda: watch.established)
    api.silent = True
    api.cut_watches()
    wait(lambda: not watch.established, seconds=5)
    api.put(RUNS, "a", SPEC)
    wait(lambda: "a" in notes.names)
    api.silent = False


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 503, "headers": {"Retry-After": "0"}},
        {"status": 429, "body": '{"kind":"Status","message":"storage is (re)initializing"}'},
        {"status": 404, "body": "404 page not found", "content_type": "text/plain; charset=utf-8"},
        {"status": 500, "body": "[]"},
        {"status": 200, "body": "not JSON"},
        {"status": 200, "body": "{}"},
    ],
)
def test_tries_again_after_a_refusal(api, watch, notes, wait, answer):
    """Whatever a starting server answers, the list is asked for again."""
    wait(lambda: watch.established)
    api.refusals = [api.Refusal(**answer)] * 2
    api.expire()
    api.put(RUNS, "a", SPEC)
    wait(lambda: "a" in notes.names)
    assert not api.refusals


def test_leaves_a_server_alone_as_long_as_it_asks(api, watch, notes, wait):
    """Retry-After is heeded."""
    wait(lambda: watch.established)
    api.refusals = [api.Refusal(503, {"Retry-After": "1"})]
    api.expire()
    wait(lambda: not api.refusals)
    begun = time.monotonic()
    api.put(RUNS, "a", SPEC)
    wait(lambda: "a" in notes.names)
    assert time.monotonic() - begun > 0.5


def test_comes_back_after_the_server_was_away(api, watch, notes, wait):
    """Connections refused, then a server that knows no old version."""
    wait(lambda: watch.established)
    api.stop()
    wait(lambda: not watch.established)
    assert watch.trouble
    api.start()
    api.put(RUNS, "a", SPEC)
    wait(lambda: "a" in notes.names)
    wait(lambda: watch.established)


def test_reads_a_rotated_token(api, service_account, watch, wait):
    """The token is read anew for each request."""
    wait(lambda: watch.established)
    api.token = "second-token"  # noqa: S105 - of the server in this process
    api.expire()
    wait(lambda: not watch.established)
    assert "401" in watch.trouble
    (service_account / "token").write_text("second-token\n")
    wait(lambda: watch.established)


def test_survives_an_object_that_its_follower_stumbles_over(api, watch, notes, wait):
    """One strange object does not keep the others from being seen."""
    api.put(RUNS, "strange", "stumble")
    api.put(RUNS, "a", SPEC)
    wait(lambda: "a" in notes.names)
    wait(lambda: watch.established)
