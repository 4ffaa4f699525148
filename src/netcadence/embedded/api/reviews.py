"""Questions about oneself: who am I, may I do this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from netcadence.embedded.api.bodies import answer, decode, media_type, read_body
from netcadence.embedded.api.service import identity_of, service_of
from netcadence.embedded.api.status import Object, bad_request
from netcadence.embedded.api.target import Attributes

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

#: Group, plural and kind of what is answered and never stored.
REVIEWS: Final = (
    ("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    ("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
)


async def access_review(request: Request) -> Response:
    """Answer whether the asking identity may do something."""
    body = decode(await read_body(request), media_type(request))
    spec = body.get("spec") if isinstance(body, dict) else None
    if not isinstance(spec, dict):
        raise bad_request("spec: Required value")
    asked: dict[str, Any] = spec.get("resourceAttributes") or {}
    plural, group = asked.get("resource", ""), asked.get("group", "")
    attributes = Attributes(
        verb=asked.get("verb", ""),
        resource=f"{plural}.{group}" if group else plural,
        subresource=asked.get("subresource", ""),
        namespace=asked.get("namespace") or None,
        name=asked.get("name", ""),
    )
    allowed = service_of(request).authorizer.authorize(identity_of(request), attributes)
    return answer(_review("SelfSubjectAccessReview", "authorization.k8s.io", spec, {"allowed": allowed}), 201)


async def self_review(request: Request) -> Response:
    """Answer who asks."""
    identity = identity_of(request)
    user = {"username": identity.name, "groups": list(identity.groups)}
    return answer(_review("SelfSubjectReview", "authentication.k8s.io", None, {"userInfo": user}), 201)


def _review(kind: str, group: str, spec: Object | None, status: Object) -> Object:
    review: Object = {"kind": kind, "apiVersion": f"{group}/v1", "metadata": {"creationTimestamp": None}}
    if spec is not None:
        review["spec"] = spec
    return {**review, "status": status}
