"""Following a set of objects: whatever happens to the connection, each change is told once and in order."""

from __future__ import annotations

import itertools
import queue
import threading

import pytest

from netcadence.kube.follow import Change, follow
from netcadence.kube.resource import Resource

CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")


class Followed:
    """The config maps with one label, and what a follower in a thread of its own says about them."""

    def __init__(self, access, label):
        self._access = access
        self._label = label
        self._notices = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self):
        for notice in follow(
            self._access,
            CONFIG_MAP,
            "default",
            selector=f"test={self._label}",
            stopped=self._stopping.is_set,
        ):
            value = notice.object.get("data", {}).get("value", "")
            self._notices.put((notice.change, notice.name, value))

    def create(self, name, value=""):
        metadata = {"name": f"{self._label}-{name}", "labels": {"test": self._label}}
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": value}}
        self._access.create(CONFIG_MAP, body, "default")

    def change(self, name, value):
        self._access.patch(CONFIG_MAP, f"{self._label}-{name}", {"data": {"value": value}}, "default")

    def delete(self, name):
        self._access.delete(CONFIG_MAP, f"{self._label}-{name}", "default")

    def seen(self, name, value=""):
        self._expect(Change.SEEN, name, value)

    def gone(self, name, value=""):
        self._expect(Change.GONE, name, value)

    def _expect(self, change, name, value):
        assert self._notices.get(timeout=20) == (change, f"{self._label}-{name}", value)

    def end(self):
        """Stop to follow, after one more change so that the follower has to notice; nothing else was said."""
        self._stopping.set()
        self.create("end")
        self._thread.join(15)
        assert not self._thread.is_alive()
        left = [self._notices.get() for _ in range(self._notices.qsize())]
        assert left in ([], [(Change.SEEN, f"{self._label}-end", "")])


_numbers = itertools.count()


@pytest.fixture
def followed(access):
    followed = Followed(access, f"follow-{next(_numbers)}")
    yield followed
    followed.end()


def test_what_is_there_and_each_change_are_told_in_order(followed):
    followed.create("a", "1")
    followed.seen("a", "1")
    followed.change("a", "2")
    followed.delete("a")
    followed.seen("a", "2")
    followed.gone("a", "2")


def test_a_watch_that_is_cut_goes_on_where_it_was(followed, cluster):
    for number in range(5):
        followed.create(f"n{number}")
        cluster._command("cut-watches", {})
    for number in range(5):
        followed.seen(f"n{number}")


def test_changes_during_a_restart_are_told_once_though_their_versions_have_expired(followed, cluster):
    for name in ("kept", "changed", "deleted"):
        followed.create(name, "before")
        followed.seen(name, "before")
    cluster.restart_api(0.5)
    followed.delete("deleted")
    followed.change("changed", "after")
    followed.create("new", "after")
    followed.gone("deleted", "before")
    followed.seen("changed", "after")
    followed.seen("new", "after")


def test_a_server_that_falls_silent_and_comes_back_warming_up_is_followed_on(followed, cluster):
    followed.create("a")
    followed.seen("a")
    cluster._command("restart", {"down_s": 0.5, "silent": True, "warming_s": 0.2})
    followed.create("b")
    followed.seen("b")


def test_following_ends_at_its_deadline(access):
    assert list(follow(access, CONFIG_MAP, "default", selector="test=nobody", deadline=0.0)) == []


def test_objects_that_are_known_already_are_no_news(access, followed):
    followed.create("known")
    followed.seen("known")
    selector = f"test={followed._label}"
    known, _ = access.list(CONFIG_MAP, "default", selector=selector)
    followed.create("new")
    followed.seen("new")
    notices = follow(access, CONFIG_MAP, "default", selector=selector, known=known)
    assert next(notices).name == f"{followed._label}-new"
    notices.close()
