"""Tools that are not there, and how they are got."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from netcadence_worker.contract import Tool

if TYPE_CHECKING:
    from collections.abc import Iterable


def missing_tools(tools: Iterable[Tool]) -> list[str]:
    """Return those of the tools that are not on the PATH, and how to get them."""
    programs = (tool for tool in tools if tool is not Tool.PROBE)
    return [f"{tool}{how_to_get(tool)}" for tool in programs if shutil.which(tool) is None]


def how_to_get(name: str) -> str:
    """Return, in words that follow a tool's name, how it is installed; nothing where it is none of ours."""
    if name in (Tool.IPERF, Tool.IPERF3, Tool.SIEGE):
        return f" (apt-get install {name}; the worker's image has it)"
    if name != Tool.FORTIO:
        return ""
    from importlib import resources  # noqa: PLC0415 - where it is missing

    pinned = (
        resources.files("netcadence_worker").joinpath("fortio.version").read_text(encoding="ascii").strip()
    )
    return f" (go install fortio.org/fortio@{pinned})"
