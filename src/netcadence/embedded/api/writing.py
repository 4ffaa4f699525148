"""POST, PUT, PATCH and DELETE of objects."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

from netcadence.embedded.api.apply import apply_configuration, track_update
from netcadence.embedded.api.bodies import (
    answer,
    check_object,
    decode,
    decode_object,
    media_type,
    read_body,
)
from netcadence.embedded.api.patch import (
    APPLY_PATCH,
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_PATCH,
    apply_json_patch,
    apply_merge_patch,
    apply_strategic_patch,
)
from netcadence.embedded.api.reading import selector_of
from netcadence.embedded.api.service import service_of
from netcadence.embedded.api.status import (
    ApiError,
    Cause,
    Object,
    bad_request,
    invalid,
    not_found,
    required,
    unsupported_media_type,
)
from netcadence.embedded.api.target import flag, is_dry_run, number

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from netcadence.embedded.api.resources import ResourceType
    from netcadence.embedded.api.target import Target

_PROPAGATIONS: Final = ("Background", "Foreground", "Orphan")
_UNEVALUATED: Final = "x-kubernetes-validations"


async def create_object(request: Request, target: Target) -> Response:
    """Store a new object."""
    body = await read_body(request)
    obj = decode_object(body, media_type(request), target)
    warnings = _check_fields(request, target, obj)
    created = service_of(request).store.create(
        target.type.resource, obj, dry_run=is_dry_run(request.query_params)
    )
    return answer(created, 201, warnings)


async def replace_object(request: Request, target: Target) -> Response:
    """Replace an object or its status."""
    body = await read_body(request)
    obj = decode_object(body, media_type(request), target)
    warnings = _check_fields(request, target, obj)
    current = service_of(request).store.get(target.type.resource, target.name, target.namespace)
    return answer(_store(request, target, current, obj), warnings=warnings)


async def patch_object(request: Request, target: Target) -> Response:
    """Change an object or its status in one of the four ways there are."""
    media = media_type(request)
    accepted = [JSON_PATCH, MERGE_PATCH, APPLY_PATCH]
    if not target.type.is_custom:
        accepted.append(STRATEGIC_PATCH)
    if media not in accepted:
        raise unsupported_media_type(accepted)
    patch = decode(await read_body(request), media)
    if media == APPLY_PATCH:
        return _apply(request, target, patch)
    current = service_of(request).store.get(target.type.resource, target.name, target.namespace)
    new = check_object(_patched(current, patch, media), target)
    warnings = _check_fields(request, target, new)
    return answer(_store(request, target, current, new), warnings=warnings)


def _patched(current: Object, patch: Any, media: str) -> Any:
    if media == JSON_PATCH:
        return apply_json_patch(current, patch)
    if not isinstance(patch, dict):
        raise bad_request("error decoding patch: it must be an object")
    if media == MERGE_PATCH:
        return apply_merge_patch(current, patch)
    return apply_strategic_patch(current, patch)


def _store(request: Request, target: Target, current: Object, new: Object) -> Object:
    track_update(target.type, current, new, _manager(request), subresource=target.subresource)
    return service_of(request).store.update(
        target.type.resource,
        new,
        subresource=target.subresource or None,
        dry_run=is_dry_run(request.query_params),
    )


def _apply(request: Request, target: Target, config: Any) -> Response:
    query = request.query_params
    manager = query.get("fieldManager")
    if not manager:
        cause = required("fieldManager", "is required for apply patch")
        raise invalid("PatchOptions", "meta.k8s.io", "", [cause])
    config = check_object(config, target)
    if config["metadata"].get("managedFields"):
        raise bad_request("metadata.managedFields must be nil")
    warnings = _check_fields(request, target, config)
    store = service_of(request).store
    current = _current(request, target)
    if current is None and target.subresource:
        raise not_found(target.type.resource, target.name)
    new = apply_configuration(
        target.type, current, config, manager, subresource=target.subresource, force=flag(query, "force")
    )
    dry_run = is_dry_run(query)
    if current is None:
        return answer(store.create(target.type.resource, new, dry_run=dry_run), 201, warnings)
    stored = store.update(target.type.resource, new, subresource=target.subresource or None, dry_run=dry_run)
    return answer(stored, warnings=warnings)


def _current(request: Request, target: Target) -> Object | None:
    try:
        return service_of(request).store.get(target.type.resource, target.name, target.namespace)
    except ApiError as error:
        if error.reason != "NotFound":
            raise
        return None


def _manager(request: Request) -> str:
    """Return who writes, by their own word or by their program's name."""
    agent = request.headers.get("user-agent", "unknown").partition("/")[0]
    return request.query_params.get("fieldManager") or agent


