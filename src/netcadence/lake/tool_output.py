"""What a tool printed, unpacked from the form in which a request's status carries it."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from netcadence_worker.contract import RawOutput

#: Far above what any tool prints, and low enough that a hostile status cannot fill the memory.
_MOST_BYTES: Final = 16 * 1024 * 1024
_GZIP: Final = 16 + zlib.MAX_WBITS


def _without_surrogates(value: object) -> object:
    # JSON may spell half a surrogate pair, which neither UTF-8 nor Parquet can hold.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


_Text = Annotated[str, BeforeValidator(_without_surrogates)]


class _Printed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    argv: tuple[_Text, ...] = ()
    stdout: _Text | None = None
    stderr: _Text | None = None
    exit_code: Annotated[int, Field(ge=-(2**31), lt=2**31)] | None = None


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """One tool's command line and output.

    Attributes:
        undecoded: The status' own text where it could not be unpacked; the rest is empty then.
    """

    argv: tuple[str, ...] = ()
    stdout: str | None = None
    stderr: str | None = None
    exit_code: int | None = None
    undecoded: str | None = None


def unpack(output: RawOutput) -> ToolOutput:
    """Unpack a status' raw output; what cannot be unpacked is kept as it came, so that nothing is lost."""
    try:
        packed = base64.b64decode(output.data, validate=True)
        printed = _Printed.model_validate(json.loads(_inflate(packed)))
    except (ValueError, zlib.error):
        return ToolOutput(undecoded=output.data)
    return ToolOutput(printed.argv, printed.stdout, printed.stderr, printed.exit_code)


def _inflate(packed: bytes) -> bytes:
    stream = zlib.decompressobj(_GZIP)
    data = stream.decompress(packed, _MOST_BYTES)
    if not stream.eof:
        raise ValueError("cut short, or larger than any tool's output")
    return data
