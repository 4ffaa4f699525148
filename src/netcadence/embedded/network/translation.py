"""Translation of Services' addresses in the namespaces of pods and nodes, as the Services are now."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.network import conntrack, nftables
from netcadence.embedded.network.forwards import Backend, Forward, Rules, node_rules, pod_rules, stale_marks
from netcadence.embedded.network.service_table import script, whole

#: Threads that set rules, each in many namespaces: changing threads for each takes longer than the change.
_THREADS: Final = 4

_log = logging.getLogger("netcadence.embedded")


#: The rules of a namespace by IP version.
_State = dict[int, Rules]
_NOTHING: Final = Rules({}, frozenset())


@dataclass(slots=True)
class _Place:
    """A namespace, the node it is of or on, and what it was told last.

    Attributes:
        addresses: A node's own addresses; a pod has none here.
    """

    node: str
    path: Path
    addresses: tuple[str, ...] = ()
    told: _State = field(default_factory=dict)

    def tell(self, wanted: _State) -> None:
        """Set rules, by what is different; as a whole if the namespace is not as it was left.

        Raises:
            EmbeddedClusterError: They were refused.
            OSError: The namespace is gone.
        """
        node = bool(self.addresses)
        steps = [(version, self.told.get(version, _NOTHING), rules) for version, rules in wanted.items()]
        try:
            nftables.run(self.path, "".join(script(*step, node=node) for step in steps))
        except EmbeddedClusterError:
            nftables.run(self.path, "".join(whole(version, rules, node=node) for version, _, rules in steps))
        self.told = wanted
        if marks := {mark for _, before, after in steps for mark in stale_marks(before, after)}:
            with contextlib.suppress(OSError):  # a kernel that cannot forgets them after half a minute
                conntrack.forget(self.path, marks)


class Translation:
    """What all namespaces of a cluster are told about its Services, each by one transaction a change."""

    def __init__(self, versions: tuple[int, ...]) -> None:
        """Begin without Services, on a network of these IP versions."""
        self._versions = versions
        self._forwards: tuple[Forward, ...] = ()
        self._states: dict[tuple[str, bool], _State] = {}
        self._places: dict[Path, _Place] = {}

    async def add_node(self, node: str, path: Path, addresses: tuple[str, ...]) -> None:
        """Take up a node's namespace.

        Raises:
            EmbeddedClusterError: It does not take rules.
        """
        await self._add(_Place(node, path, addresses))

    async def add_pod(self, node: str, path: Path) -> None:
        """Take up a pod's namespace; on return its Services are served.

        Raises:
            EmbeddedClusterError: It does not take rules.
        """
        await self._add(_Place(node, path))

    def remove(self, path: Path) -> None:
        """Forget a namespace that is about to go."""
        self._places.pop(path, None)

    async def set(self, forwards: Sequence[Forward]) -> None:
        """Serve these from now on, in all namespaces; one call at a time."""
        self._forwards = tuple(forwards)
        self._states.clear()
        began = time.monotonic()
        due = [
            (place, wanted)
            for place in self._places.values()
            if (wanted := self._wanted(place)) != place.told
        ]
        if not due:
            return
        parts = [due[start::_THREADS] for start in range(_THREADS)]
        failures = await asyncio.gather(*(asyncio.to_thread(_tell, part) for part in parts if part))
        for place, failure in ((place, failure) for part in failures for place, failure in part):
            if place.path in self._places:  # else the pod went meanwhile
                _log.error("services are not served in %s: %s", place.path.name, failure)
        took_ms = (time.monotonic() - began) * 1000
        _log.info("services: rules of %d namespaces set in %.0f ms", len(due), took_ms)

    async def _add(self, place: _Place) -> None:
        # It joins the others in the same breath in which it turns out to know what they know.
        while (wanted := self._wanted(place)) != place.told:
            for _, failure in await asyncio.to_thread(_tell, [(place, wanted)]):
                raise EmbeddedClusterError(f"services cannot be served in {place.path.name}: {failure}")
        self._places[place.path] = place

    def _wanted(self, place: _Place) -> _State:
        if not self._forwards and not place.told:
            return {}
        key = place.node, bool(place.addresses)
        if key not in self._states:
            self._states[key] = {
                version: (
                    node_rules(self._forwards, version, place.node, place.addresses)
                    if place.addresses
                    else pod_rules(self._forwards, version, place.node)
                )
                for version in self._versions
            }
        return self._states[key]


def _tell(due: Sequence[tuple[_Place, _State]]) -> list[tuple[_Place, Exception]]:
    """Tell places what they are to do; return those that could not be told, and why."""
    failures: list[tuple[_Place, Exception]] = []
    for place, wanted in due:
        try:
            place.tell(wanted)
        except (EmbeddedClusterError, OSError) as error:
            failures.append((place, error))
    return failures


def refusal_of_translation(path: Path, versions: tuple[int, ...]) -> str:
    """Try in a namespace whether Services can be served; return why not, or an empty text."""
    trial = [
        Forward(
            version=version,
            protocol=protocol,
            address=address,
            port=1,
            backends=(Backend(address, 1),),
            node_port=1,
            sticky=protocol == "udp",
        )
        for version, address in ((4, "198.18.0.0"), (6, "fd00:198:18::"))
        if version in versions
        for protocol in ("tcp", "udp")
    ]
    own = [each.address for each in trial[::2]]
    rules = {version: node_rules(trial, version, "", own) for version in versions}
    serving = "".join(whole(version, each, node=True) for version, each in rules.items())
    cleared = "".join(whole(version, _NOTHING, node=True) for version in versions)
    return nftables.refusal(path, serving) or nftables.refusal(path, cleared)
