"""What a request is about: its path and query, read into names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from netcadence.embedded.api.status import bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.datastructures import QueryParams

    from netcadence.embedded.api.resources import ResourceType

_TRUE = ("1", "true", "True", "TRUE", "t", "T")


class Attributes(NamedTuple):
    """What an authoriser is asked about.

    Attributes:
        resource: The qualified plural, such as `deployments.apps`; empty where a path is asked for.
        path: A path that is no resource's, such as `/version`.
    """

    verb: str
    resource: str
    subresource: str = ""
    namespace: str | None = None
    name: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """The resource, and perhaps the object and its subresource, that a path names.

    Attributes:
        namespace: None for all namespaces, and for resources without.
        name: Empty for a collection.
    """

    type: ResourceType
    namespace: str | None = None
    name: str = ""
    subresource: str = ""

    def attributes(self, method: str, query: QueryParams) -> Attributes:
        """Return the request as an authoriser sees it."""
        namespace = self.namespace
        if self.type.resource == "namespaces":
            # A namespace belongs to itself: a role in it can allow to read it.
            namespace = self.name or None
        return Attributes(
            self._verb(method, query), self.type.resource, self.subresource, namespace, self.name
        )

    def _verb(self, method: str, query: QueryParams) -> str:
        if method in ("GET", "HEAD"):
            if is_watch(query):
                return "watch"
            return "get" if self.name else "list"
        if method == "DELETE":
            return "delete" if self.name else "deletecollection"
        return {"POST": "create", "PUT": "update", "PATCH": "patch"}.get(method, method.lower())


def find_target(types: Mapping[str, ResourceType], group: str, version: str, path: str) -> Target | None:
    """Return what a path below a group and version names; None if nothing such is served."""
    steps = [step for step in path.split("/") if step]
    namespace: str | None = None
    if len(steps) > 2 and steps[0] == "namespaces" and steps[2] not in ("status", "finalize"):  # noqa: PLR2004
        namespace = steps[1]
        steps = steps[2:]
    if not steps or len(steps) > 3:  # noqa: PLR2004 - plural, name, subresource
        return None
    type_ = types.get(f"{steps[0]}.{group}" if group else steps[0])
    if type_ is None or type_.version != version or (namespace is not None and not type_.namespaced):
        return None
    name, subresource = (*steps[1:], "", "")[:2]
    if subresource and subresource not in type_.subresources:
        return None
    if name and type_.namespaced and namespace is None:
        return None
    return Target(type_, namespace, name, subresource)


def is_watch(query: QueryParams) -> bool:
    return flag(query, "watch")


def flag(query: QueryParams, name: str) -> bool:
    return query.get(name, "") in _TRUE


def number(query: QueryParams, name: str) -> int | None:
    """Return a parameter that is a whole number, if it is given.

    Raises:
        ApiError: It is none (400).
    """
    text = query.get(name)
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise bad_request(f"{name}: strconv.ParseInt: parsing {text!r}: invalid syntax") from None


def is_dry_run(query: QueryParams) -> bool:
    """Return whether nothing is to be stored.

    Raises:
        ApiError: The parameter is given and not `All` (400).
    """
    value = query.get("dryRun")
    if value not in (None, "", "All"):
        raise bad_request(f'dryRun: Unsupported value: "{value}": supported values: "All"')
    return value == "All"
