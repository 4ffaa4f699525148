"""What netcadence adds to the bare tools, measured on an embedded cluster on this machine.

Prints each figure beside its bound and keeps all of them as JSON in `.netcadence/benchmarks/`. Figures of
throughput are ratios to bare iperf in the same run, for machines are noisy. Takes about five minutes.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import memory
from figures import Figures

from flows import environment, server
from netcadence.embedded import Cluster, Settings
from netcadence.home import Home

_WORKER = b"netcadence_worker"
_RUN_PROCESSES = (_WORKER, b"netcadence.embedded", b"iperf", b"siege", b"overhead.py")
#: One ratio of throughputs may be off by a tenth, which a median of five does not make up for.
_REPEATS = 15
_BARE_S = 3


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
    with deployed(cluster, replicas=2) as (_, workers):
        pid = worker_pid(workers[0].name)
        figures.add("worker, processor time until ready", memory.cpu_s(pid), "s", most=0.5)
        figures.add("worker, resident", memory.resident_mb(pid), "MB", most=45)
        before, wait_s = memory.cpu_s(pid), 20
        time.sleep(wait_s)
        figures.add("worker, processor share while waiting", (memory.cpu_s(pid) - before) / wait_s * 100, "%")


def throughput_ratio(figures: Figures, cluster: Cluster) -> None:
    """Netcadence's TCP throughput over bare iperf's, between the same two namespaces.

    Each ratio is of two measurements one after the other, now one first and now the other, for a machine's
    speed drifts.
    """
    from netcadence.kube import collection, dispatch
    from netcadence.kube.observation import Observation
    from netcadence.pairing import plan

    bare, ours, late_s = [], [], []
    with deployed(cluster, replicas=2) as (run, workers):
        owner = run.access.get(dispatch.RUN, run.run_id, run.namespace)["metadata"]
        reference = {
            "apiVersion": dispatch.API_VERSION,
            "kind": dispatch.RUN.kind,
            "name": run.run_id,
            "uid": owner["uid"],
        }
        pairs = plan(workers, pairs=1, base_port=run.scenario.port, rounds=_REPEATS)
        dispatch.set_reference(run, pairs[0].client)
        with Observation(run, workers) as observation:
            for number, pair in enumerate(pairs):
                if bare_first := number % 2 == 0:
                    bare.append(bare_iperf(pair.client, pair.server))
                arming = dispatch.arm(run, [pair], owner=reference, observation=observation)
                start = dispatch.fire(run, pair.round, arming=arming, observation=observation)
                collection.collect(observation, [pair], traffic_s=_BARE_S, grace_s=15)
                (outcome,) = collection.conclude(observation, [pair], starts={pair.round: start})
                ours.append(outcome.value("throughput"))
                late_s.append(outcome.start_offset_s)
                if not bare_first:
                    bare.append(bare_iperf(pair.client, pair.server))
    figures.add(
        f"start after the agreed instant, one pair, median of {_REPEATS}",
        statistics.median(late_s) * 1e3,
        "ms",
        most=1.0,
    )
    figures.add(f"TCP throughput, bare iperf, median of {_REPEATS}", statistics.median(bare), "KBytes/s")
    figures.add(f"TCP throughput, netcadence, median of {_REPEATS}", statistics.median(ours), "KBytes/s")
    ratio = statistics.median(mine / theirs for mine, theirs in zip(ours, bare, strict=True))
    figures.add(f"TCP throughput, netcadence over bare iperf, median of {_REPEATS}", ratio, "", least=0.97)


def bare_iperf(client: Any, server_pod: Any) -> float:
    """Run iperf between two pods' namespaces by hand; returns the server's KBytes/s."""
    port = "5099"
    within = [["nsenter", f"--net=/proc/{worker_pid(pod.name)}/ns/net"] for pod in (client, server_pod)]
    serve = [*within[1], "iperf", "-s", "-e", "-f", "K", "-i", "1", "-P", "1", "-p", port]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as listener:
        try:
            next(line for line in listener.stdout or () if "listening" in line)
            call = [
                *within[0],
                "iperf",
                "-c",
                server_pod.ip,
                "-e",
                "-f",
                "K",
                "-i",
                "1",
                "-t",
                str(_BARE_S),
                "-p",
                port,
            ]
            subprocess.run(call, check=True, capture_output=True, timeout=30)
            rows = re.findall(
                r"0\.0+-\d[\d.]*\s+sec\s+\S+ KBytes\s+(\d+) KBytes/sec", listener.communicate(timeout=10)[0]
            )
        finally:
            listener.kill()
    return float(rows[-1])


class deployed:  # noqa: N801 - reads as a phrase
    """Workers on a cluster for as long as the block lasts."""

    def __init__(self, cluster: Cluster, replicas: int) -> None:
        self._cluster, self._replicas = cluster, replicas

    def __enter__(self) -> tuple[Any, Any]:
        from netcadence import scenario
        from netcadence.kube import dispatch, installation, workers
        from netcadence.kube.access import Access
        from netcadence.kube.run import Run, new_run_id

        chosen = scenario.find("tcp-1:1").model_copy(update={"duration_s": _BARE_S})
        access = Access.connect(kubeconfig=self._cluster.kubeconfig)
        self._run = Run(access, "netcadence", new_run_id("bench"), chosen)
        installation.install(access, "netcadence", environment.MANIFESTS)
        template = workers.WorkerTemplate(tools=("iperf",))
        workers.deploy(
            self._run, replicas=self._replicas, template=template, owner=dispatch.create_run(self._run)
        )
        return self._run, workers.wait_ready(self._run, replicas=self._replicas, timeout_s=60)

    def __exit__(self, *_: object) -> None:
        from netcadence.kube.cleanup import clean_up

        clean_up(self._run)


def worker_pid(pod: str) -> int:
    """Return the process of a worker pod."""
    return next(pid for pid in memory.find((_WORKER,)) if memory.environment(pid).get("POD_NAME") == pod)


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
        throughput_ratio(figures, cluster)
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
