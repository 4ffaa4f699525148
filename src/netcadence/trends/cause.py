"""What changed with a figure: the circumstances of the runs on both sides of a change, compared.

Nothing is proved by that: it says what else was new, and on how many nodes, so that a person knows where to
look first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from netcadence.trends.circumstance import OF_NODE, OF_RUN, Circumstances


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that was other from one run on.

    Attributes:
        what: In words, such as `kernel`, `nodes` or `scenario's duration_s`.
        before, after: What it was; empty where it was not there.
        nodes: On how many nodes, of `of_nodes`; None where it is not about nodes.
        at: When the first run with it started.
        aside: Runs between that and the change, in the order of time: 0 is the very run, -1 the one before.
    """

    what: str
    before: str
    after: str
    at: datetime
    aside: int
    nodes: int | None = None
    of_nodes: int | None = None

    def __str__(self) -> str:
        """Say it, such as `kernel 6.1.0-31 → 6.1.0-32 on 12 of 20 nodes`."""
        return f"{self.what} {self._step}{self._where}"

    @property
    def _step(self) -> str:
        if not self.before:
            return f"{self.after} new"
        return f"{self.before} → {self.after}" if self.after else f"{self.before} gone"

    @property
    def _where(self) -> str:
        return "" if self.nodes is None else f" on {self.nodes} of {self.of_nodes} nodes"


def causes(runs: Sequence[Circumstances], run_id: str, *, node: str = "") -> tuple[Cause, ...]:
    """Return what became other among `runs`, the nearest to the change first.

    Args:
        runs: Around the change, in the order of time.
        run_id: The first run of the new level.
        node: The node that the figures are of: what is new on others only is no reason.
    """
    places = {each.run_id: place for place, each in enumerate(runs)}
    change = places[run_id]
    found = [
        cause
        for place, (one, next_) in enumerate(pairwise(runs), start=1)
        for cause in differences(one, next_, aside=place - change, node=node)
    ]
    return tuple(sorted(found, key=lambda cause: abs(cause.aside)))


def differences(
    one: Circumstances, next_: Circumstances, *, aside: int = 0, node: str = ""
) -> Iterator[Cause]:
    """Yield what is other in `next_`; what either of them does not know is left aside."""
    for name, words in OF_RUN.items():
        if name == "mtu" and _tells_mtu(one) and _tells_mtu(next_):
            continue  # it is the least of its nodes', which are said below
        before, after = one.run.get(name), next_.run.get(name)
        if before and after and before != after:
            yield Cause(words, before, after, next_.started_at, aside)
    if one.nodes and next_.nodes:
        yield from _node_set(one, next_, aside)
        yield from _of_nodes(one, next_, aside, node)
    for name in sorted({*one.scenario, *next_.scenario}) if one.scenario and next_.scenario else ():
        before, after = one.scenario.get(name, ""), next_.scenario.get(name, "")
        if before != after:
            yield Cause(f"scenario's {name}", before, after, next_.started_at, aside)


def _tells_mtu(run: Circumstances) -> bool:
    return any("mtu" in facts for facts in run.nodes.values())


def _node_set(one: Circumstances, next_: Circumstances, aside: int) -> Iterator[Cause]:
    gone, new = sorted(set(one.nodes) - set(next_.nodes)), sorted(set(next_.nodes) - set(one.nodes))
    for before, after in ((gone, ()), ((), new)):
        if before or after:
            word = "node" if len(before or after) == 1 else "nodes"
            yield Cause(word, _names(before), _names(after), next_.started_at, aside)


def _of_nodes(one: Circumstances, next_: Circumstances, aside: int, node: str) -> Iterator[Cause]:
    both = [name for name in next_.nodes if name in one.nodes]
    for field, words in OF_NODE.items():
        steps: Counter[tuple[str, str]] = Counter()
        own: set[tuple[str, str]] = set()
        for name in both:
            step = one.nodes[name].get(field, ""), next_.nodes[name].get(field, "")
            if all(step) and step[0] != step[1]:
                steps[step] += 1
                own |= {step} if name == node else set()
        for (before, after), count in steps.most_common():
            if node and (before, after) not in own:
                continue
            yield Cause(words, before, after, next_.started_at, aside, count, len(next_.nodes))


def _names(nodes: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(nodes[:most])
    return f"{shown} and {len(nodes) - most} more" if len(nodes) > most else shown
