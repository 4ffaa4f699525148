"""What is asked for beside a scenario, on the command line or as a parameter: where, and how much."""

from __future__ import annotations

import enum
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from netcadence import document
from netcadence.amount import Amount
from netcadence.budget import Limits
from netcadence.errors import InvalidInputError
from netcadence.pairing import Placement
from netcadence.scenario import Scenario
from netcadence.traffic_path import Baseline, IPFamily, TrafficPath

#: What a form has in a field that nobody has filled in.
_EMPTY: Final = BeforeValidator(lambda value: None if value == "" else value)


def _text(description: str) -> Any:
    """Return a field that a form shows as text, empty at first."""
    return _field(description, {"type": "string"})


def _choice(allowed: type[enum.StrEnum], description: str) -> Any:
    """Return a field that a form shows as a choice, nothing being one of them."""
    return _field(description, {"type": "string", "enum": ["", *map(str, allowed)]})


def _field(description: str, shown: dict[str, Any]) -> Any:
    def show(schema: dict[str, Any]) -> None:
        schema.pop("anyOf", None)
        schema.update(shown, default="")

    return Field(default=None, description=description, json_schema_extra=show)


class Adjustment(BaseModel):
    """Changes of a scenario; what is empty leaves it as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_node: Annotated[str | None, _EMPTY] = _text("Node of all clients; needs a server node beside it.")
    server_node: Annotated[str | None, _EMPTY] = _text("Node of all servers; needs a client node beside it.")
    node_selector: dict[str, str] = Field(
        default={},
        description='Labels that all nodes must have besides those asked for anyway, as {"pool": "bench"}.',
    )
    placement: Annotated[Placement | None, _EMPTY] = _choice(
        Placement, "On which nodes a pair's two sides are."
    )
    path: Annotated[TrafficPath | None, _EMPTY] = _choice(TrafficPath, "Where clients connect.")
    ip_family: Annotated[IPFamily | None, _EMPTY] = _choice(IPFamily, "Over which addresses.")
    baseline: Annotated[Baseline | None, _EMPTY] = _choice(
        Baseline, "What is measured beside, in the same run, to tell what the pod network costs."
    )
    max_pair_bits_per_s: Annotated[Amount | None, _EMPTY] = _text(
        "What a pair may send at most, such as 1G; what could send more is refused, as is the rest below."
    )
    max_total_bits_per_s: Annotated[Amount | None, _EMPTY] = _text(
        "What all pairs may send at most, such as 10G."
    )
    max_total_bytes: Annotated[Amount | None, _EMPTY] = _text(
        "What a run may send at most in all, such as 100G."
    )

    def of(self, scenario: Scenario) -> Scenario:
        """Return the scenario as it is asked for; one that nothing is changed in is returned itself.

        Raises:
            InvalidInputError: What is asked for is not acceptable, or does not fit the scenario.
        """
        if (self.client_node is None) != (self.server_node is None):
            given, missing = ("client", "server") if self.server_node is None else ("server", "client")
            raise InvalidInputError(
                f"a {given} node needs a {missing} node beside it: a pair is between two that are named"
            )
        changes = self._changes(scenario)
        if not changes:
            return scenario
        content = scenario.model_dump(mode="json") | changes
        return document.validated(content, Scenario, source=f"{scenario.name} as asked for")

    def _changes(self, scenario: Scenario) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        nodes = scenario.nodes.model_dump(mode="json")
        if self.client_node and self.server_node:
            nodes = {"pairs": [{"client_node": self.client_node, "server_node": self.server_node}]}
            same = self.client_node == self.server_node
            if same != (scenario.placement is Placement.SAME_NODE):
                changes["placement"] = Placement.SAME_NODE if same else Placement.CROSS_NODE
        if self.node_selector:
            nodes["selector"] = nodes.get("selector", {}) | self.node_selector
        if self.node_selector or self.client_node:
            changes["nodes"] = nodes
        for field in ("placement", "path", "ip_family", "baseline"):
            if (wanted := getattr(self, field)) is not None:
                changes[field] = wanted
        limits = {name: value for name in Limits.model_fields if (value := getattr(self, name)) is not None}
        if limits:
            changes["limits"] = scenario.limits.model_dump() | limits
        return changes
