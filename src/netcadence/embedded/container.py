"""A container's life on a node: pulled, started, probed, ended, started again."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from netcadence.embedded.api.store import Object, now
from netcadence.embedded.environment import Surroundings, environment
from netcadence.embedded.events import EventKind
from netcadence.embedded.images import (
    ContainerRefusedError,
    Image,
    ImageUnknownError,
    command_line,
    find_image,
)
from netcadence.embedded.log import tail_text
from netcadence.embedded.network import Network
from netcadence.embedded.place import Place
from netcadence.embedded.probes import Probe, ask, verdicts
from netcadence.embedded.processes import Process, ProcessIdentity
from netcadence.embedded.starter import Starter

_BACKOFF_MAX_S: Final = 300.0
#: A container that ran this long has recovered: its next failure is again a first one (the kubelet's value).
_BACKOFF_RESET_S: Final = 600.0
#: How long a failed pull shows as ErrImagePull before it shows as ImagePullBackOff.
_PULL_ERROR_S: Final = 0.5
_RESTARTED_BY_NODE: Final = 255

Report = Callable[[EventKind, str, str], None]


@dataclass(slots=True)
class Backoff:
    """The pause before a restart: none the first time, then doubling."""

    first_s: float
    _next_s: float = field(default=0.0, init=False)

    def after(self, ran_s: float) -> float:
        """Return the seconds to wait after a run of so many seconds."""
        if ran_s >= _BACKOFF_RESET_S:
            self._next_s = 0.0
        pause_s = self._next_s
        self._next_s = min(pause_s * 2 if pause_s else self.first_s, _BACKOFF_MAX_S)
        return pause_s


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerHost:
    """What a container needs of its pod and node.

    Attributes:
        starter: Starts its process.
        place: What that is started into.
        changed: To be called whenever the container's status has changed.
        report: Records an event about the pod.
    """

    images: Mapping[str, Image]
    network: Network
    surroundings: Surroundings
    starter: Starter
    place: Place
    restart_backoff_s: float
    changed: Callable[[], None]
    report: Report


class Container:
    """One container of one pod, from when the pod is on its node until it leaves it.

    Attributes:
        state: `state` of the container's status, as the API shows it.
        last_state: `lastState` likewise.
        ready: Whether its readiness probe, if any, is content.
        started: Whether its startup probe, if any, was.
    """

    def __init__(
        self, host: ContainerHost, spec: Mapping[str, Any], before: Mapping[str, Any] | None
    ) -> None:
        """Take up a container.

        Args:
            host: Its pod and node.
            spec: Its entry in the pod's spec.
            before: Its status from an earlier life on this node, if it had one: it has then restarted.
        """
        self._host = host
        self._spec = spec
        self.name: str = spec["name"]
        self.state: Object = {"waiting": {"reason": "ContainerCreating"}}
        self.last_state: Object = {}
        self.restart_count = 0
        self.ready = False
        self.started = False
        self._id = ""
        self._process: Process | None = None
        self._stopping = False
        self._backoff = Backoff(host.restart_backoff_s)
        if before and before.get("containerID"):
            self.restart_count = before["restartCount"] + 1
            lost = {"exitCode": _RESTARTED_BY_NODE, "reason": "Unknown", "containerID": before["containerID"]}
            self.last_state = {"terminated": {**lost, "finishedAt": now()}}

    @property
    def status(self) -> Object:
        """Its entry in the pod's `containerStatuses`."""
        image = self._spec.get("image", "")
        found: Object = {
            "name": self.name,
            "image": image,
            "imageID": f"netcadence://{image}" if self._id else "",
        }
        found |= {"state": self.state, "lastState": self.last_state, "restartCount": self.restart_count}
        found |= {"ready": self.ready, "started": self.started}
        return found | ({"containerID": self._id} if self._id else {})

    def log_path(self, restart: int) -> Path:
        """Return the log file of a run; runs count from 0."""
        return log_path(self._host.surroundings.directory, self.name, restart)

    async def run(self) -> None:
        """Live until the pod's restart policy says that this was it, or until `stop`."""
        while not self._stopping:
            try:
                image = find_image(self._host.images, self._spec.get("image", ""))
                argv, probes = command_line(image, self._spec), _probes(self._spec)
                variables = environment(self._host.surroundings, image, self._spec)
            except ImageUnknownError as error:
                await self._pull_failed(str(error))
                continue
            except ContainerRefusedError as error:
                self._wait_for("CreateContainerError", str(error))
                self._host.report("Warning", "Failed", f"Error: {error}")
                return  # the spec does not change, and neither does the answer
            began = time.monotonic()
            exit_code = await self._run_once(image, argv, variables, probes)
            if self._stopping or not self._restarts(exit_code):
                return
            await self._back_off(self._backoff.after(time.monotonic() - began))
            self.restart_count += 1

    def stop(self, grace_s: float) -> bool:
        """Ask the container to end, and end it after so many seconds; may be called again to shorten them.

        Returns:
            Whether there is a process to wait for.
        """
        first, self._stopping = not self._stopping, True
        process = self._process
        if process is None or not process.running:
            return False
        if first:
            self._host.report("Normal", "Killing", f"Stopping container {self.name}")
            process.terminate()
        asyncio.get_running_loop().call_later(grace_s, process.kill)
        return True

    def kill(self) -> None:
        """End the container now, without a word."""
        self._stopping = True
        if self._process:
            self._process.kill()

    async def _run_once(
        self, image: Image, argv: tuple[str, ...], variables: Mapping[str, str], probes: _Probes
    ) -> int:
        uid = self._host.surroundings.pod["metadata"]["uid"]
        directory = self._host.surroundings.directory
        reference = self._spec.get("image", "")
        self._host.report("Normal", "Pulled", f'Container image "{reference}" already present on machine')
        try:
            process = self._process = await self._host.starter.start(
                image,
                argv,
                place=self._host.place,
                environment=variables,
                directory=directory,
                log=self.log_path(self.restart_count),
                mark=f"{uid}/{self.name}",
            )
        except OSError as error:
            self._terminated(now(), 128, f"{argv[0]}: {error.strerror}", reason="StartError")
            self._host.report("Warning", "Failed", f"Error: failed to start container {self.name}: {error}")
            return 128
        if identity := ProcessIdentity.of(process.pid):
            (directory / f"{self.name}.pid").write_text(str(identity))
        began = now()
        self._id = f"netcadence://{uid}/{self.name}/{self.restart_count}"
        self.state = {"running": {"startedAt": began}}
        self._host.report("Normal", "Started", f"Started container {self.name}")
        prober = asyncio.create_task(self._probe(process, probes))
        try:
            exit_code = await process.wait()
        finally:
            prober.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await prober
        self.ready = self.started = False
        if not self._stopping:  # else the whole pod is swept
            process.kill_descendants()
        self._terminated(began, exit_code, self._last_words(exit_code))
        return exit_code

    async def _probe(self, process: Process, probes: _Probes) -> None:
        self.started = probes.startup is None
        self.ready = self.started and probes.readiness is None
        self._host.changed()
        if probes.startup:
            async for verdict in verdicts(
                probes.startup, *self._asking("Startup", probes.startup), eager=True
            ):
                if verdict.healthy:
                    break
                self._kill_unhealthy(process, "startup")
                return
            self.started, self.ready = True, probes.readiness is None
            self._host.changed()
        async with asyncio.TaskGroup() as group:
            if probes.readiness:
                group.create_task(self._follow_readiness(probes.readiness))
            if probes.liveness:
                group.create_task(self._follow_liveness(process, probes.liveness))

    async def _follow_readiness(self, probe: Probe) -> None:
        async for verdict in verdicts(probe, *self._asking("Readiness", probe), eager=True):
            if self.ready != verdict.healthy:
                self.ready = verdict.healthy
                self._host.changed()

    async def _follow_liveness(self, process: Process, probe: Probe) -> None:
        async for verdict in verdicts(probe, *self._asking("Liveness", probe), eager=False):
            if not verdict.healthy:
                self._kill_unhealthy(process, "liveness")
                return

    def _asking(
        self, kind: str, probe: Probe
    ) -> tuple[Callable[[], Awaitable[str | None]], Callable[[str], None]]:
        where = self._host.surroundings
        source = partial(self._host.network.socket_at, where.pod["spec"]["nodeName"])

        def failed(why: str) -> None:
            self._host.report("Warning", "Unhealthy", f"{kind} probe failed: {why}")

        return partial(ask, probe, where.ips[0], source), failed

    def _kill_unhealthy(self, process: Process, probe: str) -> None:
        message = f"Container {self.name} failed {probe} probe, will be restarted"
        self._host.report("Normal", "Killing", message)
        process.terminate()
        grace_s = self._host.surroundings.pod["spec"].get("terminationGracePeriodSeconds", 30)
        asyncio.get_running_loop().call_later(grace_s, process.kill)

    async def _pull_failed(self, why: str) -> None:
        image = self._spec.get("image", "")
        self._wait_for("ErrImagePull", why)
        self._host.report("Warning", "Failed", f'Failed to pull image "{image}": {why}')
        await asyncio.sleep(_PULL_ERROR_S)
        self._wait_for("ImagePullBackOff", f'Back-off pulling image "{image}": {why}')
        self._host.report("Normal", "BackOff", f'Back-off pulling image "{image}"')
        await asyncio.sleep(self._backoff.after(0) or self._host.restart_backoff_s)

    async def _back_off(self, pause_s: float) -> None:
        self.last_state = self.state
        if not pause_s:
            return
        metadata = self._host.surroundings.pod["metadata"]
        pod = f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
        self._wait_for(
            "CrashLoopBackOff", f"back-off {pause_s:g}s restarting failed container={self.name} pod={pod}"
        )
        message = f"Back-off restarting failed container {self.name} in pod {pod}"
        self._host.report("Warning", "BackOff", message)
        await asyncio.sleep(pause_s)

    def _restarts(self, exit_code: int) -> bool:
        policy = self._host.surroundings.pod["spec"].get("restartPolicy", "Always")
        return policy == "Always" or (policy == "OnFailure" and exit_code != 0)

    def _wait_for(self, reason: str, message: str) -> None:
        self.state = {"waiting": {"reason": reason, "message": message}}
        self._host.changed()

    def _terminated(self, began: str, exit_code: int, message: str, *, reason: str = "") -> None:
        ended: Object = {"exitCode": exit_code, "reason": reason or ("Error" if exit_code else "Completed")}
        ended |= {"startedAt": began, "finishedAt": now()}
        ended |= {"message": message} if message else {}
        self.state = {"terminated": ended | ({"containerID": self._id} if self._id else {})}
        self._host.changed()

    def _last_words(self, exit_code: int) -> str:
        if exit_code == 0 or self._spec.get("terminationMessagePolicy") != "FallbackToLogsOnError":
            return ""
        return tail_text(self.log_path(self.restart_count))


@dataclass(frozen=True, slots=True)
class _Probes:
    startup: Probe | None
    readiness: Probe | None
    liveness: Probe | None


def _probes(spec: Mapping[str, Any]) -> _Probes:
    return _Probes(
        *(Probe.parse(spec.get(f"{kind}Probe"), spec) for kind in ("startup", "readiness", "liveness"))
    )


def log_path(pod_directory: Path, container: str, restart: int) -> Path:
    """Return the log file of a container's run; runs count from 0."""
    return pod_directory / f"{container}.{restart}.log"
