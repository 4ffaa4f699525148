"""The OpenAPI documents: custom resources with their schemas, built-in ones by name.

kubectl reads them to learn whether the server checks fields itself, and for `kubectl explain`.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import orjson

from netcadence.embedded.api.bodies import answer, unknown_path
from netcadence.embedded.api.discovery import VERSION, groups
from netcadence.embedded.api.patch import APPLY_PATCH, JSON_PATCH, MERGE_PATCH
from netcadence.embedded.api.service import service_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.requests import Request
    from starlette.responses import Response

    from netcadence.embedded.api.resources import ResourceType
    from netcadence.embedded.api.status import Object

_INFO: Final = {"title": "Kubernetes", "version": VERSION["gitVersion"]}
_PARAMETERS: Final = tuple(
    {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
    for name in ("dryRun", "fieldManager", "fieldValidation")
)
_OPEN: Final = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


async def index(request: Request) -> Response:
    """Answer `/openapi/v3`: where each group's document is."""
    paths = {}
    for (group, version), types in groups(service_of(request).store.types).items():
        path = _path(group, version)
        digest = hashlib.sha256(orjson.dumps(_document(types))).hexdigest()[:32]
        paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
    return answer({"paths": paths})


async def document(request: Request) -> Response:
    """Answer with one group's document."""
    wanted = request.path_params["path"].strip("/")
    for (group, version), types in groups(service_of(request).store.types).items():
        if _path(group, version) == wanted:
            return answer(_document(types))
    return unknown_path()


def _path(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def _document(types: Iterable[ResourceType]) -> Object:
    paths: Object = {}
    schemas: Object = {}
    for type_ in types:
        where = "/namespaces/{namespace}" if type_.namespaced else ""
        base = f"/{_path(type_.group, type_.version)}{where}/{type_.plural}"
        paths[base] = {"post": _operation(type_, "post", ["*/*"])}
        paths[f"{base}/{{name}}"] = {
            "get": _operation(type_, "get", []),
            "put": _operation(type_, "put", ["*/*"]),
            "patch": _operation(type_, "patch", [JSON_PATCH, MERGE_PATCH, APPLY_PATCH]),
        }
        schemas[_schema_name(type_)] = _schema(type_)
    return {"openapi": "3.0.0", "info": _INFO, "paths": paths, "components": {"schemas": schemas}}


def _operation(type_: ResourceType, method: str, media: list[str]) -> Object:
    reference = {"$ref": f"#/components/schemas/{_schema_name(type_)}"}
    operation: Object = {
        "operationId": f"{method}{type_.kind}",
        "parameters": list(_PARAMETERS),
        "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": reference}}}},
        "x-kubernetes-action": method,
        "x-kubernetes-group-version-kind": _kind(type_),
    }
    if media:
        operation["requestBody"] = {"content": {each: {"schema": reference} for each in media}}
    return operation


def _kind(type_: ResourceType) -> dict[str, str]:
    return {"group": type_.group, "version": type_.version, "kind": type_.kind}


def _schema_name(type_: ResourceType) -> str:
    reversed_group = ".".join(reversed(type_.group.split("."))) or "io.k8s.api.core"
    return f"{reversed_group}.{type_.version}.{type_.kind}"


def _schema(type_: ResourceType) -> Object:
    if type_.schema is not None:
        schema: dict[str, Any] = dict(type_.schema.source)
    else:
        text = {"type": "string"}
        known = type_.fields.source["properties"] if type_.fields else {"spec": _OPEN, "status": _OPEN}
        schema = {
            "type": "object",
            "description": f"{type_.kind} of {type_.api_version}; kept as it is sent.",
            "properties": {"apiVersion": text, "kind": text, "metadata": _OPEN, **known},
        }
    return {**schema, "x-kubernetes-group-version-kind": [_kind(type_)]}
