"""GET: one object, a list, or a stream of changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson
from starlette.responses import Response, StreamingResponse

from netcadence.embedded.api.bodies import JSON, answer
from netcadence.embedded.api.journal import Revision
from netcadence.embedded.api.selectors import FieldTerm, Selector
from netcadence.embedded.api.service import service_of
from netcadence.embedded.api.status import ApiError, bad_request, forbidden_field, invalid
from netcadence.embedded.api.tables import metadata_only, table
from netcadence.embedded.api.target import flag, is_watch, number

if TYPE_CHECKING:
    from starlette.requests import Request

    from netcadence.embedded.api.journal import Watch
    from netcadence.embedded.api.resources import ResourceType
    from netcadence.embedded.api.service import Service
    from netcadence.embedded.api.target import Target

_LONGEST_WATCH_S: Final = 3_600
#: How long a list waits for a version that is yet to come.
_PATIENCE_S: Final = 3.0

#: Turns an object into what the client asked to see of it.
Rendering = Callable[[Revision], bytes]


async def get_object(request: Request, target: Target) -> Response:
    """Return one object, or watch it."""
    if is_watch(request.query_params):
        return await watch_objects(request, target)
    revision = service_of(request).store.revision(target.type.resource, target.name, target.namespace)
    return answer(_rendering(request, target.type)(revision))


async def list_objects(request: Request, target: Target) -> Response:
    """Return a list, perhaps in pages, or watch it."""
    query = request.query_params
    if is_watch(query):
        return await watch_objects(request, target)
    service = service_of(request)
    limit = number(query, "limit")
    if token := query.get("continue"):
        page = service.pages.following(token, limit)
    else:
        await _await_version(service, _version(query.get("resourceVersion")))
        found = service.store.revisions(target.type.resource, target.namespace, selector_of(request, target))
        page = service.pages.first(found, service.store.version, limit)
    metadata: dict[str, Any] = {"resourceVersion": str(page.version)}
    if page.token:
        metadata |= {"continue": page.token, "remainingItemCount": page.remaining}
    return answer(_rendered_list(request, target.type, page.revisions, metadata))


async def _await_version(service: Service, version: int | None) -> None:
    if version is None or version <= service.store.version:
        return
    await asyncio.sleep(_PATIENCE_S)
    service.store.check_version(version)


def _version(text: str | None) -> int | None:
    """Return a resourceVersion as a number; None where any version will do."""
    if text in (None, "", "0"):
        return None
    try:
        return int(str(text))
    except ValueError:
        raise bad_request(
            f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: invalid syntax'
        ) from None


def selector_of(request: Request, target: Target) -> Selector:
    """Return which objects a request is about."""
    query = request.query_params
    selector = Selector.parse(
        query.get("labelSelector", ""), query.get("fieldSelector", ""), resource=target.type.resource
    )
    if not target.name:
        return selector
    return Selector(
        selector.labels, (*selector.fields, FieldTerm("metadata.name", equal=True, value=target.name))
    )


def _asked_form(request: Request) -> str:
    """Return `Table`, `PartialObjectMetadata` or nothing, whichever the client names first."""
    for each in request.headers.get("accept", "").split(","):
        parameters = dict(
            part.strip().split("=", 1)
            for part in each.split(";")[1:]
            if "=" in part  # a bare word says nothing
        )
        if parameters.get("g") == "meta.k8s.io" and parameters.get("v") == "v1":
            return parameters.get("as", "").removesuffix("List")
    return ""


def _include(request: Request) -> str:
    return request.query_params.get("includeObject") or "Metadata"


def _rendering(request: Request, type_: ResourceType) -> Rendering:
    form = _asked_form(request)
    include = _include(request)
    if form == "Table":
        return lambda revision: orjson.dumps(
            table(type_, [revision.content], {"resourceVersion": str(revision.version)}, include=include)
        )
    if form == "PartialObjectMetadata":
        return lambda revision: orjson.dumps(metadata_only(revision.content))
    return lambda revision: revision.json


def _rendered_list(
    request: Request, type_: ResourceType, revisions: list[Revision], metadata: Mapping[str, Any]
) -> bytes:
    form = _asked_form(request)
    if form == "Table":
        objects = (revision.content for revision in revisions)
        return orjson.dumps(table(type_, objects, metadata, include=_include(request)))
    kind, api_version = type_.list_kind or f"{type_.kind}List", type_.api_version
    if form == "PartialObjectMetadata":
        kind, api_version = "PartialObjectMetadataList", "meta.k8s.io/v1"
    render = _rendering(request, type_)
    head = orjson.dumps({"kind": kind, "apiVersion": api_version, "metadata": metadata})
    return head[:-1] + b',"items":[' + b",".join(render(each) for each in revisions) + b"]}"


async def watch_objects(request: Request, target: Target) -> Response:
    """Stream changes, one JSON object a line."""
    query = request.query_params
    service = service_of(request)
    initial = query.get("sendInitialEvents")
    if initial is not None and query.get("resourceVersionMatch") != "NotOlderThan":
        cause = forbidden_field("resourceVersionMatch", "sendInitialEvents requires NotOlderThan")
        raise invalid("ListOptions", "meta.k8s.io", "", [cause])
    since = _watch_version(query.get("resourceVersion"))
    everything = flag(query, "sendInitialEvents")
    try:
        watch = service.store.watch(
            target.type.resource,
            target.namespace,
            since=None if everything else since,
            selector=selector_of(request, target),
        )
    except ApiError as error:
        if error.reason != "Expired":
            raise
        return error_event(error)
    lines = _lines(
        service,
        target.type,
        watch,
        _rendering(request, target.type),
        timeout_s=number(query, "timeoutSeconds") or _LONGEST_WATCH_S,
        bookmarks=flag(query, "allowWatchBookmarks"),
        announce_end=everything,
        since=since or 0,
    )
    return StreamingResponse(lines, media_type=JSON)


def _watch_version(text: str | None) -> int | None:
    try:
        return _version(text)
    except ApiError as error:
        raise ApiError(500, "InternalError", f"Internal error occurred: {error.message}") from error


def error_event(error: ApiError) -> Response:
    """Return a watch that says one thing: why it ends."""
    return StreamingResponse(_only(_error_line(error)), media_type=JSON)


async def _only(line: bytes) -> AsyncIterator[bytes]:
    yield line


async def _lines(
    service: Service,
    type_: ResourceType,
    watch: Watch,
    render: Rendering,
    *,
    timeout_s: float,
    bookmarks: bool,
    announce_end: bool,
    since: int,
) -> AsyncIterator[bytes]:
    """Yield changes until the timeout; whatever waits goes out together."""
    deadline = time.monotonic() + timeout_s
    pause_s = service.bookmark_interval_s if bookmarks else timeout_s
    if announce_end:
        end = _bookmark(type_, service.store.version, {"k8s.io/initial-events-end": "true"})
        yield b"".join(each.line_of(render(each.revision)) for each in watch.waiting()) + end
    while (left_s := deadline - time.monotonic()) > 0:
        try:
            batch = await watch.batch(min(left_s, pause_s))
        except ApiError as error:
            yield _error_line(error)
            return
        if batch is None:
            return
        await service.flowing.wait()
        # A bookmark says that everything before it was sent: nothing may wait while its version is read.
        batch += watch.waiting()
        if batch:
            yield b"".join(each.line_of(render(each.revision)) for each in batch)
        elif bookmarks and service.store.version >= since:  # to a version yet to come nothing is said
            yield _bookmark(type_, service.store.version)


def _bookmark(type_: ResourceType, version: int, annotations: Mapping[str, str] | None = None) -> bytes:
    metadata: dict[str, Any] = {"resourceVersion": str(version), "creationTimestamp": None}
    if annotations:
        metadata["annotations"] = annotations
    bookmark = {"kind": type_.kind, "apiVersion": type_.api_version, "metadata": metadata}
    return orjson.dumps({"type": "BOOKMARK", "object": bookmark}) + b"\n"


def _error_line(error: ApiError) -> bytes:
    return orjson.dumps({"type": "ERROR", "object": error.status()}) + b"\n"
