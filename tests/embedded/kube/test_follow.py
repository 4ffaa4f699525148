"""Following a set of objects: whatever happens to the connection, each change is told once and in order."""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
import time

import pytest

from netcadence.kube.access import Access
from netcadence.kube.errors import ApiUnavailableError
from netcadence.kube.follow import Change, follow
from netcadence.kube.resource import Resource
from netcadence.kube.transport import Transport

CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")
MAPS = CONFIG_MAP.path("default")


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
        self._thread.join(40)
        assert not self._thread.is_alive()
        left = [self._notices.get() for _ in range(self._notices.qsize())]
        assert left in ([], [(Change.SEEN, f"{self._label}-end", "")])


_numbers = itertools.count()


@pytest.fixture
def followed(access):
    followed = Followed(access, f"follow-{next(_numbers)}")
    yield followed
    followed.end()


@pytest.fixture
def own_followed(cluster):
    """A follower with a connection of its own, which may be held up."""
    with contextlib.closing(Access.connect(kubeconfig=cluster.kubeconfig)) as own:
        followed = Followed(own, f"follow-{next(_numbers)}")
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


@pytest.fixture
def strike(cluster, faults, struck, until):
    """Return what strikes watches of config maps, and returns once one that was open has been."""

    def strike(**fault):
        faults(fraction=1, verb="watch", path=MAPS, **fault)
        cluster._command("cut-watches", {})
        until(lambda: struck() > 0)

    return strike


@pytest.mark.parametrize("fault", [{"effect": "end"}, {"code": 410}, {"code": 500, "retry_after_s": 0}])
def test_streams_that_bring_nothing_are_not_asked_for_as_fast_as_they_end(
    followed, strike, struck, until, fault
):
    strike(**fault, count=60)
    until(lambda: struck() > 5)  # the pauses are a second or more from now on
    before = struck()
    time.sleep(2)
    assert struck() - before <= 4
    followed.create("a")
    strike(effect="end", count=1)
    followed.seen("a")


@pytest.mark.usefixtures("own_followed")
def test_a_server_that_asks_for_time_when_a_watch_is_opened_gets_it(strike, struck):
    strike(code=429, retry_after_s=4)
    time.sleep(2)
    assert struck() == 1


def test_a_stream_that_falls_silent_is_given_up(followed, strike, monkeypatch):
    monkeypatch.setattr("netcadence.kube.follow._STREAM_S", 0.5)
    strike(effect="silence", count=1)
    followed.create("a")
    followed.seen("a")


def test_a_set_that_can_no_longer_be_watched_nor_listed_is_given_up_in_the_end(access, faults):
    faults(fraction=1, code=503, retry_after_s=0, path=MAPS)
    with pytest.raises(ApiUnavailableError, match="503 ServiceUnavailable"):
        next(follow(access.with_patience(0.5), CONFIG_MAP, "default", selector="test=nobody"))


def test_a_server_that_was_set_back_to_an_earlier_version_is_listed_anew(access, cluster, monkeypatch):
    monkeypatch.setattr("netcadence.kube.follow._QUIET_S", 1.0)
    monkeypatch.setattr("netcadence.kube.follow._STREAM_S", 1.0)
    ahead = Ahead(Transport(cluster.kubeconfig, None, None))
    notices = follow(ahead, CONFIG_MAP, "default", selector="test=ahead", deadline=time.monotonic() + 20)
    create = {"name": "ahead-new", "labels": {"test": "ahead"}}
    later = threading.Timer(
        0.5,
        access.create,
        (CONFIG_MAP, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": create}, "default"),
    )
    later.start()
    assert [notice.name for notice in itertools.islice(notices, 1)] == ["ahead-new"]
    later.join()
    assert ahead.lists > 1
    ahead.close()


class Ahead(Access):
    """A client whose first list was made before the server was restored: from a version yet to come."""

    lists = 0

    def list(self, resource, namespace=None, *, selector=""):
        items, version = super().list(resource, namespace, selector=selector)
        self.lists += 1
        return items, str(int(version) + 1_000_000) if self.lists == 1 else version


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
