"""Bodies of requests and answers: JSON and YAML in, JSON out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import orjson
import yaml
from starlette.responses import Response

from netcadence.embedded.api.protobuf import PROTOBUF, decode_protobuf
from netcadence.embedded.api.status import ApiError, Object, bad_request, unsupported_media_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from starlette.requests import Request

    from netcadence.embedded.api.target import Target

JSON: Final = "application/json"
YAML: Final = "application/yaml"
_LARGEST_BODY_BYTES: Final = 3 * 1024 * 1024
_MAPS: Final = ("labels", "annotations")
_LISTS: Final = ("finalizers", "ownerReferences", "managedFields")


async def read_body(request: Request) -> bytes:
    """Return the body.

    Raises:
        ApiError: It is too large (413).
    """
    received = bytearray()
    too_large = False
    async for chunk in request.stream():
        # What is too much is read all the same: a client hears the refusal only once it has sent everything.
        too_large = too_large or len(received) + len(chunk) > _LARGEST_BODY_BYTES
        if not too_large:
            received += chunk
    if too_large:
        message = f"Request entity too large: limit is {_LARGEST_BODY_BYTES}"
        raise ApiError(413, "RequestEntityTooLarge", message)
    return bytes(received)


def media_type(request: Request) -> str:
    return request.headers.get("content-type", JSON).partition(";")[0].strip() or JSON


def decode(body: bytes, media: str) -> Any:
    """Return what a body says.

    Raises:
        ApiError: It cannot be read (400), or its kind is not known (415).
    """
    if media == PROTOBUF:
        found = decode_protobuf(body)
        if found is None:
            raise unsupported_media_type((JSON, YAML))
        return found
    if media not in (JSON, YAML) and not media.endswith(("+json", "+yaml")):
        raise unsupported_media_type((JSON, YAML))
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if not media.endswith("yaml"):
            raise bad_request(f"couldn't get version/kind; json parse error: {error}") from error
    try:
        return yaml.load(body, Loader=_PlainLoader)  # noqa: S506 - a subclass of SafeLoader
    except yaml.YAMLError as error:
        raise bad_request(f"error converting YAML to JSON: {error}") from error


class _PlainLoader(yaml.SafeLoader):
    """YAML as JSON has it: timestamps stay text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the name and form are PyYAML's
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def decode_object(body: bytes, media: str, target: Target) -> Object:
    """Return the object that a body holds, named and placed as the request's path says.

    Raises:
        ApiError: It is no object, of another kind, or of another name or namespace than the path (400).
    """
    return check_object(decode(body, media), target)


def check_object(obj: Any, target: Target) -> Object:
    """Hold an object against the path that it was sent to, and fill in name and namespace from there."""
    type_ = target.type
    if not isinstance(obj, dict):
        raise bad_request("the body must be an object")
    for field, expected in (("apiVersion", type_.api_version), ("kind", type_.kind)):
        found = obj.get(field)
        if found != expected and (found or type_.is_custom):
            about = "API version" if field == "apiVersion" else "kind"
            raise bad_request(
                f"the {about} in the data ({found or ''}) does not match the expected {about} ({expected})"
            )
    if not type_.is_custom:
        _drop_nulls(obj)
    metadata = obj.setdefault("metadata", {})
    _check_metadata(metadata)
    _fill_in(metadata, "namespace", target.namespace, "namespace")
    _fill_in(metadata, "name", target.name or None, "name")
    return cast("Object", obj)


def _drop_nulls(value: Any) -> None:
    """Remove null fields in place: to built-in kinds they are the same as absent ones."""
    if isinstance(value, dict):
        for key in [key for key, each in value.items() if each is None]:
            del value[key]
        for each in value.values():
            _drop_nulls(each)
    elif isinstance(value, list):
        for each in value:
            _drop_nulls(each)


def _fill_in(metadata: Object, field: str, expected: str | None, word: str) -> None:
    if expected is None:
        return
    found = metadata.get(field)
    if found and found != expected:
        raise bad_request(
            f"the {word} of the object ({found}) does not match the {word} on the URL ({expected})"
            if field == "name"
            else "the namespace of the provided object does not match the namespace sent on the request"
        )
    metadata[field] = expected


def _check_metadata(metadata: Any) -> None:
    if not isinstance(metadata, dict):
        raise bad_request("metadata must be an object")
    for field, kind in (*((name, dict) for name in _MAPS), *((name, list) for name in _LISTS)):
        if not isinstance(metadata.get(field) or kind(), kind):
            raise bad_request(f"metadata.{field}: wrong type: {type(metadata[field]).__name__}")
        if metadata.get(field) is None:
            metadata.pop(field, None)
    for field in ("name", "generateName", "namespace", "resourceVersion", "uid"):
        if not isinstance(metadata.get(field) or "", str):
            raise bad_request(f"metadata.{field}: wrong type: {type(metadata[field]).__name__}")


def answer(content: Any, code: int = 200, warnings: Iterable[str] = ()) -> Response:
    """Return a JSON answer; `content` may be serialised already."""
    body = content if isinstance(content, bytes) else orjson.dumps(content)
    response = Response(body, code, media_type=JSON)
    for warning in warnings:
        response.headers.append("Warning", f'299 - "{warning}"')
    return response


def failure(error: ApiError, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as its Status."""
    response = answer(error.status(), error.code)
    response.headers.update(headers or {})
    if "retryAfterSeconds" in error.details:
        response.headers["Retry-After"] = str(error.details["retryAfterSeconds"])
    return response


def unknown_path() -> Response:
    """Return what the real server says of a path that it does not serve: plain text, not a Status."""
    return Response("404 page not found\n", 404, media_type="text/plain")
