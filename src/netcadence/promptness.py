"""How soon starts reach their workers, as runs on one cluster find out one after another."""

from __future__ import annotations


class Promptness:
    """What earlier runs have seen.

    A start goes to all workers of a run at once: what few of them took says nothing of many.
    """

    def __init__(self) -> None:
        self._seen: list[tuple[int, float]] = []

    def learn(self, pairs: int, slowest_s: float | None) -> None:
        """Take note of the longest that it took in a run of so many pairs; None where nothing was seen."""
        if slowest_s is not None:
            self._seen.append((pairs, slowest_s))

    def of(self, pairs: int) -> float | None:
        """Return the longest that it took to at least so many pairs; None before there were any."""
        return max((slowest_s for count, slowest_s in self._seen if count >= pairs), default=None)
