"""Reports on their way to the API server.

A thread of its own sends them, so that no measurement waits for an API server that is slow or away. Each
report is a worker's whole own part of a status. So sending one twice does no harm, and of several that wait
for the same request only the newest is sent.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

from netcadence_worker.api import ApiError, Backoff, Connection
from netcadence_worker.log import say
from netcadence_worker.wire import NetcadenceWire, Wire

if TYPE_CHECKING:
    from netcadence_worker.api import Endpoint, Object

#: Statuses by which the server says that the same report will never be accepted.
_HOPELESS: Final = frozenset({400, 404, 405, 413, 415, 422})


class Reporter(threading.Thread):
    """Sends reports one after another, each until it has arrived."""

    def __init__(self, endpoint: Endpoint, wire: Wire | None = None) -> None:
        super().__init__(name="reporter", daemon=True)
        self._connection = Connection(endpoint)
        self._wire = wire or NetcadenceWire()
        self._waiting: dict[str, Object] = {}
        self._changed = threading.Condition()
        self._stopping = False

    def send(self, name: str, status: Object) -> None:
        """Have a report delivered, soon; what the wire has no words for is not sent."""
        report = self._wire.report(status)
        if report is None:
            return
        with self._changed:
            self._waiting[name] = report
            self._changed.notify_all()

    def discard(self, name: str) -> None:
        """Forget what waits for a request that is gone."""
        with self._changed:
            self._waiting.pop(name, None)
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until everything has arrived; tell whether it has."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, seconds)

    def stop(self) -> None:
        """End the thread soon, whatever still waits; to be joined."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._connection.abort()

    def run(self) -> None:
        backoff = Backoff()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    break
                name, report = next(iter(self._waiting.items()))
            try:
                self._wire.deliver(self._connection, name, report)
            except ApiError as error:
                if error.status not in _HOPELESS or error.is_unserved:
                    self._pause(backoff.after(error))
                    continue
                say(name, f"report not accepted: {error}")
            backoff.reset()
            with self._changed:
                if self._waiting.get(name) is report:
                    del self._waiting[name]
                self._changed.notify_all()
        self._connection.close()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, seconds)
