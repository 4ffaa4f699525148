"""Acting as somebody else, as `kubectl --as` does: for those whom a role grants the verb `impersonate`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcadence.embedded.api.access import Identity, denied, identity_of_user
from netcadence.embedded.api.status import ApiError
from netcadence.embedded.api.target import Attributes

if TYPE_CHECKING:
    from starlette.datastructures import Headers

    from netcadence.embedded.api.access import Authorizer

_SERVICE_ACCOUNT_PARTS: Final = 4


def impersonated(identity: Identity, headers: Headers, authorizer: Authorizer) -> Identity:
    """Return the identity that a request is to be served as: the asker's own unless its headers name another.

    Raises:
        ApiError: Groups without a user (400), or the asker may not act as that user or group (403).
    """
    user = headers.get("impersonate-user", "")
    groups = tuple(headers.getlist("impersonate-group"))
    if not user:
        if groups:
            raise ApiError(400, "BadRequest", "requested groups without impersonating a user")
        return identity
    asked = [_to_be(user), *(Attributes("impersonate", "groups", name=group) for group in groups)]
    for attributes in asked:
        if not authorizer.authorize(identity, attributes):
            raise denied(identity, attributes)
    return identity_of_user(user, groups)


def _to_be(user: str) -> Attributes:
    parts = user.split(":")
    if len(parts) == _SERVICE_ACCOUNT_PARTS and parts[:2] == ["system", "serviceaccount"]:
        return Attributes("impersonate", "serviceaccounts", namespace=parts[2], name=parts[3])
    return Attributes("impersonate", "users", name=user)
