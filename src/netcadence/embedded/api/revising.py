"""What a write does to an object, as functions of the old and the new one."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import orjson

from netcadence.embedded.api.pod_phase import is_final
from netcadence.embedded.api.status import Cause, Object, forbidden_field, shown

if TYPE_CHECKING:
    from netcadence.embedded.api.resources import ResourceType

#: Namespace (empty if there is none) and name.
Key = tuple[str, str]

#: Metadata that writers do not set.
_SYSTEM_FIELDS: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)
_NAME_LIMIT: Final = 253
_SUFFIX_LENGTH: Final = 5
_SUFFIX_LETTERS: Final = "bcdfghjklmnpqrstvwxz2456789"


def now(after_s: float = 0) -> str:
    """Return the time as Kubernetes writes it in metadata: UTC, whole seconds."""
    return (datetime.now(UTC) + timedelta(seconds=after_s)).strftime("%Y-%m-%dT%H:%M:%SZ")


def private_copy(obj: Object) -> Object:
    """Return a copy that nobody else holds."""
    return cast("Object", orjson.loads(orjson.dumps(obj)))


def key_of(obj: Mapping[str, Any]) -> Key:
    return obj["metadata"].get("namespace", ""), obj["metadata"].get("name", "")


def new_object(type_: ResourceType, obj: Object) -> Object:
    """Return what a create makes of an object: placed, named, and with the metadata that the server keeps."""
    copy: Object = {"apiVersion": type_.api_version, "kind": type_.kind, "metadata": {}}
    copy |= private_copy({key: value for key, value in obj.items() if key not in ("apiVersion", "kind")})
    metadata = copy["metadata"]
    for field in (*_SYSTEM_FIELDS, "resourceVersion", "selfLink"):
        metadata.pop(field, None)
    if type_.namespaced:
        metadata["namespace"] = metadata.get("namespace") or "default"
    else:
        metadata.pop("namespace", None)
    if not metadata.get("name") and (prefix := metadata.get("generateName")):
        metadata["name"] = prefix[: _NAME_LIMIT - _SUFFIX_LENGTH] + _random_suffix()
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = now()
    if type_.has_generation:
        metadata["generation"] = 1
    if type_.has_status and not type_.status_on_create:
        copy.pop("status", None)
    return copy


def _random_suffix() -> str:
    """Return letters to make a name unique, without vowels so that they spell nothing."""
    return "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(_SUFFIX_LENGTH))


def finalizers_of(obj: Mapping[str, Any]) -> list[str]:
    """Return what holds an object; a namespace has a second list, in its spec."""
    held = list(obj["metadata"].get("finalizers") or ())
    if obj["kind"] == "Namespace":
        held += obj.get("spec", {}).get("finalizers") or ()
    return held


def finalizer_causes(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
    """Refuse finalizers that are added once an object is being deleted."""
    if old is None or "deletionTimestamp" not in old["metadata"]:
        return []
    added = set(new["metadata"].get("finalizers", ())) - set(old["metadata"].get("finalizers", ()))
    if not added:
        return []
    listed = ", ".join(shown(each) for each in sorted(added))
    why = "no new finalizers can be added if the object is being deleted, found new finalizers []string"
    return [forbidden_field("metadata.finalizers", f"{why}{{{listed}}}")]


def grace_of(pod: Mapping[str, Any], asked_s: int | None) -> int:
    """Return how many seconds a pod's processes have to end; none if no node runs them."""
    if not pod["spec"].get("nodeName") or is_final(pod):
        return 0
    return int(pod["spec"].get("terminationGracePeriodSeconds", 30)) if asked_s is None else max(asked_s, 0)


def merged_for_update(
    type_: ResourceType, old: Mapping[str, Any], new: Object, subresource: str | None
) -> Object:
    """Return what is to be stored: a write touches either the status or all but the status."""
    if subresource == "status":
        merged = dict(old)
        merged["metadata"] = dict(old["metadata"])
        if "managedFields" in new.get("metadata", {}):
            merged["metadata"]["managedFields"] = new["metadata"]["managedFields"]
        merged.pop("status", None)
        if new.get("status") is not None:
            merged["status"] = new["status"]
        return private_copy(merged)
    new["apiVersion"], new["kind"] = type_.api_version, type_.kind
    if type_.has_status:
        new.pop("status", None)
        if "status" in old:
            new["status"] = private_copy(old["status"])
    metadata = new["metadata"]
    for field in (*_SYSTEM_FIELDS, "name", "namespace", "resourceVersion", "generateName"):
        metadata.pop(field, None)
        if field in old["metadata"]:
            metadata[field] = old["metadata"][field]
    return new


def desired_part(obj: Mapping[str, Any], type_: ResourceType) -> Object:
    """Return what counts for the generation: all that a writer wants, without what is reported."""
    ignored = {"metadata", "status"} if type_.has_status or not type_.is_custom else {"metadata"}
    return {key: value for key, value in obj.items() if key not in ignored}
