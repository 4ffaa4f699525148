"""Events: what happened to an object, for people who ask with `kubectl describe`."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final, Literal

from netcadence.embedded.api.store import ApiError, Object, Store, now

#: Events are kept for people; a real cluster forgets them after an hour, this one after so many.
_KEPT: Final = 2_000

EventKind = Literal["Normal", "Warning"]
_Key = tuple[str, str, str, str]


class EventRecorder:
    """Writes events; the same event again only counts up."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._written: deque[tuple[_Key, str, str]] = deque()
        self._names: dict[_Key, str] = {}

    def record(
        self,
        about: Mapping[str, Any],
        kind: EventKind,
        reason: str,
        message: str,
        *,
        component: str,
        node: str = "",
    ) -> None:
        """Record an event.

        Args:
            about: The object it is about.
        """
        metadata = about["metadata"]
        namespace = metadata.get("namespace") or "default"
        key = (metadata.get("uid", ""), component, reason, message)
        # An event that cannot be written any more (its namespace is going) is worth no failure.
        with contextlib.suppress(ApiError):
            if not self._count_up(key, namespace):
                self._create(key, namespace, about, kind, node)

    def _count_up(self, key: _Key, namespace: str) -> bool:
        name = self._names.get(key)
        if name is None:
            return False

        def again(event: Object) -> None:
            event["count"] = event.get("count", 1) + 1
            event["lastTimestamp"] = now()

        try:
            self._store.mutate("events", name, namespace, again)
        except ApiError:
            return False
        return True

    def _create(
        self, key: _Key, namespace: str, about: Mapping[str, Any], kind: EventKind, node: str
    ) -> None:
        metadata = about["metadata"]
        _, component, reason, message = key
        # Named by time, so that events of one second are listed in their order.
        name = f"{metadata['name'][:200]}.{time.time_ns():x}"
        reference = {
            "apiVersion": about.get("apiVersion", "v1"),
            "kind": about["kind"],
            "name": metadata["name"],
            "uid": metadata.get("uid", ""),
            "resourceVersion": metadata.get("resourceVersion", ""),
        }
        if "namespace" in metadata:
            reference["namespace"] = metadata["namespace"]
        instant = now()
        self._store.create(
            "events",
            {
                "metadata": {"name": name, "namespace": namespace},
                "involvedObject": reference,
                "type": kind,
                "reason": reason,
                "message": message,
                "source": {"component": component, **({"host": node} if node else {})},
                "reportingComponent": component,
                "reportingInstance": node or component,
                "firstTimestamp": instant,
                "lastTimestamp": instant,
                "count": 1,
            },
        )
        self._names[key] = name
        self._written.append((key, namespace, name))
        if len(self._written) > _KEPT:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        key, namespace, name = self._written.popleft()
        if self._names.get(key) == name:
            del self._names[key]
        with contextlib.suppress(ApiError):
            self._store.delete("events", name, namespace)
