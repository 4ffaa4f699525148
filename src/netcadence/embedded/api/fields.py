"""Who owns which field: sets of field paths, in the form that `managedFields` has.

A path is a tuple of steps: `f:name` into a map, `k:{"name":"x"}` to an item of a keyed list, `v:"x"` to a
value of a set. A set holds the paths of leaves only; a list that is neither keyed nor a set is a leaf.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from netcadence.embedded.api.patch import MERGE_SETS, merge_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from netcadence.embedded.api.schema import Schema
    from netcadence.embedded.api.status import Object

Path = tuple[str, ...]

#: Fields of metadata that nobody owns: the server keeps them.
_UNOWNED: Final = frozenset(
    {
        "creationTimestamp",
        "deletionGracePeriodSeconds",
        "deletionTimestamp",
        "generation",
        "managedFields",
        "name",
        "namespace",
        "resourceVersion",
        "selfLink",
        "uid",
    }
)
_SELF: Final = "."
_PROTOCOL: Final = "protocol"
#: What a key of an item is where a writer leaves it out.
_KEY_DEFAULTS: Final = {_PROTOCOL: "TCP"}


class ListKinds:
    """Which lists are merged item by item: by a custom resource's schema, or by name for built-in ones."""

    def __init__(self, schema: Schema | None, *, custom: bool) -> None:
        self._schema = schema
        self._custom = custom

    def inside(self, field: str) -> ListKinds:
        if self._schema is None:
            return self
        child = self._schema.properties.get(field) or self._schema.additional
        return ListKinds(child, custom=True)

    def items(self) -> ListKinds:
        return ListKinds(self._schema.items if self._schema else None, custom=self._custom)

    def keys(self, field: str, items: list[Any]) -> tuple[str, ...]:
        """Return the keys that tell the items of a list apart; none if it is not keyed."""
        if self._custom:
            keyed = self._schema is not None and self._schema.list_type == "map"
            return self._schema.list_keys if keyed and self._schema else ()
        key = merge_key(field, items)
        if field == "ports" and key:
            return (key, _PROTOCOL)  # one number may be there for TCP and for UDP
        return (key,) if key else ()

    def is_set(self, field: str) -> bool:
        if self._custom:
            return self._schema is not None and self._schema.list_type == "set"
        return field in MERGE_SETS


def owned_paths(obj: Mapping[str, Any], kinds: ListKinds, *, status: bool) -> set[Path]:
    """Return the leaves of an object that a writer of it, or of its status, comes to own."""
    found: set[Path] = set()
    if status:
        if "status" in obj:
            found.update(_leaves(obj["status"], "status", kinds.inside("status"), ("f:status",)))
        return found
    for name, value in obj.items():
        if name == "metadata":
            rest = {key: each for key, each in value.items() if key not in _UNOWNED}
            found.update(_leaves(rest, name, ListKinds(None, custom=False), ("f:metadata",)) if rest else ())
        elif name not in ("apiVersion", "kind", "status"):
            found.update(_leaves(value, name, kinds.inside(name), (f"f:{name}",)))
    return found


def _leaves(value: Any, field: str, kinds: ListKinds, path: Path) -> Iterator[Path]:
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from _leaves(each, name, kinds.inside(name), (*path, f"f:{name}"))
        return
    if isinstance(value, list) and value:
        if keys := kinds.keys(field, value):
            for item in value:
                step = (*path, item_step(item, keys))
                yield step
                for name, each in item.items():
                    yield from _leaves(each, name, kinds.items().inside(name), (*step, f"f:{name}"))
            return
        if kinds.is_set(field):
            for item in value:
                yield (*path, f"v:{_json(item)}")
            return
    yield path


def item_step(item: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """Return the step to an item of a keyed list."""
    return f"k:{_json({key: item.get(key, _KEY_DEFAULTS.get(key)) for key in keys})}"


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def to_fields(paths: Iterable[Path]) -> Object:
    """Return a set of paths as `fieldsV1`."""
    root: Object = {}
    ordered = sorted(paths)
    inner = {path[:length] for path in ordered for length in range(1, len(path))}
    for path in ordered:
        node = root
        for step in path:
            node = node.setdefault(step, {})
        if path in inner:
            node[_SELF] = {}
    return root


def from_fields(fields: Mapping[str, Any], path: Path = ()) -> set[Path]:
    """Return `fieldsV1` as a set of paths."""
    found: set[Path] = set()
    for step, below in fields.items():
        if step == _SELF:
            found.add(path)
        elif below:
            found |= from_fields(below, (*path, step))
        else:
            found.add((*path, step))
    return found


_MISSING: Final = object()


def value_at(obj: Any, path: Path) -> Any:
    """Return what a path leads to; a value that equals nothing else if it leads nowhere.

    An item of a keyed list counts as being there, whatever it holds: its fields have paths of their own.
    """
    value = obj
    for step in path:
        kind, name = step[:2], step[2:]
        if kind == "f:":
            value = value.get(name, _MISSING) if isinstance(value, dict) else _MISSING
        elif not isinstance(value, list):
            return _MISSING
        elif kind == "v:":
            value = name if json.loads(name) in value else _MISSING
        else:
            value = item_of(value, name)
        if value is _MISSING:
            return _MISSING
    return True if path and path[-1].startswith("k:") else value


def item_of(items: list[Any], key: str) -> Any:
    wanted = json.loads(key).items()
    return next((each for each in items if all(each.get(name) == value for name, value in wanted)), _MISSING)


def remove_at(obj: Any, path: Path) -> None:
    """Remove what a path leads to, if it leads anywhere."""
    value = obj
    for step in path[:-1]:
        kind, name = step[:2], step[2:]
        if kind == "f:" and isinstance(value, dict):
            value = value.get(name)
        elif kind == "k:" and isinstance(value, list):
            value = item_of(value, name)
        else:
            return
    kind, name = path[-1][:2], path[-1][2:]
    if kind == "f:" and isinstance(value, dict):
        value.pop(name, None)
    elif isinstance(value, list):
        gone = json.loads(name) if kind == "v:" else item_of(value, name)
        if gone in value:
            value.remove(gone)


def shown_path(path: Path) -> str:
    """Return a path as messages show it: `.spec.containers[name="a"].image`."""
    text = ""
    for step in path:
        kind, name = step[:2], step[2:]
        if kind == "f:":
            text += f".{name}"
        elif kind == "v:":
            text += f"[={name}]"
        else:
            keys = cast("dict[str, Any]", json.loads(name))
            text += "[" + ",".join(f"{key}={_json(value)}" for key, value in keys.items()) + "]"
    return text