def _check_fields(request: Request, target: Target, obj: Object) -> list[str]:
    """Remove fields that the schema does not know; return warnings of them, or refuse them if so asked."""
    known = target.type.known_fields
    if known is None:
        return _unevaluated_rules(obj) if target.type.kind == "CustomResourceDefinition" else []
    unknown = known.prune_object(obj)
    level = request.query_params.get("fieldValidation") or "Warn"
    if level not in ("Ignore", "Warn", "Strict"):
        raise bad_request(
            f'fieldValidation: Unsupported value: "{level}": supported values: "Ignore", "Strict", "Warn"'
        )
    if level == "Ignore" or not unknown:
        return []
    if level == "Warn":
        return [f'unknown field \\"{path}\\"' for path in unknown]
    listed = ", ".join(f'unknown field "{path}"' for path in unknown)
    message = f"strict decoding error: {listed}"
    if request.method == "PATCH":
        name = target.name
        raise invalid(
            target.type.kind,
            target.type.group,
            name,
            [Cause("patch", "FieldValueInvalid", f"Invalid value: {message}")],
        )
    version = (
        f'{target.type.kind} in version "{target.type.version}" cannot be handled as a {target.type.kind}'
    )
    raise bad_request(f"{version}: {message}")


def _unevaluated_rules(definition: Object) -> list[str]:
    """Say so when a definition has rules that are not evaluated here."""
    if _mentions(definition.get("spec"), _UNEVALUATED):
        return [f"the embedded API does not evaluate {_UNEVALUATED}"]
    return []


def _mentions(value: Any, key: str) -> bool:
    if isinstance(value, dict):
        return key in value or any(_mentions(each, key) for each in value.values())
    return isinstance(value, list) and any(_mentions(each, key) for each in value)


async def delete_object(request: Request, target: Target) -> Response:
    """Delete an object; answer with it if it is still there, else with a Status."""
    options = await _delete_options(request)
    type_ = target.type
    store = service_of(request).store
    warnings = _heed_orphans(type_, options)
    last = store.delete(type_.resource, target.name, target.namespace, **options)
    if "deletionTimestamp" in last["metadata"] or type_.returns_deleted:
        return answer(last, warnings=warnings)
    details = {
        "name": target.name,
        "group": type_.group,
        "kind": type_.plural,
        "uid": last["metadata"]["uid"],
    }
    body: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    body["details"] = {key: value for key, value in details.items() if value}
    return answer(body)


async def delete_collection(request: Request, target: Target) -> Response:
    """Delete all objects that match, and return them."""
    options = await _delete_options(request)
    type_ = target.type
    store = service_of(request).store
    warnings = _heed_orphans(type_, options)
    deleted = []
    for each in store.revisions(type_.resource, target.namespace, selector_of(request, target)):
        metadata = each.content["metadata"]
        deleted.append(store.delete(type_.resource, metadata["name"], metadata.get("namespace"), **options))
    return answer(
        {
            "kind": type_.list_kind or f"{type_.kind}List",
            "apiVersion": type_.api_version,
            "metadata": {"resourceVersion": str(store.version)},
            "items": deleted,
        },
        warnings=warnings,
    )


def _heed_orphans(type_: ResourceType, options: dict[str, Any]) -> list[str]:
    """Let dependents live where that is a resource's custom and nothing else is asked for; say so."""
    if options["propagation"] or not type_.orphans_dependents:
        return []
    options["propagation"] = "Orphan"
    kept = f"child pods are preserved by default when {type_.plural} are deleted"
    choices = "set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress"
    return [f"{kept}; {choices} this warning"]


async def _delete_options(request: Request) -> dict[str, Any]:
    """Return what the body and the query say about a deletion, as arguments of `Store.delete`."""
    query = request.query_params
    body = await read_body(request)
    options = copy.copy(decode(body, media_type(request))) if body else {}
    if not isinstance(options, dict):
        raise bad_request("the body must be DeleteOptions")
    propagation = options.get("propagationPolicy") or query.get("propagationPolicy")
    orphan = options.get("orphanDependents")
    if propagation is None and orphan is not None:
        propagation = "Orphan" if orphan else "Background"
    if propagation not in (None, *_PROPAGATIONS):
        listed = ", ".join(f'"{each}"' for each in _PROPAGATIONS)
        raise bad_request(
            f'propagationPolicy: Unsupported value: "{propagation}": supported values: {listed}'
        )
    grace_s = options.get("gracePeriodSeconds", number(query, "gracePeriodSeconds"))
    if grace_s is not None and (isinstance(grace_s, bool) or not isinstance(grace_s, int)):
        raise bad_request("gracePeriodSeconds: must be a whole number")
    preconditions = options.get("preconditions") or {}
    if not isinstance(preconditions, dict):
        raise bad_request("preconditions: must be an object")
    return {
        "grace_s": grace_s,
        "propagation": propagation,
        "uid": preconditions.get("uid"),
        "version": preconditions.get("resourceVersion"),
        "dry_run": is_dry_run(query) or "All" in (options.get("dryRun") or ()),
    }
