"""What netcadence adds to the bare tools, measured on an embedded cluster on this machine.

Prints each figure beside its bound and keeps all of them as JSON in `.netcadence/benchmarks/`. Figures of
throughput are ratios to bare iperf in the same run, for machines are noisy. Takes about five minutes.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import memory
from comparison import TRAFFIC_S, WORKER, Comparison, worker_pid
from figures import Figures

from flows import environment, server
from netcadence.embedded import Cluster, Settings
from netcadence.home import Home

_RUN_PROCESSES = (WORKER, b"netcadence.embedded", b"iperf", b"siege", b"overhead.py")
#: What a node's link carries where the link is the limit: half of what two slow processors can send.
_LINK_BITS_PER_S = 4_000_000_000
_ON_A_LINK = 5
#: Where processors are the limit, a machine shared with others changes its speed by a tenth from one second
#: to the next, and so one ratio may be off by 0.15.
_ON_PROCESSORS = 15


def embedded_start(figures: Figures) -> None:
    """From nothing to all nodes Ready."""
    begun = time.monotonic()
    with Cluster.up(Settings(name="bench-start")):
        figures.add("embedded cluster, start to nodes Ready", time.monotonic() - begun, "s", most=1.0)


def warm_overhead(figures: Figures, measure: Callable[..., Any]) -> None:
    """Wall time of a 1:1 scenario without its traffic; the first run of each warms up and does not count."""
    for name in ("tcp-1:1", "udp-1:1", "http-1:1"):
        walls, phases = [], []
        for _ in range(3):
            begun = time.monotonic()
            report = measure(name)
            walls.append(time.monotonic() - begun - traffic_s(report))
            phases.append(report.record.facts.phases_s)
        figures.add(
            f"{name}, warm wall time less traffic, median", statistics.median(walls[1:]), "s", most=3.0
        )
        for phase in phases[-1]:
            seconds = statistics.median(entry[phase] for entry in phases[1:])
            figures.add(f"{name}, phase {phase}", seconds, "s")


def traffic_s(report: Any) -> float:
    """How long the tool really ran: siege takes up to a second more than it was asked for."""
    (outcome,) = report.record.outcomes
    return float((outcome.ended_at - outcome.started_at).total_seconds())


def fifty(figures: Figures, measure: Callable[..., Any]) -> None:
    """Fifty pairs: all results, readiness, skew and memory."""
    for name in ("tcp-50:50", "udp-50:50"):
        with memory.peak_of(_RUN_PROCESSES) as peak:
            report = measure(name)
        record = report.record
        figures.add(
            f"{name}, pairs with results", len(record.outcomes) - len(record.errors), "pairs", least=50
        )
        phases = record.facts.phases_s
        figures.add(f"{name}, workers ready", phases["deploy"] + phases["ready"], "s", most=30)
        figures.add(f"{name}, armed", phases["arm"], "s")
        figures.add(f"{name}, start skew p50", record.skew.p50_ms, "ms")
        figures.add(f"{name}, start skew p99", record.skew.p99_ms, "ms", most=50)
        figures.add(f"{name}, start skew max", record.skew.max_ms, "ms")
        figures.add(f"{name}, peak memory of {peak.processes} processes", peak.mb, "MB")


def worker_budget(figures: Figures, cluster: Cluster) -> None:
    """One idle worker: what it took to become ready, and what it takes while it waits."""
    with deployed(cluster, replicas=2) as (_, workers, _):
        pid = worker_pid(workers[0].name)
        figures.add("worker, processor time until ready", memory.cpu_s(pid), "s", most=0.5)
        figures.add("worker, resident", memory.resident_mb(pid), "MB", most=45)
        before, wait_s = memory.cpu_s(pid), 20
        time.sleep(wait_s)
        share = (memory.cpu_s(pid) - before) / wait_s * 100
        # The kernel counts in hundredths of a second: this is two of them.
        figures.add("worker, processor share while waiting", share, "%", most=0.1)


def throughput_ratios(figures: Figures, cluster: Cluster) -> None:
    """Netcadence's TCP throughput over bare iperf's between the same two namespaces, two ways.

    Over a link that is the limit, as between real nodes, a number is as good as its accounting of bytes and
    seconds. Without a limit the processors are, and what netcadence does beside the traffic takes from it:
    that share is measured, too, for it is steady where the ratio is not.
    """
    rounds = _ON_A_LINK + _ON_PROCESSORS
    with (
        deployed(cluster, replicas=2) as (run, workers, owner),
        Comparison(run, workers, owner=owner, rounds=rounds) as comparison,
    ):
        for node in {worker.node for worker in workers}:
            cluster.set_uplink_rate(node, _LINK_BITS_PER_S)
        linked = [comparison.once(number) for number in range(_ON_A_LINK)]
        for node in {worker.node for worker in workers}:
            cluster.set_uplink_rate(node, None)
        free = [comparison.once(number) for number in range(_ON_A_LINK, rounds)]
    late_s = statistics.median(one.late_s for one in linked + free)
    figures.add("start after the agreed instant, one pair, median", late_s * 1e3, "ms", most=1.0)
    for where, seen, least in (
        (f"{_LINK_BITS_PER_S / 1e9:g} Gbit/s link", linked, 0.97),
        ("no limit", free, None),
    ):
        figures.add(f"TCP, {where}, bare iperf", statistics.median(one.bare for one in seen), "KBytes/s")
        figures.add(f"TCP, {where}, netcadence", statistics.median(one.ours for one in seen), "KBytes/s")
        ratios = [one.ours / one.bare for one in seen]
        figures.add(f"TCP, {where}, ratio, median of {len(seen)}", statistics.median(ratios), "", least=least)
        figures.add(f"TCP, {where}, ratio, standard deviation of one", statistics.stdev(ratios), "")
    share = statistics.median(one.own_share for one in free)
    figures.add("netcadence's share of all processors in traffic", share * 100, "%", most=3)


class deployed:  # noqa: N801 - reads as a phrase
    """Workers on a cluster for as long as the block lasts."""

    def __init__(self, cluster: Cluster, replicas: int) -> None:
        self._cluster, self._replicas = cluster, replicas

    def __enter__(self) -> tuple[Any, Any, Any]:
        from netcadence import scenario
        from netcadence.kube import dispatch, installation, workers
        from netcadence.kube.access import Access
        from netcadence.kube.run import Run, new_run_id
        from netcadence.kube.worker_deployment import WorkerTemplate, deploy

        chosen = scenario.find("tcp-1:1").model_copy(update={"duration_s": TRAFFIC_S})
        access = Access.connect(kubeconfig=self._cluster.kubeconfig)
        self._run = Run(access, "netcadence", new_run_id("bench"), chosen)
        installation.install(access, "netcadence", environment.MANIFESTS)
        template = WorkerTemplate(tools=("iperf",))
        owner = dispatch.create_run(self._run)
        deploy(self._run, replicas=self._replicas, template=template, owner=owner)
        return self._run, workers.wait_ready(self._run, replicas=self._replicas, timeout_s=60), owner

    def __exit__(self, *_: object) -> None:
        from netcadence.kube.cleanup import clean_up

        clean_up(self._run)


def main() -> None:
    home = Home.beside(environment.CHECKOUT)
    api = environment.prepare(home)
    server.start(api, home)
    figures = Figures()
    server.wait(api, home)
    embedded_start(figures)
    from flows.benchmark import benchmark
    from flows.embedded_commands import WORKER_IMAGE
    from flows.session import attended

    # Each worker a program of its own, as on a real node.
    alone = {name: replace(image, preloaded=False) for name, image in WORKER_IMAGE.items()}
    with Cluster.up(Settings(name=f"bench-worker-{os.getpid()}", images=alone)) as cluster:
        worker_budget(figures, cluster)
        throughput_ratios(figures, cluster)
    settings = Settings(name=f"bench-{os.getpid()}", images=WORKER_IMAGE)
    with attended(), Cluster.up(settings) as cluster:

        def measure(name: str) -> Any:
            state = benchmark(name, kubeconfig=cluster.kubeconfig, cluster="benchmark", return_state=True)
            return state.result(raise_on_failure=False)

        warm_overhead(figures, measure)
        fifty(figures, measure)
    figures.keep("overhead")


if __name__ == "__main__":
    main()
