"""What limited a pair: the network, the processors, or the harness, which is to say our own settings.

The rule, in this order:

1. harness: a side's pod was kept from running by its CPU limit for 1 % of the traffic's time or more;
2. harness: the pair got 95 % or more of the rate that it was told to send at;
3. cpu: a tool says so itself; or a side's tool kept 90 % or more of the processors busy that it can use, one
   for each stream and direction, of iperf3 before 3.16 one for all; or a side's node had 95 % or more of all
   its processors busy;
4. harness: its simulated users wait between their requests;
5. network: nothing of that, and both sides were looked at.

Where a side could not be looked at and nothing else is known, nothing is said. A pair that was held up by
processors or its CPU limit is marked so, also where it got the rate it asked for: what it lost or how long it
waited then may not be the network's doing. A tool that paces itself may spend a processor on waiting, which
then counts for nothing.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from netcadence.record import PairOutcome
from netcadence.scenario import Scenario
from netcadence_worker.contract import (
    Mark,
    ResourceUsage,
    Result,
    Role,
    SiegeOptions,
    Tool,
    ToolVersion,
)

_THROTTLED_SHARE: Final = 0.01
_REACHED_SHARE: Final = 0.95
_TOOL_SHARE: Final = 0.9
#: Before this version all streams of iperf3 share one thread.
_IPERF3_WITH_THREADS: Final = (3, 16)
_NODE_BUSY_PERCENT: Final = 95.0
_BITS_PER_KBYTE: Final = 8 * 1024

#: Marks of results that say less of the network than they seem to.
DOUBTS: Final = frozenset({Mark.CPU_BOUND, Mark.HARNESS_BOUND})

#: What is told of each side; a metric's name is the role and this.
_TOLD: Final = (
    "tool_cpu",
    "node_busy",
    "node_softirq",
    "throttled",
    "throttled_periods",
    "segments_sent",
    "retransmits",
    "drops",
)


class Limit(enum.StrEnum):
    """What a pair's figures were limited by."""

    NETWORK = "network-limited"
    CPU = "cpu-limited"
    HARNESS = "harness-limited"


def with_limit(outcome: PairOutcome, scenario: Scenario) -> PairOutcome:
    """Return an outcome with what limited it, its marks, and what its machines did beside its results."""
    if not outcome.measured:
        return outcome
    throttled, reached = _throttled(outcome), _reached_rate(outcome, scenario)
    busy = _cpu_bound(outcome, scenario, reached=reached)
    added = [mark for mark, holds in ((Mark.CPU_BOUND, busy), (Mark.HARNESS_BOUND, throttled)) if holds]
    return replace(
        outcome,
        limit=_limit(outcome, scenario, throttled=throttled, reached=reached, busy=busy) or "",
        marks=tuple(dict.fromkeys((*outcome.marks, *added))),
        beside=(*outcome.beside, *_figures(outcome)),
    )


def best_paced(scenario: Scenario, metric: str) -> float | None:
    """Return the best figure that a pair can have at the rate that it is told; None if it is told none."""
    if metric == "request_rate":
        return scenario.options.fortio.qps if scenario.options.fortio else None
    rate = scenario.traffic.pair_bits_per_s if metric == "throughput" else None
    return None if rate is None else rate / _BITS_PER_KBYTE


def _limit(
    outcome: PairOutcome, scenario: Scenario, *, throttled: bool, reached: bool, busy: bool
) -> Limit | None:
    if throttled or reached:
        return Limit.HARNESS
    if busy:
        return Limit.CPU
    if scenario.tool is Tool.SIEGE and (scenario.options.siege or SiegeOptions()).delay > 0:
        return Limit.HARNESS
    return Limit.NETWORK if all(role in outcome.usage for role in Role) else None


def _throttled(outcome: PairOutcome) -> bool:
    return any(
        used.throttled is not None and used.throttled >= _THROTTLED_SHARE * used.seconds > 0
        for used in outcome.usage.values()
    )


def _reached_rate(outcome: PairOutcome, scenario: Scenario) -> bool:
    metric = "request_rate" if scenario.tool is Tool.FORTIO else "throughput"
    most, got = best_paced(scenario, metric), outcome.value(metric)
    return most is not None and got is not None and got >= _REACHED_SHARE * most


def _cpu_bound(outcome: PairOutcome, scenario: Scenario, *, reached: bool) -> bool:
    def full(role: Role, used: ResourceUsage) -> bool:
        usable = min(_threads(outcome, scenario, role), used.processors)
        return used.tool_cpu >= _TOOL_SHARE * usable and not reached

    return Mark.CPU_BOUND in outcome.marks or any(
        used.node_busy >= _NODE_BUSY_PERCENT or full(role, used) for role, used in outcome.usage.items()
    )


def _threads(outcome: PairOutcome, scenario: Scenario, role: Role) -> int:
    """Return how many processors a side's tool can keep busy at the same time."""
    if scenario.tool is Tool.SIEGE and role is Role.SERVER:
        return 1  # the worker's own HTTP server is one Python process: its threads share one processor
    if scenario.tool is Tool.IPERF3 and _is_older(outcome.tools.get(role), _IPERF3_WITH_THREADS):
        return 1
    both_ways = scenario.options.iperf is not None and scenario.options.iperf.full_duplex
    return scenario.streams * (2 if both_ways else 1)


def _is_older(tool: ToolVersion | None, version: tuple[int, int]) -> bool:
    numbers = [int(part) for part in re.findall(r"\d+", tool.version if tool else "")[:2]]
    return tuple(numbers) < version


def _figures(outcome: PairOutcome) -> Iterator[Result]:
    for role, used in outcome.usage.items():
        for name in _TOLD:
            value = getattr(used, name)
            if value is not None:
                yield Result.of(f"{role}_{name}", value)
