"""What request handlers share: the store, who decides about access, where logs come from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from netcadence.embedded.api.access import AllowAll, Authenticator, Authorizer, denied
from netcadence.embedded.api.faults import Faults
from netcadence.embedded.api.paging import Pages
from netcadence.embedded.api.status import ApiError, Object
from netcadence.embedded.api.target import Attributes

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Scope

    from netcadence.embedded.api.access import Identity
    from netcadence.embedded.api.store import Store


class LogProvider(Protocol):
    """Gives what a container printed; raises ApiError at the call when there is nothing to read."""

    def __call__(
        self, pod: Object, container: str, *, follow: bool, tail: int | None, previous: bool
    ) -> AsyncIterator[bytes]: ...


def no_logs(
    pod: Object, container: str, *, follow: bool, tail: int | None, previous: bool
) -> AsyncIterator[bytes]:
    """Refuse: there are no nodes that could have logs."""
    del container, follow, tail, previous
    raise ApiError(503, "ServiceUnavailable", f"no node keeps logs of pod {pod['metadata']['name']}")


class Use(NamedTuple):
    """A right that an identity made use of; `resource` names the subresource too, such as `pods/log`."""

    user: str
    verb: str
    resource: str
    group: str
    namespace: str

    @classmethod
    def of(cls, identity: Identity, asked: Attributes) -> Use:
        plural, _, group = asked.resource.partition(".")
        resource = f"{plural}/{asked.subresource}" if asked.subresource else plural
        return cls(identity.name, asked.verb, resource, group, asked.namespace or "")


@dataclass(slots=True)
class Service:
    """One API server's parts.

    Attributes:
        uses: The rights that were made use of since the start, by whom; names of objects play no part.
        flowing: Watches send only while this is set; without, they are silent as on a server going down.
        cut: Cuts the connection on which a request came.
        bookmark_interval_s: How often a watch that allows bookmarks gets one.
    """

    store: Store
    authenticator: Authenticator
    authorizer: Authorizer = field(default_factory=AllowAll)
    logs: LogProvider = no_logs
    faults: Faults = field(default_factory=Faults)
    pages: Pages = field(default_factory=Pages)
    uses: set[Use] = field(default_factory=set)
    flowing: asyncio.Event = field(default_factory=asyncio.Event)
    cut: Callable[[Scope], None] = lambda _scope: None
    bookmark_interval_s: float = 60.0


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def identity_of(request: Request) -> Identity:
    identity: Identity = request.scope["identity"]
    return identity


def require_access(request: Request, attributes: Attributes) -> None:
    """Let the authoriser decide, and remember what was used.

    Raises:
        ApiError: The identity may not do this (403).
    """
    service, identity = service_of(request), identity_of(request)
    if not service.authorizer.authorize(identity, attributes):
        raise denied(identity, attributes)
    service.uses.add(Use.of(identity, attributes))


def require_path(request: Request) -> None:
    """Let the authoriser decide about a path that is no resource's."""
    path = request.url.path
    identity = identity_of(request)
    attributes = Attributes(request.method.lower(), "", path=path)
    if not service_of(request).authorizer.authorize(identity, attributes):
        raise denied(identity, attributes)
