"""Which nodes a run may use, as people say it: by labels, zones and names, by pools, or pair by pair."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from netcadence import document


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


NodeName = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
_LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
LabelKey = Annotated[
    str,
    Field(
        max_length=317,
        pattern=r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
    ),
]
_LabelValue = Annotated[str, Field(max_length=63, pattern=_LABEL_VALUE)]
_Zone = Annotated[str, Field(min_length=1, max_length=63, pattern=_LABEL_VALUE)]


#: Taints that keep pods from being put on a node; PreferNoSchedule only asks.
_HARD: Final = ("NoSchedule", "NoExecute")


@dataclass(frozen=True, slots=True)
class Taint:
    """What a node says to pods that are not meant for it."""

    key: str
    effect: str
    value: str = ""

    def __str__(self) -> str:
        """Write the taint as kubectl does, such as `dedicated=db:NoSchedule`."""
        return f"{self.key}{'=' if self.value else ''}{self.value}:{self.effect}"


class Toleration(_Strict):
    """Taints that a pod does not mind.

    Attributes:
        key: Of the taint; empty, with `Exists`, for every key.
        operator: `Equal` for one value, `Exists` for all.
        effect: Of the taint; empty for every effect.
    """

    key: Annotated[LabelKey | Literal[""], Field()] = ""
    operator: Literal["Equal", "Exists"] = "Equal"
    value: _LabelValue = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""

    @model_validator(mode="after")
    def _can_be_meant(self) -> Self:
        if self.operator == "Exists" and self.value:
            raise document.RefusalError("value", self.value, "is for Equal; allowed with Exists: none")
        if self.operator == "Equal" and not self.key:
            message = "is missing; allowed: a taint's key, or operator Exists for every taint"
            raise document.RefusalError("key", None, message)
        return self

    def covers(self, taint: Taint) -> bool:
        """Tell whether a pod with this toleration does not mind a taint."""
        return (
            self.effect in ("", taint.effect)
            and self.key in ("", taint.key)
            and (self.operator == "Exists" or self.value == taint.value)
        )


@dataclass(frozen=True, slots=True)
class Site:
    """A node, as far as it matters for putting workers there.

    Attributes:
        room: Pods that it takes altogether; None where it does not say.
        closed: Why no worker can be put there now, such as `cordoned`; empty where one can.
        taints: What keeps pods away that do not tolerate it.
        addresses: By which the cluster's other machines reach it, the first one first.
    """

    name: str
    zone: str = ""
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    room: int | None = None
    closed: str = ""
    taints: tuple[Taint, ...] = ()
    addresses: tuple[str, ...] = ()

    def facing(self, tolerations: Sequence[Toleration]) -> Site:
        """Return the node as it is for pods that tolerate this: closed where a taint keeps them away."""
        if self.closed:
            return self
        for taint in self.taints:
            if taint.effect in _HARD and not any(each.covers(taint) for each in tolerations):
                return replace(self, closed=f"tainted {taint}, which worker.tolerations does not name")
        return self


class Pool(_Strict):
    """Nodes with all these labels, in one of these zones, of one of these names; what is empty holds for all.

    Attributes:
        selector: Labels with their values.
        zones: Values of the label topology.kubernetes.io/zone.
        names: Names of nodes.
    """

    selector: Annotated[dict[LabelKey, _LabelValue], Field(max_length=32)] = {}
    zones: Annotated[tuple[_Zone, ...], Field(max_length=64)] = ()
    names: Annotated[tuple[NodeName, ...], Field(max_length=1_000)] = ()

    @property
    def is_open(self) -> bool:
        """Whether every node belongs to it."""
        return not (self.selector or self.zones or self.names)

    def takes(self, site: Site) -> bool:
        """Tell whether a node belongs to the pool."""
        return (
            all(site.labels.get(key) == value for key, value in self.selector.items())
            and (not self.zones or site.zone in self.zones)
            and (not self.names or site.name in self.names)
        )

    def within(self, other: Pool) -> Iterator[str]:
        """Yield what is asked of a node that is to be in both pools, in words."""
        for pool in (other, self):
            if pool.selector:
                yield "with " + ", ".join(f"{key}={value}" for key, value in sorted(pool.selector.items()))
            if pool.zones:
                yield "in " + " or ".join(pool.zones)
            if pool.names:
                yield "named " + " or ".join(pool.names)


class NodePair(_Strict):
    """Two nodes by name: the client's and the server's of a pair."""

    client_node: NodeName
    server_node: NodeName


class Nodes(Pool):
    """The nodes of a run. Selector, zones and names hold for all workers.

    Attributes:
        client_pool: What a client's node has to be beside that.
        server_pool: What a server's node has to be beside that.
        pairs: Exactly these nodes, instead of all else; more pairs than that are dealt out to them in turn.
    """

    client_pool: Pool = Pool()
    server_pool: Pool = Pool()
    pairs: Annotated[tuple[NodePair, ...], Field(max_length=10_000)] = ()

    @model_validator(mode="after")
    def _said_in_one_way(self) -> Self:
        if self.pairs and not (self.is_open and self.client_pool.is_open and self.server_pool.is_open):
            message = "names the nodes itself; allowed beside it: nothing else in nodes"
            raise document.RefusalError("pairs", None, message)
        return self

    @property
    def has_pools(self) -> bool:
        """Whether clients and servers are asked for on nodes of their own."""
        return not (self.client_pool.is_open and self.server_pool.is_open)

    def __str__(self) -> str:
        """Say in words which nodes all workers may be on; empty where that is all."""
        return " ".join(self.within(Pool()))
