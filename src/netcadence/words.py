"""Words that go with numbers."""

from __future__ import annotations


def counted(count: int, what: str) -> str:
    """Return how many there are of something, such as `1 pair`, `1,234 pairs` or `2 NetworkPolicies`."""
    if count == 1:
        return f"{count:,} {what}"
    several = f"{what[:-2]}cies" if what.endswith("cy") else f"{what}s"
    return f"{count:,} {several}"
