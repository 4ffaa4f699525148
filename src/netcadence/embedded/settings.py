"""What a person decides about an embedded cluster before it starts."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Final, Literal, get_args

from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.images import Image

NetworkKind = Literal["namespaces", "loopback"]
NetworkChoice = Literal["auto", "namespaces", "loopback"]

_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?")
MAX_DELAY_S: Final = 3600
_MAX_NODES: Final = 64  # each costs a namespace and a bridge; real clusters are for more


def is_name(text: str) -> bool:
    """Tell whether a cluster can have that name, which is also that of its directory."""
    return _NAME.fullmatch(text) is not None


def require_name(text: str) -> None:
    """Refuse a name that no cluster can have: as that of a directory it could lead anywhere.

    Raises:
        EmbeddedClusterError: It is none.
    """
    if not is_name(text):
        raise EmbeddedClusterError(
            f"name: {text!r} is not a DNS label of at most 32 characters; "
            "allowed: lower-case letters, digits and inner hyphens"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """An embedded cluster.

    Attributes:
        name: Names the cluster on this machine; a DNS label of at most 32 characters.
        nodes: How many nodes; they are called node-0, node-1 and so on.
        images: What pods may run, by the name that pod specs use.
        network: `namespaces` needs root; `loopback` gives each pod an address in 127.0.0.0/8; `auto` takes
            namespaces where it can.
        max_pods: Pods that one node takes (110 is the kubelet's own default).
        zones: Nodes are dealt out to this many topology zones in turn.
        restart_backoff_s: Pause before a container's second restart; doubles up to 300 s, as the kubelet's.
        node_grace_s: How long a lost node stays Ready. Real clusters wait 40 s; here one knows at once, and
            the pause only leaves time for what a real client would see meanwhile.
        load_balancer_delay_s: How long a Service of type LoadBalancer waits for its address; for ever if
            None, as on a cluster where nobody provides load balancers.
        policies_enforced: Whether network policies have any effect; without, they are kept and ignored, as by
            a real cluster whose network plugin does not know them.
        policy_delay_s: How much later than it is written a change of policies, or of what they select, has
            its effect. Also the rules for a new pod come so late, which they otherwise precede.
    """

    name: str = "default"
    nodes: int = 2
    images: Mapping[str, Image] = field(default_factory=dict)
    network: NetworkChoice = "auto"
    max_pods: int = 110
    zones: int = 2
    restart_backoff_s: float = 10.0
    node_grace_s: float = 1.0
    load_balancer_delay_s: float | None = 0.2
    policies_enforced: bool = True
    policy_delay_s: float = 0.0

    def __post_init__(self) -> None:
        require_name(self.name)
        for setting, value, most in (
            ("nodes", self.nodes, _MAX_NODES),
            ("max_pods", self.max_pods, 1000),
            ("zones", self.zones, _MAX_NODES),
        ):
            if not 1 <= value <= most:
                raise EmbeddedClusterError(f"{setting}: {value} is not between 1 and {most}")
        for setting, delay_s in (
            ("load_balancer_delay_s", self.load_balancer_delay_s or 0),
            ("policy_delay_s", self.policy_delay_s),
        ):
            if not 0 <= delay_s <= MAX_DELAY_S:
                raise EmbeddedClusterError(f"{setting}: {delay_s} is not between 0 and {MAX_DELAY_S}")
        if self.network not in get_args(NetworkChoice):
            allowed = ", ".join(get_args(NetworkChoice))
            raise EmbeddedClusterError(f"network: {self.network!r} is not one of {allowed}")
        for name, image in self.images.items():
            if not image.argv:
                raise EmbeddedClusterError(f"images: {name!r} has an empty argv")

    @property
    def node_names(self) -> tuple[str, ...]:
        return tuple(f"node-{index}" for index in range(self.nodes))

    def zone(self, node: str) -> str:
        """Return the topology zone of one of the nodes."""
        return f"zone-{self.node_names.index(node) % self.zones}"

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Settings:
        values = json.loads(text)
        values["images"] = {
            name: Image(
                **{
                    **image,
                    "argv": tuple(image["argv"]),
                    "arguments": tuple(map(tuple, image["arguments"])),
                }
            )
            for name, image in values["images"].items()
        }
        return cls(**values)
