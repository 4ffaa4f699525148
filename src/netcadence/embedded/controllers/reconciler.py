"""The frame of a controller: changes name objects, and each named object is brought to what it should be."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final

from netcadence.embedded.api.store import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netcadence.embedded.api.store import Change, Object, Store

#: What is to be reconciled: namespace and name, or whatever a controller goes by.
Key = tuple[str, str]

_GATHER_S: Final = 0.05
_RETRY_S: Final = 0.1
_LONGEST_RETRY_S: Final = 5.0

_log = logging.getLogger(__name__)


class Reconciler(ABC):
    """Collects keys from changes and reconciles each; many changes at once cost one reconciliation."""

    #: Resources whose changes matter, as qualified plurals.
    resources: tuple[str, ...]
    #: Those of them whose changes are gathered for a moment, for they come in crowds.
    gathered: tuple[str, ...] = ()

    def __init__(self, store: Store) -> None:
        self.store = store
        self._due: dict[Key, None] = {}
        self._news = asyncio.Event()
        self._gathering: set[Key] = set()
        self._failures: dict[Key, int] = {}
        store.subscribe(self._on_change)
        for resource in self.resources:
            for obj in store.view(resource):
                self._add(self.keys(resource, obj))

    @abstractmethod
    def keys(self, resource: str, obj: Mapping[str, Any]) -> Iterable[Key]:
        """Return what a change of an object concerns."""

    @abstractmethod
    def reconcile(self, key: Key) -> None:
        """Bring one thing to what it should be; called again after each change that concerns it."""

    async def run(self) -> None:
        """Reconcile until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._due:
                key = next(iter(self._due))
                del self._due[key]
                self._attempt(key)
                await asyncio.sleep(0)

    def later(self, key: Key, delay_s: float) -> None:
        """Reconcile something again after a time."""
        asyncio.get_running_loop().call_later(delay_s, self._add, (key,))

    def report(self, resource: str, obj: Mapping[str, Any], status: Object) -> None:
        """Give an object a status, unless it has that already."""
        metadata = obj["metadata"]
        if status != obj.get("status"):
            self.store.mutate(
                resource,
                metadata["name"],
                metadata["namespace"],
                lambda found: found.update(status=status),
                subresource="status",
            )

    def wants(self, resource: str) -> bool:
        """Return whether changes of a resource matter."""
        return resource in self.resources

    def _on_change(self, resource: str, change: Change) -> None:
        if not self.wants(resource):
            return
        add = self._gather if resource in self.gathered else self._add
        add(self.keys(resource, change.revision.content))
        if change.before is not None:
            add(self.keys(resource, change.before.content))

    def _gather(self, keys: Iterable[Key]) -> None:
        for key in keys:
            if key not in self._gathering:
                self._gathering.add(key)
                asyncio.get_running_loop().call_later(_GATHER_S, self._gathered, key)

    def _gathered(self, key: Key) -> None:
        self._gathering.discard(key)
        self._add((key,))

    def _add(self, keys: Iterable[Key]) -> None:
        for key in keys:
            self._due[key] = None
            self._news.set()

    def _attempt(self, key: Key) -> None:
        try:
            self.reconcile(key)
        except ApiError as error:
            _log.info("%s %s: %s", type(self).__name__, "/".join(key), error.message)
            self._retry(key)
        except Exception:  # noqa: BLE001 - one object that nobody foresaw must not stop work on all others
            _log.exception("%s %s", type(self).__name__, "/".join(key))
            self._retry(key)
        else:
            self._failures.pop(key, None)

    def _retry(self, key: Key) -> None:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.later(key, min(_RETRY_S * 2**failures, _LONGEST_RETRY_S))
