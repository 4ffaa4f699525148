"""What a mesh of nodes takes beside its traffic, phase by phase, on an embedded cluster on this machine.

Its scenario is `tcp-mesh`, on 8 nodes or as many as the first argument says. Prints the wall time of the run
beside the sum of its rounds' traffic.
"""

from __future__ import annotations

import os
import sys
import time

from flows import environment, server
from netcadence.embedded import Cluster, Settings
from netcadence.home import Home

_NODES = 8
#: What 8 nodes at 2 s a round, 28 s of traffic in all, may take.
_MOST_S = 40


def main(nodes: int) -> None:
    home = Home.beside(environment.CHECKOUT)
    api = environment.prepare(home)
    server.start(api, home)
    server.wait(api, home)
    from flows.benchmark import benchmark
    from flows.embedded_commands import WORKER_IMAGE
    from flows.session import attended

    settings = Settings(name=f"mesh-{os.getpid()}", nodes=nodes, images=WORKER_IMAGE)
    with attended(), Cluster.up(settings) as cluster:
        # The first run loads what the second one finds loaded.
        benchmark("tcp-1:1", kubeconfig=cluster.kubeconfig, cluster="benchmark", return_state=True)
        begun = time.monotonic()
        state = benchmark("tcp-mesh", kubeconfig=cluster.kubeconfig, cluster="benchmark", return_state=True)
        wall_s = time.monotonic() - begun
    record = state.result(raise_on_failure=False).record
    rounds = len({outcome.pair.round for outcome in record.outcomes})
    traffic_s = rounds * record.facts.duration_s
    measured = len(record.outcomes) - len(record.errors)
    print(f"{nodes} nodes, {rounds} rounds, {measured} of {len(record.outcomes)} pairs with results")
    print(f"skew p99 {record.skew.p99_ms:.1f} ms")
    for phase, seconds in record.facts.phases_s.items():
        print(f"{phase:<12} {seconds:>8.3f} s {seconds / rounds:>8.3f} s a round")
    bound = f", at most {_MOST_S} s wanted" if nodes == _NODES else ""
    print(f"wall         {wall_s:>8.3f} s, of which traffic {traffic_s} s{bound}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else _NODES)
