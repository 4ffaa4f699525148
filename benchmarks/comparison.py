"""TCP throughput of one pair as netcadence measures it and as bare iperf does, in the same two namespaces."""

from __future__ import annotations

import os
import re
import subprocess
import time
from dataclasses import dataclass
from typing import Any, Self

import memory

WORKER = b"netcadence_worker"
TRAFFIC_S = 3
_OWN_PROCESSES = (WORKER, b"netcadence.embedded", b"overhead.py")


@dataclass(frozen=True)
class Compared:
    """One measurement beside bare iperf."""

    bare: float
    ours: float
    late_s: float
    own_share: float


class Comparison:
    """Measures between two workers, in one round netcadence first and in the next iperf: machines drift."""

    def __init__(self, run: Any, workers: Any, *, owner: Any, rounds: int) -> None:
        from netcadence.kube import dispatch
        from netcadence.kube.observation import Observation
        from netcadence.pairing import plan

        self._pairs = plan(workers, pairs=1, base_port=run.scenario.port, rounds=rounds)
        dispatch.set_reference(run, self._pairs[0].client)
        self._run, self._owner = run, owner
        self._observation = Observation(run, workers)

    def __enter__(self) -> Self:
        self._observation.__enter__()
        return self

    def __exit__(self, *failure: object) -> None:
        self._observation.__exit__(*failure)

    def once(self, number: int) -> Compared:
        """Compare in the round of that number."""
        pair = self._pairs[number]
        if number % 2 == 0:
            bare = bare_iperf(pair.client, pair.server)
            return Compared(bare, *self._measure(pair))
        ours = self._measure(pair)
        return Compared(bare_iperf(pair.client, pair.server), *ours)

    def _measure(self, pair: Any) -> tuple[float, float, float]:
        from netcadence.kube import collection, dispatch

        seen = self._observation
        arming = dispatch.arm(self._run, [pair], owner=self._owner, observation=seen)
        start = dispatch.fire(self._run, pair.round, arming=arming, observation=seen)
        own = {pid: memory.cpu_s(pid) for pid in memory.find(_OWN_PROCESSES)}
        begun = time.monotonic()
        collection.collect(seen, [pair], traffic_s=TRAFFIC_S, grace_s=15)
        passed_s = (time.monotonic() - begun) * (os.cpu_count() or 1)
        own_s = sum(memory.cpu_s(pid) - before for pid, before in own.items())
        (outcome,) = collection.conclude(seen, [pair], starts={pair.round: start})
        return outcome.value("throughput"), outcome.start_offset_s, own_s / passed_s


def bare_iperf(client: Any, server_pod: Any) -> float:
    """Run iperf between two pods' namespaces by hand; returns the server's KBytes/s."""
    of_client, of_server = (
        ["nsenter", f"--net=/proc/{worker_pid(pod.name)}/ns/net", "iperf"] for pod in (client, server_pod)
    )
    alike = ["-e", "-f", "K", "-i", "1", "-p", "5099"]
    serve = [*of_server, "-s", "-P", "1", *alike]
    call = [*of_client, "-c", server_pod.ip, "-t", str(TRAFFIC_S), *alike]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as listener:
        try:
            next(line for line in listener.stdout or () if "listening" in line)
            subprocess.run(call, check=True, capture_output=True, timeout=30)
            rows = re.findall(
                r"0\.0+-\d[\d.]*\s+sec\s+\S+ KBytes\s+(\d+) KBytes/sec", listener.communicate(timeout=10)[0]
            )
        finally:
            listener.kill()
    return float(rows[-1])


def worker_pid(pod: str) -> int:
    """Return the process of a worker pod."""
    return next(pid for pid in memory.find((WORKER,)) if memory.environment(pid).get("POD_NAME") == pod)
