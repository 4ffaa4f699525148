"""Starting in turn where clients cannot start at once.

A node with more clients than processors cannot start them at one instant: let go together, they would queue
for a processor and start in no order that anybody chose. A fraction of a millisecond apart, each is let go
when it was meant to be. Where there is a processor for each client, all start at the published instant
itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from netcadence.pair import Pair

#: Between two clients of a crowded node: about what letting one go takes.
STEP_US: Final = 200
#: Most that a start is put off: beyond, crowding is no longer a matter of turns.
MOST_US: Final = 100_000


def start_delays_us(pairs: Iterable[Pair], processors: Mapping[str, int]) -> dict[int, int]:
    """Return for each pair how many microseconds after its round's start its client starts.

    Args:
        pairs: All that are in a round together, of one round or of several.
        processors: By node; one that is not named counts as having enough.
    """
    crowds: defaultdict[tuple[int, str], list[int]] = defaultdict(list)
    for pair in pairs:
        crowds[pair.round, pair.client.node].append(pair.index)
    return {
        index: min(turn * STEP_US, MOST_US) if len(crowd) > processors.get(node, len(crowd)) else 0
        for (_, node), crowd in crowds.items()
        for turn, index in enumerate(sorted(crowd))
    }
