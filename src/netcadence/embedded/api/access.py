"""Who asks, and whether they may: bearer tokens, identities, and the authorisation of each request."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from netcadence.embedded.api.status import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from netcadence.embedded.api.target import Attributes

ADMINISTRATORS: Final = "system:masters"
#: The group of all whose token is known.
EVERYBODY: Final = "system:authenticated"
_SERVICE_ACCOUNT: Final = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class Identity:
    """A person or a service account."""

    name: str
    groups: tuple[str, ...] = ()

    @property
    def is_admin(self) -> bool:
        return ADMINISTRATORS in self.groups


def service_account_user(namespace: str, name: str) -> str:
    """Return the user name of a service account."""
    return f"{_SERVICE_ACCOUNT}{namespace}:{name}"


def identity_of_user(user: str, groups: tuple[str, ...] = ()) -> Identity:
    """Return the identity of a user by name; a service account is in the groups of its kind."""
    own: tuple[str, ...] = ()
    if user.startswith(_SERVICE_ACCOUNT):
        namespace = user.removeprefix(_SERVICE_ACCOUNT).partition(":")[0]
        own = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    return Identity(user, (*(groups or own), EVERYBODY))


class Authenticator(Protocol):
    """Tells whom a bearer token belongs to, and makes new ones."""

    def authenticate(self, token: str) -> Identity | None: ...

    def issue(self, identity: Identity, *, lifetime_s: float) -> str: ...


class Authorizer(Protocol):
    """Decides whether an identity may do something."""

    def authorize(self, identity: Identity, attributes: Attributes) -> bool: ...

    def rules(self, identity: Identity, namespace: str | None) -> Iterable[Mapping[str, Any]]: ...


class Tokens:
    """Bearer tokens, kept as digests so that neither memory dumps nor timing give one away."""

    def __init__(self) -> None:
        self._identities: dict[bytes, tuple[Identity, float]] = {}

    def add(self, token: str, identity: Identity, *, lifetime_s: float = math.inf) -> None:
        self._identities[_digest(token)] = identity, time.monotonic() + lifetime_s

    def issue(self, identity: Identity, *, lifetime_s: float) -> str:
        """Return a new token of 256 random bits; after its lifetime nobody knows it."""
        now = time.monotonic()
        self._identities = {key: held for key, held in self._identities.items() if held[1] > now}
        token = secrets.token_urlsafe(32)
        self.add(token, identity, lifetime_s=lifetime_s)
        return token

    def revoke(self, token: str) -> None:
        self._identities.pop(_digest(token), None)

    def authenticate(self, token: str) -> Identity | None:
        digest = _digest(token)
        found = None
        for known, (identity, until) in self._identities.items():
            if hmac.compare_digest(known, digest) and time.monotonic() < until:
                found = identity
        return found


class AllowAll:
    """Every identity may do everything."""

    def authorize(self, identity: Identity, attributes: Attributes) -> bool:
        del identity, attributes
        return True

    def rules(self, identity: Identity, namespace: str | None) -> Iterable[Mapping[str, Any]]:
        del identity, namespace
        return (
            {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
            {"nonResourceURLs": ["*"], "verbs": ["*"]},
        )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def unauthorized() -> ApiError:
    """No token, or one that is not known."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def denied(identity: Identity, attributes: Attributes) -> ApiError:
    """An identity asks for what it may not do."""
    if attributes.path:
        message = f'forbidden: User "{identity.name}" cannot {attributes.verb} path "{attributes.path}"'
        return ApiError(403, "Forbidden", message)
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
