"""Room for the neighbours of many pods.

The kernel keeps one table of neighbours (ARP, and another for IPv6) for all network namespaces together, and
by default it holds 1024: about 200 pods that talk to each other, the API server and their probes. Beyond
that, connections time out at random. The limits are the machine's, so they are only ever raised, and the last
cluster puts them back as they were.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

#: From when on old entries are dropped, from when on they are dropped soon, and the most there can be.
_WIDE: Final = (8_192, 32_768, 65_536)
_FAMILIES: Final = ("ipv4", "ipv6")


def limits() -> dict[str, tuple[int, ...]]:
    """Return the present limits by IP family; none where this network namespace does not govern them."""
    found = {}
    for family in _FAMILIES:
        with contextlib.suppress(OSError):
            found[family] = tuple(int(path.read_text()) for path in _files(family))
    return found


def widen() -> None:
    """Raise the limits to what thousands of pods need."""
    for family, present in limits().items():
        _write(family, tuple(max(pair) for pair in zip(_WIDE, present, strict=True)))


def restore(former: dict[str, tuple[int, ...]]) -> None:
    """Set the limits as they were, unless somebody else has changed them meanwhile."""
    present = limits()
    for family, values in former.items():
        if present.get(family) == tuple(max(pair) for pair in zip(_WIDE, values, strict=True)):
            _write(family, values)


def to_text(values: dict[str, tuple[int, ...]]) -> str:
    return ";".join(f"{family}:{','.join(map(str, each))}" for family, each in values.items())


def from_text(text: str) -> dict[str, tuple[int, ...]]:
    pairs = (each.split(":") for each in text.split(";") if each)
    return {family: tuple(map(int, values.split(","))) for family, values in pairs}


def _files(family: str) -> list[Path]:
    return [Path(f"/proc/sys/net/{family}/neigh/default/gc_thresh{number}") for number in (1, 2, 3)]


def _write(family: str, values: tuple[int, ...]) -> None:
    with contextlib.suppress(OSError):  # read-only in many containers: the cluster is then only smaller
        for path, value in zip(_files(family), values, strict=True):
            path.write_text(str(value))
