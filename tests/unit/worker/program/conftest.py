"""Workers as real programs, beside the API server of the folder above."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from netcadence_worker.contract import HEALTH_PORT
from tests.unit.worker.program.loaded import LoadedProgram

COMMAND = (sys.executable, "-m", "netcadence_worker")


@dataclass
class WorkerProcess:
    """A worker as its pod would run it."""

    name: str
    ip: str
    pid: int
    log: Path
    wait: Callable[[float], int]

    @property
    def reference(self) -> dict[str, str]:
        return {"podName": self.name, "podIP": self.ip}

    def tools(self) -> list[int]:
        """Return the processes that it has started and that still run."""
        found: list[int] = []
        for file in Path(f"/proc/{self.pid}/task").glob("*/children"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
                found.extend(map(int, file.read_text().split()))
        return found

    def kill(self) -> None:
        self._send(signal.SIGKILL)
        self.ended()

    def stop(self) -> int:
        """Tell it to stop as a kubelet does; return its exit code."""
        self._send(signal.SIGTERM)
        return self.ended()

    def ended(self, within_s: float = 5) -> int:
        """Return its exit code once it has ended."""
        return self.wait(within_s)

    def _send(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)


@pytest.fixture(scope="session")
def program() -> Iterator[LoadedProgram]:
    program = LoadedProgram("netcadence_worker")
    yield program
    program.close()


@pytest.fixture
def start_worker(
    environment: Callable[..., dict[str, str]],
    address: Callable[[], str],
    program: LoadedProgram,
    tmp_path: Path,
) -> Iterator[Callable[..., WorkerProcess]]:
    """Start workers, as the command that a pod runs if told so, and end them after the test."""
    started: list[WorkerProcess] = []

    def start(name: str, *, ip: str | None = None, as_command: bool = False, **more: str) -> WorkerProcess:
        own = ip or address()
        log = tmp_path / f"{name}-{len(started)}.log"
        variables = environment(name, own, **more)
        if as_command:
            with log.open("w") as output:
                process = subprocess.Popen(COMMAND, env=variables, stdout=output, stderr=output)
            started.append(WorkerProcess(name, own, process.pid, log, process.wait))
        else:
            pid = program.start(variables, log)
            started.append(WorkerProcess(name, own, pid, log, partial(program.code, pid)))
        return started[-1]

    yield start
    for worker in started:
        worker.kill()
        sys.stdout.write(f"--- {worker.name}\n{worker.log.read_text()}")


@pytest.fixture
def await_ready(wait: Callable[..., Any], http_get: Callable[..., tuple[int, str]]) -> Callable[..., None]:
    """Wait until workers say that they are ready."""

    def ready(*workers: WorkerProcess) -> None:
        for worker in workers:
            wait(
                lambda ip=worker.ip: http_get(ip, "/readyz", HEALTH_PORT)[0] == 200,
                what=f"readiness of {worker.name}",
            )

    return ready


@pytest.fixture
def pair(
    start_worker: Callable[..., WorkerProcess], await_ready: Callable[..., None]
) -> tuple[WorkerProcess, WorkerProcess]:
    """Two ready workers: client, server."""
    client, server = start_worker("client"), start_worker("server")
    await_ready(client, server)
    return client, server


class Orchestra:
    """What an orchestrator does with a pair, step by step."""

    def __init__(
        self, api: Any, wait: Callable[..., Any], client: WorkerProcess, server: WorkerProcess
    ) -> None:
        self.api = api
        self.client = client
        self.server = server
        self.wait = wait

    def request(self, name: str = "a", **spec: Any) -> None:
        """Create a request from the client to the server."""
        self.api.request(name, client="client", server="server", serverPodIP=self.server.ip, **spec)

    def armed(self, *names: str) -> None:
        """Wait until both sides of each request stand ready."""
        for name in names or ("a",):

            def is_armed(name: str = name) -> bool:
                phases = [side.phase for side in self._sides(name) if side]
                assert "Failed" not in phases, self.api.status(name)
                return phases == ["Armed", "Armed"]

            self.wait(is_armed, what=f"arming of {name}", seconds=15)

    def settled(self, name: str = "a", *, seconds: float = 20.0) -> Any:
        """Wait until both sides of a request have said their last word; return its status."""

        def is_final() -> bool:
            return all(side and side.phase.is_final for side in self._sides(name))

        self.wait(is_final, seconds=seconds, what=f"the end of {name}")
        return self.api.status(name)

    def run_to_the_end(self, name: str = "a", **spec: Any) -> Any:
        """Create, arm and fire a request; return its final status."""
        self.request(name, **spec)
        self.armed(name)
        self.api.fire(round_=spec.get("round", 0))
        return self.settled(name)

    def set_running(self, **spec: Any) -> None:
        """Bring a long request to the point where both sides say that traffic flows."""
        self.request(duration=30, **spec)
        self.armed()
        self.api.fire()
        self.wait(lambda: [side.phase for side in self._sides("a")] == ["Running", "Running"], what="traffic")

    def _sides(self, name: str) -> tuple[Any, Any]:
        status = self.api.status(name)
        return status.client, status.server


@pytest.fixture
def orchestra(api: Any, wait: Callable[..., Any], pair: tuple[WorkerProcess, WorkerProcess]) -> Orchestra:
    """A run with its reference, and a pair of ready workers."""
    client, server = pair
    api.run(client.reference)
    return Orchestra(api, wait, client, server)


@pytest.fixture
def ipv6_orchestra(
    api: Any,
    wait: Callable[..., Any],
    start_worker: Callable[..., WorkerProcess],
    await_ready: Callable[..., None],
) -> Orchestra:
    """Likewise, with a server that has an IPv6 address, which is also the reference."""
    client, server = start_worker("client"), start_worker("server", ip="::1")
    await_ready(client, server)
    api.run(server.reference)
    return Orchestra(api, wait, client, server)
