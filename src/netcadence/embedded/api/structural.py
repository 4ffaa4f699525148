"""Custom resource definitions: what makes one acceptable, and the resource that it defines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from netcadence.embedded.api.resources import Column, ResourceType
from netcadence.embedded.api.schema import Schema
from netcadence.embedded.api.status import Cause, Object, invalid_value, required, unsupported_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def definition_causes(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
    """Return what is wrong with a CustomResourceDefinition."""
    return list(_causes(new, old))


def _causes(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> Iterator[Cause]:
    spec = new.get("spec") or {}
    names = spec.get("names") or {}
    expected = f"{names.get('plural')}.{spec.get('group')}"
    if new["metadata"].get("name") != expected:
        yield invalid_value(
            "metadata.name", new["metadata"].get("name"), 'must be spec.names.plural+"."+spec.group'
        )
    for field, value in (
        ("spec.group", spec.get("group")),
        ("spec.names.plural", names.get("plural")),
        ("spec.names.kind", names.get("kind")),
    ):
        if not value:
            yield required(field)
    if spec.get("scope") not in ("Namespaced", "Cluster"):
        yield unsupported_value("spec.scope", spec.get("scope"), ("Cluster", "Namespaced"))
    if old is not None and old["spec"].get("scope") != spec.get("scope"):
        yield invalid_value("spec.scope", spec.get("scope"), "field is immutable")
    yield from _version_causes(spec.get("versions") or [])


def _version_causes(versions: list[Mapping[str, Any]]) -> Iterator[Cause]:
    if sum(bool(version.get("storage")) for version in versions) != 1:
        sentence = "must have exactly one version marked as storage version"
        yield invalid_value("spec.versions", [version.get("name") for version in versions], sentence)
    if len(versions) > 1:
        names = [version.get("name") for version in versions]
        yield invalid_value(
            "spec.versions", names, "the embedded API serves one version of a custom resource"
        )
    for index, version in enumerate(versions):
        path = f"spec.versions[{index}].schema.openAPIV3Schema"
        schema = (version.get("schema") or {}).get("openAPIV3Schema")
        if not schema:
            yield required(path, "schemas are required")
            continue
        if schema.get("type") != "object":
            yield invalid_value(f"{path}.type", schema.get("type"), "must be object at the root")
        try:
            Schema(schema)
        except (re.error, AttributeError, TypeError) as error:
            yield invalid_value(path, str(error), "must be a valid schema")


def defined_type(definition: Mapping[str, Any]) -> ResourceType:
    """Return the resource that a definition describes."""
    spec = definition["spec"]
    names = spec["names"]
    version = next(each for each in spec["versions"] if each.get("storage"))
    schema = Schema(version["schema"]["openAPIV3Schema"])
    offered = version.get("subresources") or {}

    def validate(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> list[Cause]:
        return schema.object_causes(new, old)

    def complete(obj: Object) -> None:
        schema.prune_object(obj)
        schema.default(obj)

    return ResourceType(
        group=spec["group"],
        version=version["name"],
        plural=names["plural"],
        kind=names["kind"],
        namespaced=spec["scope"] == "Namespaced",
        singular=names.get("singular", ""),
        list_kind=names.get("listKind", ""),
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=frozenset(offered) & {"status"},
        blind_update=False,
        has_generation=True,
        default=complete,
        validate=validate,
        schema=schema,
        columns=_columns(version),
    )


def _columns(version: Mapping[str, Any]) -> tuple[Column, ...]:
    declared = version.get("additionalPrinterColumns") or [
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}
    ]
    return tuple(
        Column(
            name=each["name"],
            type=each["type"],
            path=each["jsonPath"],
            description=each.get("description", ""),
            priority=each.get("priority", 0),
            format=each.get("format", ""),
        )
        for each in declared
    )
