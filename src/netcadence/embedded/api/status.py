"""What the API says when it refuses: the Kubernetes `Status` object, as an exception.

The sentences are part of the interface; clients and people match on them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Object = dict[str, Any]

_MODIFIED: Final = (
    "the object has been modified; please apply your changes to the latest version and try again"
)


class Cause(NamedTuple):
    """One thing that is wrong with a request; `field` is a path such as `spec.containers[0].name`."""

    field: str
    reason: str
    message: str

    def as_json(self) -> Object:
        return {"reason": self.reason, "message": self.message, "field": self.field}


class ApiError(Exception):
    """A request that cannot be served.

    Attributes:
        code: HTTP status code.
        reason: The word that programs go by, such as `NotFound`.
        message: The sentence that people read.
        details: What the error is about: name, group, kind, uid, causes, retryAfterSeconds.
    """

    def __init__(
        self, code: int, reason: str, message: str, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details: Object = dict(details or {})

    def status(self) -> Object:
        """Return the body that a client receives."""
        body: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body["message"] = self.message
        body["reason"] = self.reason
        if self.details:
            body["details"] = self.details
        body["code"] = self.code
        return body


def _about(resource: str, name: str) -> Object:
    plural, _, group = resource.partition(".")
    details: Object = {"name": name, "kind": plural}
    if group:
        details["group"] = group
    return details


def not_found(resource: str, name: str) -> ApiError:
    """There is no such object. `resource` is the qualified plural, such as `deployments.apps`."""
    return ApiError(404, "NotFound", f'{resource} "{name}" not found', _about(resource, name))


def unknown_resource() -> ApiError:
    """There is no such resource at all."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def already_exists(resource: str, name: str) -> ApiError:
    """An object of that name is there already."""
    return ApiError(409, "AlreadyExists", f'{resource} "{name}" already exists', _about(resource, name))


def conflict(resource: str, name: str, why: str = _MODIFIED) -> ApiError:
    """The request rests on a version that is no longer the latest."""
    message = f'Operation cannot be fulfilled on {resource} "{name}": {why}'
    return ApiError(409, "Conflict", message, _about(resource, name))


def invalid(kind: str, group: str, name: str, causes: Iterable[Cause]) -> ApiError:
    """The object breaks rules; each cause names a field."""
    causes = list(causes)
    sentences = [f"{cause.field}: {cause.message}" if cause.field else cause.message for cause in causes]
    text = sentences[0] if len(sentences) == 1 else f"[{', '.join(sentences)}]"
    qualified = f"{kind}.{group}" if group else kind
    details: Object = {"name": name, "kind": kind, "causes": [cause.as_json() for cause in causes]}
    if group:
        details["group"] = group
    return ApiError(422, "Invalid", f'{qualified} "{name}" is invalid: {text}', details)


def forbidden(resource: str, name: str, why: str, causes: Iterable[Cause] = ()) -> ApiError:
    """The request is understood and refused."""
    details = _about(resource, name)
    found = [cause.as_json() for cause in causes]
    if found:
        details["causes"] = found
    about = f'{resource} "{name}"' if name else resource
    return ApiError(403, "Forbidden", f"{about} is forbidden: {why}", details)


def bad_request(message: str) -> ApiError:
    """The request itself makes no sense."""
    return ApiError(400, "BadRequest", message)


def unsupported_media_type(accepted: Iterable[str]) -> ApiError:
    """The body is of a kind that this resource does not take."""
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(
        accepted
    )
    return ApiError(415, "UnsupportedMediaType", message)


def expired(since: int, oldest: int) -> ApiError:
    """Changes since that version are no longer known: list again."""
    return ApiError(410, "Expired", f"too old resource version: {since} ({oldest})")


def too_large_version(version: int, current: int) -> ApiError:
    """A version is asked for that is yet to come."""
    cause = Cause("", "ResourceVersionTooLarge", "Too large resource version")
    details = {"causes": [cause.as_json()], "retryAfterSeconds": 1}
    message = f"Timeout: Too large resource version: {version}, current: {current}"
    return ApiError(504, "Timeout", message, details)


def shown(value: object) -> str:
    """Return a value as it appears in a message: JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def invalid_value(field: str, value: object, why: str) -> Cause:
    return Cause(field, "FieldValueInvalid", f"Invalid value: {shown(value)}: {why}")


def wrong_type(field: str, found: str, why: str) -> Cause:
    return Cause(field, "FieldValueTypeInvalid", f"Invalid value: {shown(found)}: {why}")


def required(field: str, why: str = "") -> Cause:
    return Cause(field, "FieldValueRequired", f"Required value: {why}" if why else "Required value")


def unsupported_value(field: str, value: object, allowed: Iterable[object]) -> Cause:
    listed = ", ".join(shown(each) for each in allowed)
    return Cause(
        field, "FieldValueNotSupported", f"Unsupported value: {shown(value)}: supported values: {listed}"
    )


def forbidden_field(field: str, why: str) -> Cause:
    return Cause(field, "FieldValueForbidden", f"Forbidden: {why}")
