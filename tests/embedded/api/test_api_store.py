"""The store by itself, as controllers and nodes use it."""

from __future__ import annotations

import asyncio
import time

import pytest

from netcadence.embedded.api import journal
from netcadence.embedded.api.selectors import Selector
from netcadence.embedded.api.store import ApiError, Store
from netcadence.embedded.controllers.events import EventExpiry

MAPS = "configmaps"


@pytest.fixture
def store():
    store = Store()
    store.create("namespaces", {"metadata": {"name": "default"}})
    return store


def _map(name="a", **data):
    return {"metadata": {"name": name, "namespace": "default"}, "data": data}


def test_what_is_handed_out_or_in_is_the_callers_own(store):
    given = _map(x="1")
    created = store.create(MAPS, given)
    given["data"]["x"] = created["data"]["x"] = "spoilt"
    store.get(MAPS, "a", "default")["data"]["x"] = "spoilt"
    store.list(MAPS)[0][0]["data"]["x"] = "spoilt"
    updated = store.update(MAPS, _map(x="2"))
    updated["data"]["x"] = "spoilt"
    assert store.get(MAPS, "a", "default")["data"] == {"x": "2"}


def test_events_are_the_readers_own(store):
    async def read():
        first, second = store.watch(MAPS), store.watch(MAPS)
        store.create(MAPS, _map(x="1"))
        event = await anext(first)
        event.object["data"]["x"] = "spoilt"
        return await anext(second)

    assert asyncio.run(read()).object["data"] == {"x": "1"}


def test_a_watch_begins_with_its_call_not_with_its_first_read(store):
    async def read():
        store.create(MAPS, _map("before"))
        watch = store.watch(MAPS)
        store.create(MAPS, _map("after"))
        return [(await anext(watch)).object["metadata"]["name"] for _ in range(2)]

    assert asyncio.run(read()) == ["before", "after"]


def test_a_watch_that_is_dropped_costs_nothing_more(store):
    async def use():
        watch = store.watch(MAPS)
        assert len(store._journals[MAPS]._watches) == 1
        del watch
        return len(store._journals[MAPS]._watches)

    assert asyncio.run(use()) == 0


def test_a_reader_that_is_too_slow_is_told_that_changes_are_lost(store, monkeypatch):
    monkeypatch.setattr(journal, "_MOST_PENDING", 3)

    async def read():
        watch = store.watch(MAPS)
        for number in range(4):
            store.create(MAPS, _map(f"n{number}"))
        await anext(watch)

    with pytest.raises(ApiError) as raised:
        asyncio.run(read())
    assert raised.value.code == 410


def test_changes_that_the_journal_no_longer_holds_are_expired(monkeypatch):
    monkeypatch.setattr("netcadence.embedded.api.store._JOURNAL_LENGTH", 2)
    store = Store()
    store.create("namespaces", {"metadata": {"name": "default"}})
    versions = [
        int(store.create(MAPS, _map(f"n{number}"))["metadata"]["resourceVersion"]) for number in range(4)
    ]

    async def watch(since):
        store.watch(MAPS, since=since)

    with pytest.raises(ApiError, match="too old resource version"):
        asyncio.run(watch(versions[0]))
    asyncio.run(watch(versions[1]))


def test_mutate_changes_what_is_there_now_and_nothing_if_nothing_changes(store):
    store.create(MAPS, _map(x="1"))
    changed = store.mutate(MAPS, "a", "default", lambda obj: obj["data"].update(y="2"))
    assert changed["data"] == {"x": "1", "y": "2"}
    again = store.mutate(MAPS, "a", "default", lambda obj: obj["data"].update(y="2"))
    assert again["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]


def test_a_failing_change_leaves_the_object_as_it_was(store):
    store.create(MAPS, _map(x="1"))

    def fail(obj):
        obj["data"]["x"] = "half"
        raise RuntimeError

    with pytest.raises(RuntimeError):
        store.mutate(MAPS, "a", "default", fail)
    assert store.get(MAPS, "a", "default")["data"] == {"x": "1"}


def test_versions_are_one_counter_for_everything(store):
    first = int(store.create(MAPS, _map())["metadata"]["resourceVersion"])
    second = int(store.create("secrets", {"metadata": {"name": "s"}})["metadata"]["resourceVersion"])
    deleted = int(store.delete(MAPS, "a", "default")["metadata"]["resourceVersion"])
    assert (second, deleted) == (first + 1, first + 2)


def test_an_unknown_resource_is_not_found(store):
    with pytest.raises(ApiError) as raised:
        store.list("nothings")
    assert (raised.value.code, raised.value.reason) == (404, "NotFound")


@pytest.mark.parametrize(
    ("labels", "matches"),
    [
        ("a=1", True),
        ("a==1,b=2", True),
        ("a!=1", False),
        ("c!=1", True),
        ("a in (0, 1)", True),
        ("a notin (0,1)", False),
        ("c notin (0)", True),
        ("a", True),
        ("!a", False),
        ("!c , b", True),
        ("example.org/k=v", True),
        ("", True),
    ],
)
def test_label_selectors(labels, matches):
    obj = {"metadata": {"labels": {"a": "1", "b": "2", "example.org/k": "v"}}}
    assert Selector.parse(labels).matches(obj) is matches


@pytest.mark.parametrize("labels", ["=", "a in", "a in (b", "a=b c=d", "a=b=c", "((", ","])
def test_label_selectors_that_cannot_be_read(labels):
    with pytest.raises(ApiError) as raised:
        Selector.parse(labels)
    assert raised.value.code == 400


def test_events_are_forgotten_an_hour_after_they_last_happened(store):
    for name, seen in (("old", "2026-01-31T12:00:00Z"), ("fresh", None), ("odd", "yesterday")):
        store.create("events", {"metadata": {"name": name}, "lastTimestamp": seen})
    EventExpiry(store).sweep()
    assert [event["metadata"]["name"] for event in store.list("events")[0]] == ["fresh", "odd"]


def test_a_change_at_the_very_end_of_a_wait_is_seen():
    """Were it left waiting, the bookmark that follows would tell the client that it has seen it."""

    async def at_the_end() -> int:
        store = Store()
        watch = store.watch("namespaces", since=store.version)
        waiting = asyncio.create_task(watch.batch(0.01))
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        loop.call_later(0.011, lambda: store.create("namespaces", {"metadata": {"name": "late"}}))
        time.sleep(0.05)  # noqa: ASYNC251 - holds the loop, so that both are due in the same turn
        return len(await waiting or [])

    assert asyncio.run(at_the_end()) == 1
