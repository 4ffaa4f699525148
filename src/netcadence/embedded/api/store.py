"""The objects of the cluster, in memory, with the semantics of the Kubernetes API.

One counter numbers all changes. Methods are synchronous and belong to one event loop: what happens between
two awaits is atomic. Whatever is handed out is a copy, so that no caller can alter what is stored; `view`
hands out the stored objects themselves to those who only read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from netcadence.embedded.api.admission import admit_pod
from netcadence.embedded.api.builtin import BUILTIN
from netcadence.embedded.api.journal import Change, Event, EventType, Journal, Revision, Sighting, Watch
from netcadence.embedded.api.metadata import metadata_causes
from netcadence.embedded.api.resources import ResourceType
from netcadence.embedded.api.revising import (
    Key,
    desired_part,
    finalizer_causes,
    finalizers_of,
    grace_of,
    key_of,
    merged_for_update,
    new_object,
    now,
    private_copy,
)
from netcadence.embedded.api.selectors import Selector
from netcadence.embedded.api.service_addresses import ServiceRanges, align, assign, take_over
from netcadence.embedded.api.status import (
    ApiError,
    Cause,
    Object,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    invalid_value,
    not_found,
    too_large_version,
    unknown_resource,
)

__all__ = [
    "ApiError",
    "Change",
    "Event",
    "Object",
    "Revision",
    "Selector",
    "Store",
    "Watch",
    "already_exists",
    "conflict",
    "forbidden",
    "invalid",
    "not_found",
    "now",
]

Objects = list[Object]
Revisions = list[Revision]
Views = list[Mapping[str, Any]]
#: Told of every change, within the write that makes it.
Listener = Callable[[str, Change], None]

_JOURNAL_LENGTH: Final = 2_000
_DEPENDENTS: Final = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}


class Store:
    """All objects of one cluster.

    Resources are named by their plural, qualified outside the core group: `pods`, `deployments.apps`. Names
    and namespaces are checked, defaults filled in and rules held on every write, whoever makes it.
    Every method raises `ApiError` with the Status that a client would receive.

    Attributes:
        service_ranges: Where Services get their addresses.
    """

    def __init__(self, types: Iterable[ResourceType] = BUILTIN) -> None:
        self.service_ranges = ServiceRanges()
        self._version = 1
        self._types: dict[str, ResourceType] = {}
        self._objects: dict[str, dict[Key, Revision]] = {}
        self._journals: dict[str, Journal] = {}
        self._listeners: list[Listener] = []
        for each in types:
            self.register(each)

    @property
    def version(self) -> int:
        """The version of the latest change."""
        return self._version

    @property
    def types(self) -> Mapping[str, ResourceType]:
        """All resources served now, by qualified plural."""
        return self._types

    def type_of(self, resource: str) -> ResourceType:
        """Return what is known of a resource."""
        try:
            return self._types[resource]
        except KeyError:
            raise unknown_resource() from None

    def register(self, type_: ResourceType) -> None:
        """Serve a resource, or serve it by new rules: its watches then end, its past is forgotten."""
        self._types[type_.resource] = type_
        self._objects.setdefault(type_.resource, {})
        journal = self._journals.get(type_.resource)
        if journal is None:
            self._journals[type_.resource] = Journal(self._version, _JOURNAL_LENGTH)
        else:
            self._version += 1
            journal.forget(self._version)
            journal.close()

    def unregister(self, resource: str) -> None:
        """Cease to serve a resource: its watches end."""
        self._types.pop(resource)
        self._objects.pop(resource)
        self._journals.pop(resource).close()

    def subscribe(self, listener: Listener) -> None:
        """Have a function called within every write, after watches were told."""
        self._listeners.append(listener)

    def forget_history(self) -> None:
        """Make every version known so far too old to watch from, as a restart of the server does."""
        self._version += 1
        for journal in self._journals.values():
            journal.forget(self._version)

    def get(self, resource: str, name: str, namespace: str | None = None) -> Object:
        """Return a copy of an object."""
        return self.revision(resource, name, namespace).copy()

    def revision(self, resource: str, name: str, namespace: str | None = None) -> Revision:
        """Return an object as it is stored, to be read only."""
        self.type_of(resource)
        try:
            return self._objects[resource][namespace or "", name]
        except KeyError:
            raise not_found(resource, name) from None

    def list(
        self, resource: str, namespace: str | None = None, selector: Selector | None = None
    ) -> tuple[Objects, int]:
        """Return copies of all matching objects, by namespace and name, and the version of the list."""
        return [each.copy() for each in self.revisions(resource, namespace, selector)], self._version

    def revisions(
        self, resource: str, namespace: str | None = None, selector: Selector | None = None
    ) -> Revisions:
        """Return all matching objects as they are stored, to be read only."""
        self.type_of(resource)
        objects = self._objects[resource]
        return [
            objects[key]
            for key in sorted(objects)
            if (namespace is None or key[0] == namespace)
            and (not selector or selector.matches(objects[key].content))
        ]

    def view(self, resource: str, namespace: str | None = None, selector: Selector | None = None) -> Views:
        """Return all matching objects without copying, to be read only."""
        return [each.content for each in self.revisions(resource, namespace, selector)]

    def watch(
        self,
        resource: str,
        namespace: str | None = None,
        *,
        since: int | None = None,
        selector: Selector | None = None,
    ) -> Watch:
        """Return the changes after a version; without one, the present objects as ADDED and then all changes.

        The watch begins with this call, not with the first read.
        """
        self.type_of(resource)
        watch = Watch(namespace, selector, self._version if since is None else since)
        if since is None:
            watch.add(Sighting("ADDED", each) for each in self.revisions(resource, namespace, selector))
        self._journals[resource].watch(watch, since)
        return watch

    def check_version(self, version: int) -> None:
        """Refuse a version that is yet to come."""
        if version > self._version:
            raise too_large_version(version, self._version)

    def create(self, resource: str, obj: Object, *, dry_run: bool = False) -> Object:
        """Store a new object and return it with what the server added."""
        type_ = self.type_of(resource)
        new = new_object(type_, obj)
        namespace, name = key_of(new)
        if type_.namespaced:
            self._check_namespace(type_, namespace, name)
        if (namespace, name) in self._objects[resource]:
            raise already_exists(resource, name)
        self._complete(type_, new, None)
        if resource == "pods":
            admit_pod(self, new)
        return self._commit(type_, "ADDED", new, None, dry_run=dry_run).copy()

    def update(
        self, resource: str, obj: Object, *, subresource: str | None = None, dry_run: bool = False
    ) -> Object:
        """Replace an object, or its status only, if it still has the version that `obj` names (409 else)."""
        type_ = self.type_of(resource)
        metadata = obj.get("metadata", {})
        namespace = metadata.get("namespace") if type_.namespaced else None
        current = self.revision(resource, metadata.get("name", ""), namespace)
        expected = metadata.get("resourceVersion") or ""
        if not expected and not type_.blind_update:
            cause = invalid_value("metadata.resourceVersion", 0, "must be specified for an update")
            raise invalid(type_.kind, type_.group, metadata["name"], [cause])
        if expected and expected != str(current.version):
            raise conflict(resource, metadata["name"])
        if metadata.get("uid") not in (None, current.content["metadata"]["uid"]):
            why = (
                f"Precondition failed: UID in precondition: {metadata['uid']}, "
                f"UID in object meta: {current.content['metadata']['uid']}"
            )
            raise conflict(resource, metadata["name"], why)
        return self._replace(type_, current, private_copy(obj), subresource, dry_run=dry_run)

    def mutate(
        self,
        resource: str,
        name: str,
        namespace: str | None,
        change: Callable[[Object], None],
        *,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Read an object, let `change` alter it in place, and store it; nothing can come between."""
        current = self.revision(resource, name, namespace)
        new = current.copy()
        change(new)
        return self._replace(self.type_of(resource), current, new, subresource, dry_run=dry_run)

    def delete(
        self,
        resource: str,
        name: str,
        namespace: str | None = None,
        *,
        grace_s: int | None = None,
        propagation: str | None = None,
        uid: str | None = None,
        version: str | None = None,
        dry_run: bool = False,
    ) -> Object:
        """Delete an object, or mark it for deletion while finalizers or its node still hold it.

        Args:
            grace_s: For pods: seconds that the processes have; 0 removes the object at once.
            propagation: What becomes of objects that this one owns: Background, Foreground or Orphan.
            uid: Delete only the object with this uid.
            version: Delete only this version.

        Returns:
            The object as it was last; with `deletionTimestamp` if it is still there.
        """
        type_ = self.type_of(resource)
        current = self.revision(resource, name, namespace)
        self._check_preconditions(resource, current, uid, version)
        new = current.copy()
        metadata = new["metadata"]
        marked = "deletionTimestamp" in metadata
        if not marked and (finalizer := _DEPENDENTS.get(propagation or "")):
            metadata["finalizers"] = [*metadata.get("finalizers", ()), finalizer]
        grace = grace_of(new, grace_s) if type_.graceful else 0
        if not grace and not finalizers_of(new):
            return self._remove(type_, current, new, dry_run=dry_run)
        if not marked or grace < metadata.get("deletionGracePeriodSeconds", 0):
            metadata["deletionTimestamp"] = now(grace)
            metadata["deletionGracePeriodSeconds"] = grace
            if type_.has_generation and not marked:
                metadata["generation"] += 1
            if resource == "namespaces":
                new.setdefault("status", {})["phase"] = "Terminating"
            return self._commit(type_, "MODIFIED", new, current, dry_run=dry_run).copy()
        return new

    def _replace(
        self, type_: ResourceType, current: Revision, new: Object, subresource: str | None, *, dry_run: bool
    ) -> Object:
        old = current.content
        new = merged_for_update(type_, old, new, subresource)
        if type_.resource == "services":
            take_over(new, old)
        self._complete(type_, new, old)
        if new == old:
            return new
        metadata = new["metadata"]
        if type_.has_generation and desired_part(new, type_) != desired_part(old, type_):
            metadata["generation"] = old["metadata"].get("generation", 0) + 1
        waits = type_.graceful and metadata.get("deletionGracePeriodSeconds", 0) > 0
        if "deletionTimestamp" in metadata and not finalizers_of(new) and not waits:
            return self._remove(type_, current, new, dry_run=dry_run)
        return self._commit(type_, "MODIFIED", new, current, dry_run=dry_run).copy()

    def _complete(self, type_: ResourceType, new: Object, old: Mapping[str, Any] | None) -> None:
        """Fill in defaults and hold the rules; built-in kinds have no schema, so a wrong type shows here."""
        try:
            if type_.resource == "services":
                align(new.get("spec") or {})
            type_.default(new)
            if new != old:
                self._check(type_, new, old)
                if type_.resource == "services":
                    assign(new, old, self.view("services"), self.service_ranges)
        except (AttributeError, KeyError, TypeError) as error:
            if type_.is_custom:
                raise
            raise bad_request(
                f'{type_.kind} in version "{type_.version}" cannot be handled: {error}'
            ) from error

    def _check(self, type_: ResourceType, new: Object, old: Mapping[str, Any] | None) -> None:
        causes: list[Cause] = metadata_causes(type_, new, old)
        causes += finalizer_causes(new, old)
        causes += type_.validate(new, old)
        if causes:
            raise invalid(type_.kind, type_.group, new["metadata"].get("name", ""), causes)

    def _check_namespace(self, type_: ResourceType, namespace: str, name: str) -> None:
        found = self._objects["namespaces"].get(("", namespace))
        if found is None:
            raise not_found("namespaces", namespace)
        if "deletionTimestamp" in found.content["metadata"]:
            why = f"unable to create new content in namespace {namespace} because it is being terminated"
            cause = Cause(
                "metadata.namespace", "NamespaceTerminating", f"namespace {namespace} is being terminated"
            )
            raise forbidden(type_.resource, name, why, [cause])

    def _check_preconditions(
        self, resource: str, current: Revision, uid: str | None, version: str | None
    ) -> None:
        metadata = current.content["metadata"]
        for field, wanted, found in (
            ("UID", uid, metadata["uid"]),
            ("ResourceVersion", version, metadata["resourceVersion"]),
        ):
            if wanted is not None and wanted != found:
                why = (
                    f"Precondition failed: {field} in precondition: {wanted}, {field} in object meta: {found}"
                )
                raise conflict(resource, metadata["name"], why)

    def _remove(self, type_: ResourceType, current: Revision, last: Object, *, dry_run: bool) -> Object:
        return self._commit(type_, "DELETED", last, current, dry_run=dry_run).copy()

    def _commit(
        self,
        type_: ResourceType,
        kind: EventType,
        content: Object,
        before: Revision | None,
        *,
        dry_run: bool,
    ) -> Revision:
        if dry_run:
            return Revision(content, self._version)
        self._version += 1
        content["metadata"]["resourceVersion"] = str(self._version)
        revision = Revision(content, self._version)
        key = key_of(content)
        if kind == "DELETED":
            del self._objects[type_.resource][key]
        else:
            self._objects[type_.resource][key] = revision
        change = Change(kind, revision, before)
        self._journals[type_.resource].publish(change)
        for listener in self._listeners:
            listener(type_.resource, change)
        return revision
