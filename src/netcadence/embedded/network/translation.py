"""Translation of Services' addresses in the namespaces of pods and nodes, as the Services are now."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.network import nftables
from netcadence.embedded.network.forwards import Backend, Forward, node_script, pod_script

#: The kernel spends most of a change on waiting until nobody uses the old rules: many go side by side.
_AT_ONCE: Final = 16

_log = logging.getLogger("netcadence.embedded")


@dataclass(slots=True)
class _Place:
    """A namespace, the node it is of or on, and what it was told last.

    Attributes:
        addresses: A node's own addresses; a pod has none here.
    """

    node: str
    path: Path
    addresses: tuple[str, ...] = ()
    told: str = ""
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Translation:
    """What all namespaces of a cluster are told about its Services, each by one transaction a change."""

    def __init__(self, versions: tuple[int, ...]) -> None:
        """Begin without Services, on a network of these IP versions."""
        self._versions = versions
        self._forwards: tuple[Forward, ...] = ()
        self._places: dict[Path, _Place] = {}
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="nftables")

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
        """Serve these from now on, in all namespaces."""
        self._forwards = tuple(forwards)
        results = await asyncio.gather(
            *(self._tell(place) for place in list(self._places.values())), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                _log.error("services are not served everywhere: %s", result)

    def close(self) -> None:
        self._threads.shutdown()

    async def _add(self, place: _Place) -> None:
        self._places[place.path] = place
        try:
            await self._tell(place)
        except EmbeddedClusterError:
            self.remove(place.path)
            raise

    async def _tell(self, place: _Place) -> None:
        async with place.turn:  # and with what holds now, however long the turn took to come
            script = self._script(place)
            if script == place.told:
                return
            try:
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._threads, nftables.run, place.path, script)
            except OSError:
                if place.path in self._places:  # else the pod went meanwhile
                    raise
            place.told = script

    def _script(self, place: _Place) -> str:
        if not self._forwards and not place.told:
            return ""
        if place.addresses:
            return node_script(self._forwards, self._versions, place.node, place.addresses)
        return pod_script(self._forwards, self._versions, place.node)


def refusal_of_translation(path: Path, versions: tuple[int, ...]) -> str:
    """Try in a namespace whether Services can be served; return why not, or an empty text."""
    if missing := nftables.missing_for_nftables():
        return missing
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
    try:
        nftables.run(path, node_script(trial, versions, "", [each.address for each in trial[::2]]))
        nftables.run(path, node_script((), versions, "", ()))
    except (EmbeddedClusterError, OSError) as error:
        return str(error)
    return ""
