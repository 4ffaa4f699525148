"""Events: kept for an hour, as long as Kubernetes keeps them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netcadence.embedded.api.store import Store

_KEPT: Final = timedelta(hours=1)
_PAUSE_S: Final = 60.0


class EventExpiry:
    """Deletes events that have not happened again for an hour."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def run(self) -> None:
        """Sweep every minute until cancelled."""
        while True:
            await asyncio.sleep(_PAUSE_S)
            self.sweep()

    def sweep(self) -> None:
        """Delete what is too old now."""
        oldest = datetime.now(UTC) - _KEPT
        for event in self._store.view("events"):
            if _last_seen(event) < oldest:
                self._store.delete("events", event["metadata"]["name"], event["metadata"]["namespace"])


def _last_seen(event: Mapping[str, Any]) -> datetime:
    """Return when an event last happened; by the server's clock if its writer gave no readable time."""
    made = datetime.fromisoformat(event["metadata"]["creationTimestamp"])
    try:
        seen = datetime.fromisoformat(event.get("lastTimestamp") or event.get("eventTime") or "")
    except (TypeError, ValueError):
        return made
    return seen if seen.tzinfo else made
