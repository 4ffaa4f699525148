"""What the pod network costs: each pair beside one of the same nodes without what pods have between them.

Both kinds are measured in one run, a round of the one after a round of the other, so that what drifts
meanwhile strikes both. The cost of a pair is what it carries less than its counterpart in the round that
belongs to its own, in percent; noise can make it less than nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from netcadence.pair import Pair, WorkerPod
from netcadence.record import PairOutcome, RunRecord
from netcadence.statistics import PERC50
from netcadence_worker.contract import Result

COST: Final = "overlay_cost"
#: What is compared, the first that the pairs have.
_CARRIED: Final = ("throughput", "transaction_rate")


def beside_hosts(
    pairs: Sequence[Pair], hosts: Mapping[str, WorkerPod], *, base_port: int
) -> tuple[Pair, ...]:
    """Return the pairs, and after each of their rounds one of the same nodes' own networks.

    Args:
        pairs: One repeat of the plan; the counterpart of each is as many places behind it as there are.
        hosts: A worker in the network of each node, by the node's name.
        base_port: Port of the first pair of a server; its others are at the ports that follow.
    """
    turns: Counter[tuple[int, str]] = Counter()
    counterparts = []
    for pair in pairs:
        turn = turns[pair.round, pair.server.node]
        turns[pair.round, pair.server.node] += 1
        counterparts.append(
            Pair(
                index=pair.index + len(pairs),
                client=hosts[pair.client.node],
                server=hosts[pair.server.node],
                port=base_port + turn,
                round=2 * pair.round + 1,
                is_baseline=True,
            )
        )
    return (*(replace(pair, round=2 * pair.round) for pair in pairs), *counterparts)


def with_cost(
    outcomes: Sequence[PairOutcome], baseline: Sequence[PairOutcome], *, distance: int
) -> tuple[PairOutcome, ...]:
    """Return the outcomes, each with its cost beside its results where both it and its counterpart measured.

    Args:
        distance: From a pair's index to its counterpart's.
    """
    hosts = {outcome.pair.index - distance: outcome for outcome in baseline}
    return tuple(_with_cost(outcome, hosts.get(outcome.pair.index)) for outcome in outcomes)


def cost_of(record: RunRecord) -> float | None:
    """Return the median over the pairs that are judged, in percent; None where nothing was compared."""
    costs = [value for each in record.judged if (value := each.value(COST)) is not None]
    return PERC50.of(costs) if costs else None


def _with_cost(outcome: PairOutcome, host: PairOutcome | None) -> PairOutcome:
    if host is None:
        return outcome
    for metric in _CARRIED:
        pod_carries, host_carries = outcome.value(metric), host.value(metric)
        if pod_carries is not None and host_carries:
            cost = Result.of(COST, 100 * (1 - pod_carries / host_carries))
            return replace(outcome, beside=(*outcome.beside, cost))
    return outcome
