"""Namespaces: what each one has from the start, and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from netcadence.embedded.api.store import ApiError
from netcadence.embedded.controllers.reconciler import Key, Reconciler

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netcadence.embedded.api.store import Object, Store

_ACCOUNTS: Final = "serviceaccounts"


class NamespaceController(Reconciler):
    """Gives each namespace its default service account, and empties those that are being deleted.

    A key is a namespace's name, with an empty second part.
    """

    resources = ("namespaces", _ACCOUNTS)

    def __init__(self, store: Store) -> None:
        self._ending: set[str] = set()
        super().__init__(store)

    def wants(self, resource: str) -> bool:
        # While a namespace ends, everything in it matters.
        return resource in self.resources or bool(self._ending)

    def keys(self, resource: str, obj: Mapping[str, Any]) -> Iterable[Key]:
        metadata = obj["metadata"]
        if resource == "namespaces":
            return [(metadata["name"], "")]
        namespace = metadata.get("namespace", "")
        return [(namespace, "")] if resource == _ACCOUNTS or namespace in self._ending else []

    def reconcile(self, key: Key) -> None:
        name, _ = key
        try:
            namespace = self.store.revision("namespaces", name).content
        except ApiError:
            self._ending.discard(name)
            return
        if "deletionTimestamp" not in namespace["metadata"]:
            self._complete(name)
            return
        self._ending.add(name)
        if not self._empty(name):
            self.store.mutate("namespaces", name, None, _finalize)

    def _complete(self, name: str) -> None:
        try:
            self.store.create(_ACCOUNTS, {"metadata": {"name": "default", "namespace": name}})
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise

    def _empty(self, name: str) -> int:
        """Delete all that a namespace holds; return how much is left."""
        left = 0
        for resource, type_ in list(self.store.types.items()):
            if not type_.namespaced:
                continue
            for obj in self.store.view(resource, name):
                if "deletionTimestamp" not in obj["metadata"]:
                    self.store.delete(resource, obj["metadata"]["name"], name)
            left += len(self.store.view(resource, name))
        return left


def _finalize(namespace: Object) -> None:
    namespace["spec"]["finalizers"] = []
