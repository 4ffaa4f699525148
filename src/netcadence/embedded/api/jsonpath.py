"""The part of JSONPath that printer columns use: `.a.b`, `.a[0]`, `.a[?(@.type=="Ready")].status`."""

from __future__ import annotations

import re
from typing import Any, Final

_STEP: Final = re.compile(
    r"""\.(?P<name>(?:[^.\[\\]|\\.)+)"""
    r"""|\[(?P<index>\d+|\*)\]"""
    r"""|\['(?P<quoted>[^']+)'\]"""
    r"""|\[\?\(@\.(?P<key>[\w.]+)\s*==\s*["'](?P<value>[^"']*)["']\)\]"""
)


def find(obj: Any, path: str) -> list[Any]:
    """Return all values that a path leads to; none if it leads nowhere."""
    found = [obj]
    for match in _STEP.finditer(path):
        found = [value for each in found for value in _follow(each, match)]
    return found


def _follow(value: Any, step: re.Match[str]) -> list[Any]:
    name = step["name"] or step["quoted"]
    if name is not None:
        name = name.replace("\\.", ".")
        return [value[name]] if isinstance(value, dict) and name in value else []
    if not isinstance(value, list):
        return []
    if step["key"] is not None:
        return [
            each for each in value if isinstance(each, dict) and str(each.get(step["key"])) == step["value"]
        ]
    if step["index"] == "*":
        return list(value)
    index = int(step["index"])
    return [value[index]] if index < len(value) else []
