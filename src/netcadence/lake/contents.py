"""Which runs a month's file holds: it says so itself, so that whoever sees it knows what it replaces."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable
from typing import Final

import pyarrow as pa

_KEY: Final = b"netcadence.runs"


def described(schema: pa.Schema, names: Iterable[str]) -> pa.Schema:
    """Return the schema of a month's file that holds these runs."""
    packed = base64.b64encode(zlib.compress("\n".join(sorted(names)).encode(), level=9))
    return schema.with_metadata({**(schema.metadata or {}), _KEY: packed})


def names_in(schema: pa.Schema) -> frozenset[str] | None:
    """Return the ids of the runs that a month's file holds; None where it does not tell."""
    packed = (schema.metadata or {}).get(_KEY)
    if packed is None:
        return None
    try:
        return frozenset(zlib.decompress(base64.b64decode(packed, validate=True)).decode().split("\n"))
    except (ValueError, zlib.error):
        return None
