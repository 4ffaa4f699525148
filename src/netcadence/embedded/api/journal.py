"""The recent changes of one resource, and those who watch it.

A version of an object is never modified once it is here, and is serialised once however many watch.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self, cast
from weakref import WeakSet

import orjson

from netcadence.embedded.api.status import Object, expired

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netcadence.embedded.api.selectors import Selector

EventType = Literal["ADDED", "MODIFIED", "DELETED"]

#: A watcher that falls behind by more changes than this has to list again.
_MOST_PENDING: Final = 20_000


@dataclass(frozen=True, slots=True)
class Event:
    """A change as a caller sees it; the object is the caller's own."""

    type: EventType
    object: Object


class Revision:
    """One version of one object, shared by all who read it."""

    def __init__(self, content: Object, version: int) -> None:
        self.version = version
        self._content = content

    @property
    def content(self) -> Mapping[str, Any]:
        """The object, to be read only."""
        return self._content

    @cached_property
    def json(self) -> bytes:
        """The object as JSON."""
        return orjson.dumps(self._content)

    def copy(self) -> Object:
        """Return the object for a caller to do with as it likes."""
        return cast("Object", orjson.loads(self.json))


class Change(NamedTuple):
    """What happened to an object, and what it was before."""

    type: EventType
    revision: Revision
    before: Revision | None = None


class Sighting(NamedTuple):
    """A change as one watch sees it: with a selector, an object that stops matching is DELETED."""

    type: EventType
    revision: Revision

    def line_of(self, rendered: bytes) -> bytes:
        """Return the change as a line of a watch stream, with the object in the form that was asked for."""
        return b'{"type":"%b","object":%b}\n' % (self.type.encode(), rendered)


class Watch:
    """An asynchronous iterator over the changes of a resource, from the moment it was made.

    It ends when `close` is called or the resource ceases to be served, and raises `ApiError` (410 Expired)
    when it was read too slowly. Dropping it is enough to stop it.
    """

    def __init__(self, namespace: str | None, selector: Selector | None, since: int) -> None:
        self._namespace = namespace
        self._selector = selector
        self._since = since
        self._pending: deque[Sighting] = deque()
        self._news = asyncio.Event()
        self._closed = False
        self._overrun = False

    def add(self, sightings: Iterable[Sighting]) -> None:
        """Queue what was there before the watch began."""
        self._pending.extend(sightings)
        if self._pending:
            self._news.set()

    def offer(self, change: Change) -> None:
        """Queue a change if this watch is to see it."""
        if change.revision.version <= self._since or self._closed:
            return
        sighting = self._sighting(change)
        if sighting is None:
            return
        if len(self._pending) >= _MOST_PENDING:
            self._overrun = True
            self._pending.clear()
        self._pending.append(sighting)
        self._news.set()

    def _sighting(self, change: Change) -> Sighting | None:
        kind, revision, before = change
        if self._namespace is not None and revision.content["metadata"].get("namespace") != self._namespace:
            return None
        selector = self._selector
        if not selector:
            return Sighting(kind, revision)
        matches = selector.matches(revision.content)
        matched = before is not None and selector.matches(before.content)
        if kind == "MODIFIED" and matches and not matched:
            return Sighting("ADDED", revision)
        if kind != "ADDED" and matched and not matches and before is not None:
            return Sighting("DELETED", _as_of(before, revision.version))
        return Sighting(kind, revision) if matches else None

    async def batch(self, timeout_s: float | None = None) -> list[Sighting] | None:
        """Return all changes that wait, at least one; an empty list after the timeout; None at the end.

        Raises:
            ApiError: The watch was read too slowly and changes are lost (410).
        """
        if not self._pending and not self._closed:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), timeout_s)
            except TimeoutError:
                return self.waiting()
        if self._overrun:
            raise expired(self._since, self._pending[-1].revision.version)
        return self.waiting() or None

    def waiting(self) -> list[Sighting]:
        """Return all changes that wait now."""
        waiting = list(self._pending)
        self._pending.clear()
        return waiting

    def close(self) -> None:
        """End the stream after what is queued."""
        self._closed = True
        self._news.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        while not self._pending:
            if self._closed:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        if self._overrun:
            raise expired(self._since, self._pending[-1].revision.version)
        sighting = self._pending.popleft()
        return Event(sighting.type, sighting.revision.copy())


def _as_of(revision: Revision, version: int) -> Revision:
    content = revision.copy()
    content["metadata"]["resourceVersion"] = str(version)
    return Revision(content, version)


class Journal:
    """The recent changes of one resource.

    Attributes:
        floor: The version that everything is known since.
    """

    def __init__(self, floor: int, length: int) -> None:
        self.floor = floor
        self._changes: deque[Change] = deque()
        self._length = length
        self._watches: WeakSet[Watch] = WeakSet()

    def publish(self, change: Change) -> None:
        """Remember a change and show it to those who watch."""
        self._changes.append(change)
        if len(self._changes) > self._length:
            self.floor = self._changes.popleft().revision.version
        for watch in self._watches:
            watch.offer(change)

    def watch(self, watch: Watch, since: int | None) -> None:
        """Let a watch see all changes after a version, or only those from now on.

        Raises:
            ApiError: That version is too old (410).
        """
        if since is not None:
            if since < self.floor:
                raise expired(since, self.floor)
            for change in self._changes:
                watch.offer(change)
        self._watches.add(watch)

    def forget(self, version: int) -> None:
        """Drop the past: older versions are too old from now on."""
        self._changes.clear()
        self.floor = version

    def close(self) -> None:
        """End all watches."""
        for watch in list(self._watches):
            watch.close()
        self._watches.clear()
