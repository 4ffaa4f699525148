"""New pods under a policy that was there before them: one for each pair, in the place of its client."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from netcadence.change import Change
from netcadence.kube import worker_deployment
from netcadence.kube.access import Object
from netcadence.kube.policies import Policy
from netcadence.kube.resource import NETWORK_POLICY
from netcadence.kube.run import Run
from netcadence.kube.worker_deployment import WorkerTemplate
from netcadence.kube.workers import wait_ready
from netcadence.layout import Layout
from netcadence.nodes import Pool
from netcadence.pair import Pair, WorkerPod
from netcadence_worker.contract import HEALTH_PORT

#: Seconds that the policies have to take their effect on the servers, before anybody new comes.
_POLICIES_SETTLE_S: Final = 2.0


def make_newborns(
    run: Run,
    pairs: Sequence[Pair],
    layout: Layout,
    *,
    owner: Object,
    zones: Mapping[str, str],
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[tuple[Pair, ...], tuple[WorkerPod, ...]]:
    """Give each server a policy, and each pair a new client; return the pairs, and all workers.

    A new pod tries its server from its first moment on. Its label is known before it is there, so that the
    policy of every other pair lets it in, and that of the rest lets nobody in.
    """
    first = len(layout.groups)
    coming = {pair.index: str(first + pair.index) for pair in pairs}
    for pair in pairs:
        newborn = replace(pair.client, group=coming[pair.index])
        allowed = Change.POLICY_NEW_POD.makes_reachable(pair.index)
        policy = Policy(run, pair.server, (newborn,), (HEALTH_PORT,)) if allowed else Policy(run, pair.server)
        run.access.create(NETWORK_POLICY, policy.body(owner), run.namespace)
    time.sleep(_POLICIES_SETTLE_S)
    for pair in pairs:
        template = WorkerTemplate(run.scenario.worker, knock_at=pair.server.address(run.scenario.ip_family))
        where = Pool(names=(pair.client.node,))
        worker_deployment.deploy(
            run, replicas=1, template=template, owner=owner, where=where, group=int(coming[pair.index])
        )
    there = wait_ready(
        run,
        replicas=layout.workers + len(pairs),
        timeout_s=run.scenario.worker.ready_timeout_s,
        zones=zones,
        on_progress=on_progress,
    )
    by_group = {worker.group: worker for worker in there}
    return tuple(replace(pair, client=by_group[coming[pair.index]]) for pair in pairs), there
