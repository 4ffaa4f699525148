"""A mirror of some objects that never stops following them."""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Final, Protocol

from netcadence_worker.api import ApiError, Backoff, Connection
from netcadence_worker.log import say

if TYPE_CHECKING:
    from netcadence_worker.api import Endpoint, Object

#: A stream that ends sooner than this without a word is not asked for anew as fast as it ended.
_SHORT_S: Final = 5.0
#: After so long without a word all is listed anew. A server speaks each minute, in bookmarks, except where it
#: was restored from a backup: to a version that is yet to come it says nothing for ever.
_QUIET_S: Final = 70.0


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
        #: When the server last listed or told anything.
        self._heard_at = 0.0
        #: When the last stream began; infinite where there was none.
        self._began = math.inf
        #: Whether changes are being seen now; `trouble` says why not.
        self.established = False
        self.trouble = "not yet connected"

    def run(self) -> None:
        version: str | None = None
        while not self._stopping.is_set():
            self._began = math.inf
            try:
                version = version or self._list()
                self._began = time.monotonic()
                version = self._follow(version)
            except ApiError as error:
                if self._stopping.is_set():
                    break
                version = None
                self._lose(error)
                self._steady()
                self._stopping.wait(self._backoff.after(error))
            else:
                if not self._steady():
                    self._stopping.wait(self._backoff.next_s())
                if time.monotonic() - self._heard_at > _QUIET_S:
                    version = None
        self._connection.close()

    def _steady(self) -> bool:
        """Tell whether the last stream brought something or at least lasted; then pauses are short again."""
        steady = self._heard_at >= self._began or time.monotonic() - self._began >= _SHORT_S
        if steady:
            self._backoff.reset()
        return steady

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
        self._heard_at = time.monotonic()
        return version

    def _follow(self, version: str) -> str:
        """Watch until the stream ends; return the version to go on from."""
        for event in self._connection.watch(self._plural, self._selector, version):
            if self._stopping.is_set():  # told so before there was a stream that could be aborted
                break
            if not event:
                self._establish()
                continue
            self._heard_at = time.monotonic()
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

    def _lose(self, error: ApiError) -> None:
        if self.established or str(error) != self.trouble:
            say(self._plural, f"not watching: {error}")
        self.trouble = str(error)
        self.established = False
