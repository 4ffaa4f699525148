"""Questions about oneself: who am I, may I do this."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from netcadence.embedded.api.bodies import answer, decode, media_type, read_body
from netcadence.embedded.api.service import identity_of, require_access, service_of
from netcadence.embedded.api.status import Object, bad_request
from netcadence.embedded.api.target import Attributes

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

#: Group, plural and kind of what is answered and never stored.
REVIEWS: Final = (
    ("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
    ("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
)


async def access_review(request: Request) -> Response:
    """Answer whether the asking identity may do something."""
    require_access(request, Attributes("create", "selfsubjectaccessreviews.authorization.k8s.io"))
    spec = await _spec(request)
    by_path: dict[str, Any] = spec.get("nonResourceAttributes") or {}
    asked: dict[str, Any] = spec.get("resourceAttributes") or by_path
    if not asked:
        raise bad_request("spec: one of resourceAttributes and nonResourceAttributes is required")
    plural, group = asked.get("resource", ""), asked.get("group", "")
    attributes = Attributes(
        verb=asked.get("verb", ""),
        resource=f"{plural}.{group}" if group else plural,
        subresource=asked.get("subresource", ""),
        namespace=asked.get("namespace") or None,
        name=asked.get("name", ""),
        path=asked.get("path", ""),
    )
    allowed = service_of(request).authorizer.authorize(identity_of(request), attributes)
    return answer(_review("SelfSubjectAccessReview", "authorization.k8s.io", spec, {"allowed": allowed}), 201)


async def rules_review(request: Request) -> Response:
    """Answer what the asking identity may do in a namespace."""
    require_access(request, Attributes("create", "selfsubjectrulesreviews.authorization.k8s.io"))
    spec = await _spec(request)
    namespace = spec.get("namespace")
    if not namespace:
        raise bad_request("no namespace on request")
    rules = list(service_of(request).authorizer.rules(identity_of(request), namespace))
    status = {
        "resourceRules": [rule for rule in rules if rule.get("resources")],
        "nonResourceRules": [rule for rule in rules if rule.get("nonResourceURLs")],
        "incomplete": False,
    }
    return answer(_review("SelfSubjectRulesReview", "authorization.k8s.io", spec, status), 201)


async def _spec(request: Request) -> Object:
    body = decode(await read_body(request), media_type(request))
    spec = body.get("spec") if isinstance(body, dict) else None
    if not isinstance(spec, dict):
        raise bad_request("spec: Required value")
    return spec


async def self_review(request: Request) -> Response:
    """Answer who asks."""
    require_access(request, Attributes("create", "selfsubjectreviews.authentication.k8s.io"))
    identity = identity_of(request)
    user = {"username": identity.name, "groups": list(identity.groups)}
    return answer(_review("SelfSubjectReview", "authentication.k8s.io", None, {"userInfo": user}), 201)


def _review(kind: str, group: str, spec: Object | None, status: Object) -> Object:
    review: Object = {"kind": kind, "apiVersion": f"{group}/v1", "metadata": {"creationTimestamp": None}}
    if spec is not None:
        review["spec"] = spec
    return {**review, "status": status}
