"""Server-side apply: merging what a manager declares, and keeping account of who owns what.

Ownership is kept only for objects that were applied at least once; until then nobody needs it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from netcadence.embedded.api.fields import (
    ListKinds,
    Path,
    from_fields,
    item_step,
    owned_paths,
    remove_at,
    shown_path,
    to_fields,
    value_at,
)
from netcadence.embedded.api.status import ApiError, Object
from netcadence.embedded.api.store import now

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netcadence.embedded.api.resources import ResourceType

_BEFORE: Final = "before-first-apply"


@dataclass(frozen=True, slots=True)
class Ownership:
    """What one manager owns through one kind of write."""

    manager: str
    operation: str
    api_version: str
    time: str
    subresource: str
    paths: frozenset[Path]

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> Ownership:
        return cls(
            manager=entry.get("manager", ""),
            operation=entry.get("operation", "Update"),
            api_version=entry.get("apiVersion", ""),
            time=entry.get("time", ""),
            subresource=entry.get("subresource", ""),
            paths=frozenset(from_fields(entry.get("fieldsV1") or {})),
        )

    def as_json(self) -> Object:
        entry = {
            "manager": self.manager,
            "operation": self.operation,
            "apiVersion": self.api_version,
            "time": self.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields(self.paths),
        }
        return {**entry, "subresource": self.subresource} if self.subresource else entry

    def is_by(self, manager: str, operation: str, subresource: str) -> bool:
        return (self.manager, self.operation, self.subresource) == (manager, operation, subresource)


def apply_configuration(
    type_: ResourceType,
    current: Object | None,
    config: Object,
    manager: str,
    *,
    subresource: str = "",
    force: bool = False,
) -> Object:
    """Return the object after a manager applied its configuration.

    Raises:
        ApiError: Another manager owns a field and wants another value (409), and `force` is not set.
    """
    kinds = _kinds(type_)
    status = subresource == "status"
    config = {key: value for key, value in config.items() if key != "managedFields"}
    config["metadata"] = {k: v for k, v in config["metadata"].items() if k != "managedFields"}
    wanted = owned_paths(config, kinds, status=status)
    owners = _owners(type_, current, kinds)
    mine = next((each for each in owners if each.is_by(manager, "Apply", subresource)), None)
    others = [each for each in owners if each is not mine]
    contested = _contested(current, config, wanted, others)
    if contested and not force:
        raise _conflict(contested)
    taken = {path for path, _ in contested}
    others = [replace(each, paths=each.paths - taken) for each in others]
    result: Object = _merged(current or {}, config, kinds)
    kept = wanted.union(*(each.paths for each in others))
    # Shorter paths first: an item of a keyed list is found by its keys, which are fields of its own.
    for path in sorted((mine.paths if mine else set()) - kept, key=len):
        if not any(each[: len(path)] == path for each in kept):
            remove_at(result, path)
    entry = Ownership(manager, "Apply", type_.api_version, now(), subresource, frozenset(wanted))
    if mine is not None and mine.paths == entry.paths and _same(result, current):
        entry = mine
    _write_owners(result, [*others, entry])
    return result


def track_update(
    type_: ResourceType, old: Mapping[str, Any], new: Object, manager: str, *, subresource: str = ""
) -> None:
    """Note in a new version, in place, that whoever wrote it owns what it changed."""
    entries = old["metadata"].get("managedFields")
    new["metadata"] = {key: value for key, value in new["metadata"].items() if key != "managedFields"}
    if not entries:
        return
    kinds = _kinds(type_)
    status = subresource == "status"
    before, after = (owned_paths(each, kinds, status=status) for each in (old, new))
    changed = {path for path in before | after if value_at(old, path) != value_at(new, path)}
    owners = [Ownership.read(each) for each in entries]
    if changed:
        mine = next((each for each in owners if each.is_by(manager, "Update", subresource)), None)
        owners = [replace(each, paths=each.paths - changed) for each in owners if each is not mine]
        paths = ((mine.paths if mine else frozenset()) - changed) | (changed & after)
        owners.append(Ownership(manager, "Update", type_.api_version, now(), subresource, frozenset(paths)))
    _write_owners(new, owners)


def _kinds(type_: ResourceType) -> ListKinds:
    return ListKinds(type_.schema, custom=type_.is_custom)


def _owners(type_: ResourceType, current: Object | None, kinds: ListKinds) -> list[Ownership]:
    if current is None:
        return []
    entries = current["metadata"].get("managedFields")
    if entries:
        return [Ownership.read(each) for each in entries]
    paths = frozenset(owned_paths(current, kinds, status=False))
    return [Ownership(_BEFORE, "Update", type_.api_version, now(), "", paths)]


def _contested(
    current: Object | None, config: Object, wanted: set[Path], others: list[Ownership]
) -> list[tuple[Path, Ownership]]:
    return [
        (path, owner)
        for owner in others
        for path in sorted(owner.paths & wanted)
        if value_at(current, path) != value_at(config, path)
    ]


def _conflict(contested: list[tuple[Path, Ownership]]) -> ApiError:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{owner.manager}" using {owner.api_version}',
            "field": shown_path(path),
        }
        for path, owner in contested
    ]
    plural = "conflict" if len(causes) == 1 else "conflicts"
    listed = ", ".join(f"{cause['message']}: {cause['field']}" for cause in causes)
    message = f"Apply failed with {len(causes)} {plural}: {listed}"
    return ApiError(409, "Conflict", message, {"causes": causes})


def _merged(current: Any, config: Any, kinds: ListKinds, field: str = "") -> Any:
    if isinstance(config, dict) and isinstance(current, dict):
        result = dict(current)
        for name, value in config.items():
            below = ListKinds(None, custom=False) if not field and name == "metadata" else kinds.inside(name)
            result[name] = _merged(current.get(name), value, below, name)
        return result
    if isinstance(config, list) and isinstance(current, list):
        if keys := kinds.keys(field, [*config, *current]):
            return _merged_items(current, config, kinds.items(), keys)
        if kinds.is_set(field):
            return [*current, *(each for each in config if each not in current)]
    return copy.deepcopy(config)


def _merged_items(
    current: list[Any], config: list[Any], kinds: ListKinds, keys: tuple[str, ...]
) -> list[Any]:
    result = {item_step(item, keys): item for item in current}
    for item in config:
        step = item_step(item, keys)
        result[step] = _merged(result.get(step), item, kinds, "items")
    return list(result.values())


def _same(result: Object, current: Object | None) -> bool:
    return current is not None and _without_owners(result) == _without_owners(current)


def _without_owners(obj: Object) -> Object:
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": metadata}


def _write_owners(obj: Object, owners: list[Ownership]) -> None:
    obj["metadata"] = dict(obj["metadata"])
    obj["metadata"]["managedFields"] = [each.as_json() for each in owners if each.paths]
