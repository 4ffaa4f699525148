"""A mirror of some objects that never stops following them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final, Protocol

from netcadence_worker.api import ApiError, Backoff, Connection
from netcadence_worker.log import say

if TYPE_CHECKING:
    from netcadence_worker.api import Endpoint, Object

_GONE: Final = 410


class Follower(Protocol):
    """Who is told what happens to the objects, one at a time, by the watch's thread."""

    def seen(self, obj: Object) -> None:
        """Take note of an object that is new, has changed, or is only seen again."""

    def deleted(self, name: str) -> None:
        """Take note that an object is gone."""


class Watch(threading.Thread):
    """Lists, then watches, and starts again whatever happens, until it is told to stop."""

    def __init__(self, endpoint: Endpoint, plural: str, follower: Follower, *, selector: str = "") -> None:
        super().__init__(name=f"watch {plural}", daemon=True)
        self._connection = Connection(endpoint)
        self._plural = plural
        self._selector = selector
        self._follower = follower
        self._known: dict[str, str] = {}
        self._stopping = threading.Event()
        self._backoff = Backoff()
        #: Whether changes are being seen now; `trouble` says why not.
        self.established = False
        self.trouble = "not yet connected"

    def run(self) -> None:
        version: str | None = None
        while not self._stopping.is_set():
            try:
                version = self._follow(version or self._list())
                continue
            except ApiError as error:
                if self._stopping.is_set():
                    break
                version = None
                self._lose(error)
                if error.status != _GONE:
                    self._stopping.wait(self._backoff.after(error))
        self._connection.close()

    def stop(self) -> None:
        """End the thread soon; to be joined."""
        self._stopping.set()
        self._connection.abort()

    def _list(self) -> str:
        objects, version = self._connection.list(self._plural, self._selector)
        present = {obj["metadata"]["name"]: obj["metadata"]["uid"] for obj in objects}
        for name, uid in list(self._known.items()):
            if present.get(name) != uid:
                self._forget(name)
        for obj in objects:
            self._see(obj)
        return version

    def _follow(self, version: str) -> str:
        """Watch until the stream ends; return the version to go on from."""
        for event in self._connection.watch(self._plural, self._selector, version):
            if self._stopping.is_set():  # told so before there was a stream that could be aborted
                break
            if not event:
                self._establish()
                continue
            obj = event["object"]
            version = obj["metadata"]["resourceVersion"]
            if event["type"] == "DELETED":
                self._forget(obj["metadata"]["name"])
            elif event["type"] != "BOOKMARK":
                self._see(obj)
        return version

    def _see(self, obj: Object) -> None:
        metadata = obj["metadata"]
        if self._known.get(metadata["name"], metadata["uid"]) != metadata["uid"]:
            self._forget(metadata["name"])
        self._known[metadata["name"]] = metadata["uid"]
        try:
            self._follower.seen(obj)
        except Exception as error:  # noqa: BLE001 - one object must not keep the others from being seen
            say(metadata["name"], f"not understood: {type(error).__name__}: {error}")

    def _forget(self, name: str) -> None:
        if self._known.pop(name, None) is not None:
            self._follower.deleted(name)

    def _establish(self) -> None:
        if not self.established:
            say(self._plural, "watching")
        self.established = True
        self._backoff.reset()

    def _lose(self, error: ApiError) -> None:
        if self.established or str(error) != self.trouble:
            say(self._plural, f"not watching: {error}")
        self.trouble = str(error)
        self.established = False
