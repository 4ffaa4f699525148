"""Who asks, and whether they may: bearer tokens, identities, and the authorisation of each request."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from netcadence.embedded.api.status import ApiError

if TYPE_CHECKING:
    from netcadence.embedded.api.target import Attributes

ADMINISTRATORS: Final = "system:masters"


@dataclass(frozen=True, slots=True)
class Identity:
    """A person or a service account."""

    name: str
    groups: tuple[str, ...] = ()

    @property
    def is_admin(self) -> bool:
        return ADMINISTRATORS in self.groups


class Authenticator(Protocol):
    """Tells whom a bearer token belongs to."""

    def authenticate(self, token: str) -> Identity | None: ...


class Authorizer(Protocol):
    """Decides whether an identity may do something."""

    def authorize(self, identity: Identity, attributes: Attributes) -> bool: ...


class Tokens:
    """Bearer tokens, kept as digests so that neither memory dumps nor timing give one away."""

    def __init__(self) -> None:
        self._identities: dict[bytes, Identity] = {}

    def add(self, token: str, identity: Identity) -> None:
        self._identities[_digest(token)] = identity

    def revoke(self, token: str) -> None:
        self._identities.pop(_digest(token), None)

    def authenticate(self, token: str) -> Identity | None:
        digest = _digest(token)
        found = None
        for known, identity in self._identities.items():
            if hmac.compare_digest(known, digest):
                found = identity
        return found


class AllowAll:
    """Every identity may do everything."""

    def authorize(self, identity: Identity, attributes: Attributes) -> bool:
        del identity, attributes
        return True


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def unauthorized() -> ApiError:
    """No token, or one that is not known."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def denied(identity: Identity, attributes: Attributes) -> ApiError:
    """An identity asks for what it may not do."""
    what = attributes.resource
    plural, _, group = what.partition(".")
    if attributes.subresource:
        plural = f"{plural}/{attributes.subresource}"
    where = f' in the namespace "{attributes.namespace}"' if attributes.namespace else " at the cluster scope"
    about = f'{what} "{attributes.name}"' if attributes.name else what
    message = (
        f'{about} is forbidden: User "{identity.name}" cannot {attributes.verb} resource "{plural}" '
        f'in API group "{group}"{where}'
    )
    details = {"name": attributes.name, "group": group, "kind": what.partition(".")[0]}
    return ApiError(403, "Forbidden", message, {key: value for key, value in details.items() if value})
