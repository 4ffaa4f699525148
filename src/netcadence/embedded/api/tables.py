"""Objects as rows, for clients that ask for `as=Table` (which is what `kubectl get` shows)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from netcadence.embedded.api.cells import CELLS, Cells
from netcadence.embedded.api.duration import shown_age
from netcadence.embedded.api.jsonpath import find
from netcadence.embedded.api.resources import Column

if TYPE_CHECKING:
    from collections.abc import Iterable

    from netcadence.embedded.api.resources import ResourceType
    from netcadence.embedded.api.status import Object

_NAME = Column("Name", "string", format="name", description="Name must be unique within a namespace.")
_AGE = Column("Age", "date", path=".metadata.creationTimestamp")


def table(
    type_: ResourceType,
    objects: Iterable[Mapping[str, Any]],
    metadata: Mapping[str, Any],
    *,
    include: str = "Metadata",
) -> Object:
    """Return a `meta.k8s.io/v1` Table.

    Args:
        metadata: The list's own metadata, such as its resourceVersion.
        include: What of each object goes with its row: None, Metadata or Object.
    """
    columns, cells = _layout(type_)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": dict(metadata),
        "columnDefinitions": [_definition(column) for column in columns],
        "rows": [{"cells": cells(obj), "object": _included(obj, include)} for obj in objects],
    }


def _layout(type_: ResourceType) -> tuple[tuple[Column, ...], Cells]:
    if type_.resource in CELLS:
        return CELLS[type_.resource]
    columns = type_.columns or (_AGE,)

    def cells(obj: Mapping[str, Any]) -> list[Any]:
        return [obj["metadata"]["name"], *(_cell(obj, column) for column in columns)]

    return (_NAME, *columns), cells


def _cell(obj: Mapping[str, Any], column: Column) -> Any:
    found = find(obj, column.path)
    if not found or found[0] is None:
        return None
    value = found[0]
    if column.type == "date":
        return shown_age(value)
    if column.type == "string":
        return ",".join(_text(each) for each in found)
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else re.sub(r"\s+", " ", str(value))


def _definition(column: Column) -> Object:
    return {
        "name": column.name,
        # Ages are sent as text that is ready to show.
        "type": "string" if column.type == "date" else column.type,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    }


def _included(obj: Mapping[str, Any], include: str) -> Mapping[str, Any] | None:
    if include == "None":
        return None
    return obj if include == "Object" else metadata_only(obj)


def metadata_only(obj: Mapping[str, Any]) -> Object:
    """Return the PartialObjectMetadata of an object."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
