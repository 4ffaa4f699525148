"""Garbage collection: what becomes of objects whose owner goes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from netcadence.embedded.controllers.reconciler import Key, Reconciler

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netcadence.embedded.api.store import Change, Object, Store

FOREGROUND: Final = "foregroundDeletion"
ORPHAN: Final = "orphan"

#: Where an object is: resource, namespace (empty if none) and name.
Place = tuple[str, str, str]


class GarbageCollector(Reconciler):
    """Deletes dependents of an owner that is gone, or before one that waits for them, or lets them live.

    It goes by uid: a key is an owner's uid, with an empty second part.
    """

    resources = ()

    def __init__(self, store: Store) -> None:
        self._owners: dict[str, Place] = {}
        self._dependents: defaultdict[str, set[Place]] = defaultdict(set)
        super().__init__(store)
        for resource in store.types:
            for obj in store.view(resource):
                self._learn(resource, obj)

    def wants(self, resource: str) -> bool:
        del resource
        return True

    def keys(self, resource: str, obj: Mapping[str, Any]) -> Iterable[Key]:
        del resource
        metadata = obj["metadata"]
        owners = metadata.get("ownerReferences")
        if owners:
            for owner in owners:
                yield owner["uid"], ""
        if metadata["uid"] in self._dependents or "deletionTimestamp" in metadata:
            yield metadata["uid"], ""

    def _on_change(self, resource: str, change: Change) -> None:
        if change.before is not None:
            self._unlearn(resource, change.before.content)
        if change.type != "DELETED":
            self._learn(resource, change.revision.content)
        super()._on_change(resource, change)

    def _learn(self, resource: str, obj: Mapping[str, Any]) -> None:
        place = _place(resource, obj)
        self._owners[obj["metadata"]["uid"]] = place
        for owner in obj["metadata"].get("ownerReferences") or ():
            self._dependents[owner["uid"]].add(place)

    def _unlearn(self, resource: str, obj: Mapping[str, Any]) -> None:
        place = _place(resource, obj)
        self._owners.pop(obj["metadata"]["uid"], None)
        for owner in obj["metadata"].get("ownerReferences") or ():
            self._dependents[owner["uid"]].discard(place)
            if not self._dependents[owner["uid"]]:
                del self._dependents[owner["uid"]]

    def reconcile(self, key: Key) -> None:
        uid, _ = key
        place = self._owners.get(uid)
        dependents = sorted(self._dependents.get(uid, ()))
        if place is None:
            for each in dependents:
                self._release(each, uid)
            return
        metadata = self._at(place)["metadata"]
        finalizers = metadata.get("finalizers") or ()
        if "deletionTimestamp" not in metadata:
            return
        if ORPHAN in finalizers:
            for each in dependents:
                self._disown(each, uid)
            self._finish(place, ORPHAN)
        elif FOREGROUND in finalizers:
            blocking = [each for each in dependents if self._blocks(each, uid)]
            for each in dependents:
                self._delete(each, propagation="Foreground")
            if not blocking:
                self._finish(place, FOREGROUND)

    def _release(self, place: Place, uid: str) -> None:
        """Delete a dependent of an owner that is gone, unless it has another that is there."""
        owners = [each["uid"] for each in self._at(place)["metadata"]["ownerReferences"]]
        if any(each in self._owners for each in owners):
            self._disown(place, uid)
        else:
            self._delete(place, propagation="Background")

    def _blocks(self, place: Place, uid: str) -> bool:
        owners = self._at(place)["metadata"]["ownerReferences"]
        return any(each["uid"] == uid and each.get("blockOwnerDeletion") for each in owners)

    def _at(self, place: Place) -> Mapping[str, Any]:
        resource, namespace, name = place
        return self.store.revision(resource, name, namespace or None).content

    def _delete(self, place: Place, propagation: str) -> None:
        resource, namespace, name = place
        if "deletionTimestamp" not in self._at(place)["metadata"]:
            self.store.delete(resource, name, namespace or None, propagation=propagation)

    def _disown(self, place: Place, uid: str) -> None:
        def change(obj: Object) -> None:
            owners = obj["metadata"]["ownerReferences"]
            obj["metadata"]["ownerReferences"] = [each for each in owners if each["uid"] != uid]

        resource, namespace, name = place
        self.store.mutate(resource, name, namespace or None, change)

    def _finish(self, place: Place, finalizer: str) -> None:
        def change(obj: Object) -> None:
            obj["metadata"]["finalizers"].remove(finalizer)

        resource, namespace, name = place
        self.store.mutate(resource, name, namespace or None, change)


def _place(resource: str, obj: Mapping[str, Any]) -> Place:
    return resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
