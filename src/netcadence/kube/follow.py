"""Following a set of objects through everything an API server does to a watch.

List, watch from there, and when the stream ends, breaks, falls silent or its version expires, go on from
where it was: consumers see each change once and in order, and never learn that a connection was lost.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from netcadence.kube.access import Access, Object
from netcadence.kube.errors import ApiUnavailableError, ExpiredError
from netcadence.kube.pace import Backoff
from netcadence.kube.resource import Resource

#: After so long without an event a stream is opened anew: a dying API server leaves watches silently open.
_STREAM_S: Final = 10.0
#: After so long without a word all is listed anew. A server speaks each minute, in bookmarks, except where it
#: was restored from a backup: to a version that is yet to come it says nothing for ever.
_QUIET_S: Final = 70.0


class Change(enum.StrEnum):
    """What happened to an object: it is there (new or changed), or it is gone."""

    SEEN = "seen"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Notice:
    """One change of one object; a GONE notice carries the object's last known state."""

    change: Change
    object: Object

    @property
    def name(self) -> str:
        return str(self.object["metadata"]["name"])


def follow(
    access: Access,
    resource: Resource,
    namespace: str | None,
    *,
    selector: str = "",
    known: Iterable[Object] = (),
    deadline: float | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Notice]:
    """Yield what there is, then every change, until the deadline or until told to stop.

    Args:
        selector: Label selector.
        known: Objects that the caller has seen already; only what has changed about them since is news.
        deadline: `time.monotonic()` instant at which to end; None means never.
        stopped: Asked between events and streams.

    Raises:
        ApiUnavailableError: The API server could not be listed for as long as `Access` retries.
        ApiRefusedError: It refused the list.
    """
    follower = _Follower(access, resource, namespace, selector)
    follower.seen = {item["metadata"]["name"]: item for item in known}

    def ended() -> bool:
        return stopped() or (deadline is not None and time.monotonic() >= deadline)

    backoff = Backoff()
    while not ended():
        yield from follower.list()
        while not ended() and follower.is_current:
            began = time.monotonic()
            stream_s = _STREAM_S if deadline is None else min(_STREAM_S, deadline - began)
            for notices in follower.watch(stream_s):
                yield from notices
                if ended():
                    return
            if follower.heard_at >= began or time.monotonic() - began > stream_s / 2:
                backoff.reset()
            else:
                # Streams that end at once are not asked for as fast as they end.
                time.sleep(backoff.next_s())


class _Follower:
    """What is known of a set of objects, and how to learn more.

    Attributes:
        seen: The objects as they were last told of, by name.
        heard_at: When the server last said anything.
        is_current: Whether a watch can go on from what is known; otherwise it is listed anew.
    """

    def __init__(self, access: Access, resource: Resource, namespace: str | None, selector: str) -> None:
        self._access = access
        self._resource = resource
        self._namespace = namespace
        self._selector = selector
        self._version = ""
        self._breaks = 0
        self.seen: dict[str, Object] = {}
        self.heard_at = 0.0

    @property
    def is_current(self) -> bool:
        return bool(self._version) and time.monotonic() - self.heard_at < _QUIET_S

    def list(self) -> Iterator[Notice]:
        items, self._version = self._access.list(self._resource, self._namespace, selector=self._selector)
        self.heard_at, self._breaks = time.monotonic(), 0
        yield from _differences(self.seen, items)

    def watch(self, timeout_s: float) -> Iterator[Iterator[Notice]]:
        """Yield for each event what it tells, until the stream ends in whatever way."""
        try:
            with self._access.watch(
                self._resource,
                self._namespace,
                selector=self._selector,
                since=self._version,
                timeout_s=timeout_s,
            ) as events:
                for event in events:
                    self._version = event["object"]["metadata"]["resourceVersion"]
                    self.heard_at, self._breaks = time.monotonic(), 0
                    bookmark = event["type"] == "BOOKMARK"
                    yield iter(()) if bookmark else _noted(self.seen, event["type"], event["object"])
        except ExpiredError:
            self._version = ""
        except ApiUnavailableError:
            # Taken up where it broke; where that is in vain a list is, whose patience has an end.
            self._breaks += 1
            if self._breaks > 1:
                self._version = ""


def _noted(known: dict[str, Object], type_: str, object_: Object) -> Iterator[Notice]:
    name = object_["metadata"]["name"]
    if type_ == "DELETED":
        known.pop(name, None)
        yield Notice(Change.GONE, object_)
    elif _version(known.get(name)) != _version(object_):
        known[name] = object_
        yield Notice(Change.SEEN, object_)


def _differences(known: dict[str, Object], items: list[Object]) -> Iterator[Notice]:
    """Turn a fresh list into the notices that a watch would have given since the last one."""
    present = {item["metadata"]["name"]: item for item in items}
    for name in [name for name in known if name not in present]:
        yield Notice(Change.GONE, known.pop(name))
    for item in items:
        yield from _noted(known, "MODIFIED", item)


def _version(object_: Object | None) -> str | None:
    return object_["metadata"]["resourceVersion"] if object_ else None
