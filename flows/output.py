"""What a command prints for a machine."""

from __future__ import annotations

import json


def print_json(content: object) -> None:
    """Print JSON; what JSON has no word for, such as a time, as text."""
    print(json.dumps(content, indent=2, default=str))  # noqa: T201 - the command's output
