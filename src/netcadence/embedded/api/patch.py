"""The three ways to patch an object: JSON patch, merge patch, strategic merge patch."""

from __future__ import annotations

import copy
from typing import Any, Final, cast

import jsonpatch
import jsonpointer

from netcadence.embedded.api.status import Cause, Object, bad_request, invalid

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC_PATCH: Final = "application/strategic-merge-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"

#: Lists of built-in objects that are merged item by item, and the keys that tell items apart.
MERGE_KEYS: Final[dict[str, tuple[str, ...]]] = {
    "addresses": ("type",),
    "conditions": ("type",),
    "containers": ("name",),
    "env": ("name",),
    "ephemeralContainers": ("name",),
    "hostAliases": ("ip",),
    "imagePullSecrets": ("name",),
    "initContainers": ("name",),
    "ownerReferences": ("uid",),
    "podIPs": ("ip",),
    "ports": ("containerPort", "port"),
    "secrets": ("name",),
    "topologySpreadConstraints": ("topologyKey",),
    "volumeDevices": ("devicePath",),
    "volumeMounts": ("mountPath",),
    "volumes": ("name",),
}
#: Lists of plain values that are merged as sets.
MERGE_SETS: Final = frozenset({"finalizers", "podCIDRs"})

_ORDER: Final = "$setElementOrder/"
_DELETE_VALUES: Final = "$deleteFromPrimitiveList/"


def apply_json_patch(obj: Object, operations: Any) -> Object:
    """Return the object after the operations of RFC 6902; `replace` also adds, as the real server lets it.

    Raises:
        ApiError: An operation fails (422) or is none (400).
    """
    if not isinstance(operations, list):
        raise bad_request("json patch must be an array of operations")
    if not all(isinstance(operation, dict) for operation in operations):
        raise bad_request("each operation of a json patch must be an object")
    result: Any = copy.deepcopy(obj)
    try:
        for operation in operations:
            result = jsonpatch.JsonPatch([_lenient(operation, result)]).apply(result, in_place=True)
    except (
        jsonpatch.JsonPatchTestFailed,
        jsonpatch.JsonPatchConflict,
        jsonpointer.JsonPointerException,
    ) as error:
        cause = Cause("", "", f"the server rejected our request due to an error in our request: {error}")
        raise invalid(str(obj.get("kind", "")), "", "", [cause]) from error
    except (jsonpatch.JsonPatchException, TypeError, KeyError) as error:
        raise bad_request(f"error decoding patch: {error}") from error
    return cast("Object", result)


def _lenient(operation: Object, obj: Any) -> Object:
    if operation.get("op") != "replace" or not operation.get("path"):
        return operation
    parent, _ = jsonpointer.JsonPointer(operation["path"]).to_last(obj)
    return {**operation, "op": "add"} if isinstance(parent, dict) else operation


def apply_merge_patch(target: Any, patch: Any) -> Any:
    """Return the target after a merge patch (RFC 7386): null deletes, lists are replaced."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = apply_merge_patch(merged.get(key), value)
    return merged


def apply_strategic_patch(target: Any, patch: Any) -> Any:
    """Return the target after a strategic merge patch: lists with a merge key are merged by it."""
    if not isinstance(patch, dict):
        return patch
    directive = patch.get("$patch")
    if directive == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    if directive == "delete":
        return {}
    merged = dict(target) if isinstance(target, dict) else {}
    if "$retainKeys" in patch:
        merged = {key: value for key, value in merged.items() if key in patch["$retainKeys"]}
    for key, value in patch.items():
        _merge_field(merged, key, value)
    for key, order in patch.items():
        if key.startswith(_ORDER):
            name = key.removeprefix(_ORDER)
            merged[name] = _ordered(merged.get(name) or [], order, name)
    return merged


def _merge_field(merged: Object, key: str, value: Any) -> None:
    if key in ("$patch", "$retainKeys") or key.startswith(_ORDER):
        return
    if key.startswith(_DELETE_VALUES):
        name = key.removeprefix(_DELETE_VALUES)
        merged[name] = [each for each in merged.get(name) or () if each not in value]
    elif value is None:
        merged.pop(key, None)
    elif isinstance(value, list):
        merged[key] = _merged_list(merged.get(key) or [], value, key)
    else:
        merged[key] = apply_strategic_patch(merged.get(key), value)


def _merged_list(current: list[Any], patch: list[Any], field: str) -> list[Any]:
    if field in MERGE_SETS:
        return [*current, *(each for each in patch if each not in current)]
    key = merge_key(field, [*patch, *current])
    if key is None:
        return patch
    if any(isinstance(each, dict) and each.get("$patch") == "replace" for each in patch):
        return [each for each in patch if each.get("$patch") != "replace"]
    result = list(current)
    for item in patch:
        index = next((i for i, each in enumerate(result) if each.get(key) == item.get(key)), None)
        if item.get("$patch") == "delete":
            if index is not None:
                del result[index]
        elif index is None:
            result.append(apply_strategic_patch({}, item))
        else:
            result[index] = apply_strategic_patch(result[index], item)
    return result


def merge_key(field: str, items: list[Any]) -> str | None:
    """Return the key that tells the items of a list of that name apart; None if it is replaced as a whole."""
    for key in MERGE_KEYS.get(field, ()):
        if items and all(isinstance(each, dict) and (key in each or "$patch" in each) for each in items):
            return key
    return None


def _ordered(items: list[Any], order: list[Any], field: str) -> list[Any]:
    """Sort items as the patch lists them; items that it does not list keep their place at the end."""
    key = merge_key(field, items)
    wanted = [each.get(key) if key and isinstance(each, dict) else each for each in order]

    def position(item: Any) -> int:
        name = item.get(key) if key else item
        return wanted.index(name) if name in wanted else len(wanted)

    return sorted(items, key=position)
