"""What is asked for beside a scenario, on the command line or as a parameter: where, and how much."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from netcadence import document
from netcadence.amount import Amount
from netcadence.budget import Limits
from netcadence.errors import InvalidInputError
from netcadence.pairing import Placement
from netcadence.scenario import Scenario
from netcadence.traffic_path import Baseline, IPFamily, TrafficPath


class Adjustment(BaseModel):
    """Changes of a scenario; what is empty leaves it as it is.

    Attributes:
        client_node: Node of all clients; needs `server_node` beside it.
        server_node: Node of all servers.
        node_selector: Labels that all nodes must have, beside those that the scenario asks for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    client_node: str | None = None
    server_node: str | None = None
    node_selector: dict[str, str] = {}
    placement: Placement | None = None
    path: TrafficPath | None = None
    ip_family: IPFamily | None = None
    baseline: Baseline | None = None
    max_pair_bits_per_s: Amount | None = None
    max_total_bits_per_s: Amount | None = None
    max_total_bytes: Amount | None = None

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
