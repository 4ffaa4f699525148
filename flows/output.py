"""What a command prints for a machine."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterable, Mapping


def print_json(content: object) -> None:
    """Print JSON; what JSON has no word for becomes text, as a time, or null, as NaN."""
    print(_json(content))  # noqa: T201 - the command's output


def print_json_rows(rows: Iterable[object]) -> None:
    """Print a list likewise, of which only one item at a time is in memory."""
    before = "[\n"
    for row in rows:
        print(before + textwrap.indent(_json(row), "  "), end="")  # noqa: T201 - the command's output
        before = ",\n"
    print("[]" if before == "[\n" else "\n]")  # noqa: T201 - likewise


def _json(content: object) -> str:
    return json.dumps(_speakable(content), indent=2, default=str, allow_nan=False)


def _speakable(content: object) -> object:
    if isinstance(content, float) and not math.isfinite(content):
        return None
    if isinstance(content, Mapping):
        return {name: _speakable(each) for name, each in content.items()}
    if isinstance(content, list | tuple):
        return [_speakable(each) for each in content]
    return content
