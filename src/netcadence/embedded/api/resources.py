"""What a resource is: its names, its scope and the rules for its objects."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from netcadence.embedded.api.status import Cause, Object

if TYPE_CHECKING:
    from netcadence.embedded.api.schema import Schema

#: Fills in what a writer may leave out, in place.
Defaulter = Callable[[Object], None]
#: Returns what is wrong with a new object, given the one that it replaces (None on create).
Validator = Callable[[Mapping[str, Any], Mapping[str, Any] | None], list[Cause]]

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


def _nothing_to_default(_obj: Object) -> None:
    pass


def _nothing_to_validate(_new: Mapping[str, Any], _old: Mapping[str, Any] | None) -> list[Cause]:
    return []


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; columns of priority 0 show without being asked for."""

    name: str
    type: str
    path: str = ""
    description: str = ""
    priority: int = 0
    format: str = ""


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A resource that the API serves.

    Attributes:
        graceful: Deletion first sets a deadline and leaves the object to the node (pods).
        orphans_dependents: A deletion that does not say what becomes of dependents lets them live.
        returns_deleted: Deletion is answered with the object that is gone, not with a Status.
        status_on_create: A status sent with a create is kept (nodes register themselves with one).
        blind_update: A PUT may leave out the resourceVersion.
        schema: The schema of a custom resource; None for built-in ones.
        fields: What fields a built-in resource has; None for those that are kept as they are sent.
        columns: Printer columns of a custom resource.
        subresources: Names of those served beside the object, such as `status` and `scale`.
        name_rule: `subdomain`, `label`, `label1035` or `path`.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    singular: str = ""
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()
    orphans_dependents: bool = False
    returns_deleted: bool = False
    status_on_create: bool = False
    graceful: bool = False
    blind_update: bool = True
    has_generation: bool = False
    name_rule: str = "subdomain"
    default: Defaulter = _nothing_to_default
    validate: Validator = _nothing_to_validate
    schema: Schema | None = None
    fields: Schema | None = None
    columns: tuple[Column, ...] = field(default=())
    verbs: tuple[str, ...] = ALL_VERBS

    @property
    def resource(self) -> str:
        """The qualified plural, such as `pods` or `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def has_status(self) -> bool:
        """Whether the status is written through its own subresource only."""
        return "status" in self.subresources

    @property
    def known_fields(self) -> Schema | None:
        """The schema by which unknown fields are told, if there is one."""
        return self.schema or self.fields

    @property
    def is_custom(self) -> bool:
        return self.schema is not None
