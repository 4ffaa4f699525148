"""What a run ran on: everything that can be the reason for another figure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

#: What a node is made of, by the lake's name, in words.
OF_NODE: Final = {
    "kernel": "kernel",
    "os_image": "OS image",
    "container_runtime": "container runtime",
    "kubelet": "kubelet",
    "instance_type": "instance type",
    "architecture": "architecture",
    "zone": "zone",
    "mtu": "MTU",
    "allocatable_cpu": "allocatable processors",
    "allocatable_memory_bytes": "allocatable memory in bytes",
}
#: What a run has once, by the lake's name, in words.
OF_RUN: Final = {
    "kubernetes_version": "Kubernetes",
    "cni": "CNI",
    "mtu": "MTU",
    "tool": "tool",
    "tool_version": "tool version",
    "netcadence_version": "netcadence",
    "network": "network",
}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """A run's circumstances, as far as the lake tells.

    Attributes:
        run: What it has once, by `OF_RUN`; what is not known is not there.
        nodes: What each node is made of, by name and `OF_NODE`.
        scenario: The scenario's own fields, dotted, as text.
    """

    run_id: str
    started_at: datetime
    run: Mapping[str, str] = field(default_factory=dict)
    nodes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    scenario: Mapping[str, str] = field(default_factory=dict)


def of_row(row: Mapping[str, Any]) -> Circumstances:
    """Read them from a row of the lake's table `runs`."""
    nodes = row.get("nodes")
    found: Iterable[Mapping[str, Any]] = nodes if nodes is not None else ()
    return Circumstances(
        run_id=row["run_id"],
        started_at=row["started_at"],
        run=_known(row, OF_RUN),
        nodes={node["name"]: _known(node, OF_NODE) for node in found},
        scenario=dict(_flat(_config(row.get("config")))),
    )


def _config(text: object) -> object:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _known(row: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    texts = ((name, _text(row.get(name))) for name in names)
    return {name: text for name, text in texts if text}


def _text(value: object) -> str:
    # Of a number that is missing a frame has one that is not itself.
    if value is None or value != value:  # noqa: PLR0124 - NaN
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _flat(content: object, at: str = "") -> Iterable[tuple[str, str]]:
    if isinstance(content, Mapping):
        for name, value in content.items():
            yield from _flat(value, f"{at}.{name}" if at else str(name))
    elif isinstance(content, Sequence) and not isinstance(content, str):
        yield at, json.dumps(content)
    elif content is not None and at:
        yield at, str(content)
