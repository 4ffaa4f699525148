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
from netcadence.kube.resource import Resource

#: After so long without an event a stream is opened anew: a dying API server leaves watches silently open.
_STREAM_S: Final = 10.0
_PAUSE_S: Final = 0.1


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
    seen = {item["metadata"]["name"]: item for item in known}

    def ended() -> bool:
        return stopped() or (deadline is not None and time.monotonic() >= deadline)

    while not ended():
        items, version = access.list(resource, namespace, selector=selector)
        yield from _differences(seen, items)
        while not ended():
            remaining_s = _STREAM_S if deadline is None else min(_STREAM_S, deadline - time.monotonic())
            try:
                with access.watch(
                    resource, namespace, selector=selector, since=version, timeout_s=remaining_s
                ) as events:
                    for event in events:
                        version = event["object"]["metadata"]["resourceVersion"]
                        if event["type"] != "BOOKMARK":
                            yield from _noted(seen, event["type"], event["object"])
                        if ended():
                            return
            except ExpiredError:
                break
            except ApiUnavailableError:
                time.sleep(_PAUSE_S)


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
