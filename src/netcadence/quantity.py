"""Kubernetes quantities: `3920m` of a processor, `16Gi` of memory."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import Field

_BINARY: Final = {f"{prefix}i": 1024.0**power for power, prefix in enumerate("KMGTP", start=1)}
_DECIMAL: Final = {"m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_SUFFIXES: Final = _BINARY | _DECIMAL
_WRITTEN: Final = re.compile(rf"([0-9]+(?:\.[0-9]+)?)({'|'.join(_SUFFIXES)})")

#: A quantity in a file. Only ASCII digits: no API server reads others, which a pattern's `\d` takes.
Quantity = Annotated[str, Field(max_length=32, pattern=r"^[0-9]+(\.[0-9]+)?(m|k|M|G|Ki|Mi|Gi)?$")]


def parse(text: object) -> float | None:
    """Read a quantity as a number of its base unit; None where there is none that can be read."""
    match = _WRITTEN.fullmatch(str(text))
    return float(match[1]) * _SUFFIXES[match[2]] if match else None
