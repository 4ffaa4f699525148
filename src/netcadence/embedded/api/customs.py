"""Serving custom resources: follows the definitions in a store and registers what they define."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from netcadence.embedded.api.store import Change, Store, now
from netcadence.embedded.api.structural import defined_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netcadence.embedded.api.status import Object

DEFINITIONS: Final = "customresourcedefinitions.apiextensions.k8s.io"
_CLEANUP: Final = "customresourcecleanup.apiextensions.k8s.io"


class CustomResources:
    """Keeps the resources that a store serves in step with its definitions, within each write."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.subscribe(self._on_change)

    def _on_change(self, resource: str, change: Change) -> None:
        if resource != DEFINITIONS:
            if change.type == "DELETED" and self._store.types[resource].is_custom:
                self._finish_removal(resource)
            return
        definition = change.revision.content
        name = definition["metadata"]["name"]
        if change.type == "DELETED":
            self._store.unregister(name)
        elif "deletionTimestamp" in definition["metadata"]:
            self._remove_instances(name)
        elif change.before is None or change.before.content["spec"] != definition["spec"]:
            self._store.register(defined_type(definition))
            self._establish(name)

    def _establish(self, name: str) -> None:
        def add_finalizer(definition: Object) -> None:
            finalizers = definition["metadata"].setdefault("finalizers", [])
            if _CLEANUP not in finalizers:
                finalizers.append(_CLEANUP)

        self._store.mutate(DEFINITIONS, name, None, add_finalizer)
        self._store.mutate(DEFINITIONS, name, None, _accept, subresource="status")

    def _remove_instances(self, name: str) -> None:
        for instance in self._store.view(name):
            metadata = instance["metadata"]
            if "deletionTimestamp" not in metadata:
                self._store.delete(name, metadata["name"], metadata.get("namespace"))
        self._finish_removal(name)

    def _finish_removal(self, name: str) -> None:
        """Let go of a definition that is being deleted once nothing of its kind is left."""
        held = [each for each in self._store.view(DEFINITIONS) if _is_going(each, name)]
        if held and not self._store.view(name):
            self._store.mutate(DEFINITIONS, name, None, _drop_finalizer)


def _is_going(definition: Mapping[str, Any], name: str) -> bool:
    metadata = definition["metadata"]
    held = _CLEANUP in metadata.get("finalizers", ())
    return metadata["name"] == name and "deletionTimestamp" in metadata and held


def _drop_finalizer(definition: Object) -> None:
    definition["metadata"]["finalizers"].remove(_CLEANUP)


def _accept(definition: Object) -> None:
    status = definition.setdefault("status", {})
    names = definition["spec"]["names"]
    since = {each["type"]: each["lastTransitionTime"] for each in status.get("conditions", ())}
    status["acceptedNames"] = names
    status["storedVersions"] = [each["name"] for each in definition["spec"]["versions"] if each["storage"]]
    status["conditions"] = [
        {
            "type": kind,
            "status": "True",
            "lastTransitionTime": since.get(kind, now()),
            "reason": reason,
            "message": message,
        }
        for kind, reason, message in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
