"""Words that go with numbers."""

from __future__ import annotations


def counted(count: int, what: str) -> str:
    """Return how many there are of something, such as `1 pair` or `1,234 pairs`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
