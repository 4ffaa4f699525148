"""What is seen of a run while it goes: the state of each request, and which workers were lost.

Two followers, one for requests and one for pods, run in threads of their own and put what they see into one
queue; whoever waits takes from it, so that a lost worker ends the wait for its pair at once.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from netcadence.errors import NetcadenceError
from netcadence.kube.access import Object
from netcadence.kube.follow import Change, Notice, follow
from netcadence.kube.resource import POD, Resource
from netcadence.kube.run import Run
from netcadence.kube.workers import restarts
from netcadence.outcome import has_succeeded
from netcadence.pair import Pair, WorkerPod
from netcadence_worker.contract import RequestStatus, Role

_TAKE_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Sighting:
    """A request's status, and when it and the request itself were first seen, by our monotonic clock."""

    status: RequestStatus
    at: float
    first_at: float


@dataclass(frozen=True, slots=True)
class Loss:
    """Why, in words, a pod is not the worker that was paired any more; when that was seen, as above."""

    why: str
    at: float


@dataclass(frozen=True, slots=True)
class _Arrival:
    """What a follower has told, and when, as above."""

    resource: Resource
    notice: Notice
    at: float


class Observation:
    """A context manager: on entering it starts to follow a run's objects, on leaving it stops.

    Args:
        guard: Called again and again while something is waited for; raises what ends the wait.

    Attributes:
        requests: The latest sighting by pair index.
        lost: By worker pod name, the loss of those that were lost.
        leads_s: By pair index, how long before its start that start was published.
        known_way_s: The longest it took for a start to reach these workers in other runs; None before any.
    """

    def __init__(
        self, run: Run, workers: tuple[WorkerPod, ...], *, guard: Callable[[], None] = lambda: None
    ) -> None:
        self.requests: dict[int, Sighting] = {}
        self.lost: dict[str, Loss] = {}
        self.leads_s: dict[int, float] = {}
        self.known_way_s: float | None = None
        self._run = run
        self._workers = {worker.name: worker for worker in workers}
        self._guard = guard
        self._queue: queue.SimpleQueue[_Arrival | NetcadenceError] = queue.SimpleQueue()
        self._stopping = threading.Event()

    def __enter__(self) -> Self:
        for resource in (self._run.wire.requests, POD):
            name = f"follow-{resource.plural}"
            threading.Thread(target=self._feed, args=(resource,), name=name, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()

    def advance(self, deadline: float) -> bool:
        """Wait for something to happen and take it in, with all else that has happened by then.

        Args:
            deadline: `time.monotonic()` instant at which to give up waiting.

        Returns:
            Whether anything happened before the deadline.

        Raises:
            NetcadenceError: What stopped a follower, if one could not go on, or what the guard found.
        """
        while (remaining_s := deadline - time.monotonic()) > 0:
            self._guard()
            try:
                self._take(self._queue.get(timeout=min(_TAKE_S, remaining_s)))
            except queue.Empty:
                continue
            while not self._queue.empty():
                self._take(self._queue.get())
            return True
        return False

    def lost_side(self, pair: Pair) -> tuple[Role, str] | None:
        """Return which worker of a pair was lost and why, if one was while its request was open.

        A pair that had succeeded before keeps its figures. One that succeeds afterwards has them from another
        worker, which came up in the place of the lost one.
        """
        sighting = self.requests.get(pair.index)
        for role, worker in ((Role.CLIENT, pair.client), (Role.SERVER, pair.server)):
            loss = self.lost.get(worker.name)
            if loss and not (sighting and has_succeeded(sighting.status) and sighting.at <= loss.at):
                return role, loss.why
        return None

    @property
    def slowest_start_s(self) -> float | None:
        """How long the slowest start took to its client: its lead, less what the client had left of it."""
        ways_s = [
            lead_s - sighting.status.client.start_notice
            for index, lead_s in self.leads_s.items()
            if (sighting := self.requests.get(index))
            and sighting.status.client is not None
            and sighting.status.client.start_notice is not None
        ]
        known_s = [] if self.known_way_s is None else [self.known_way_s]
        return max((*known_s, *ways_s), default=None)

    def _feed(self, resource: Resource) -> None:
        try:
            for notice in follow(
                self._run.access,
                resource,
                self._run.namespace,
                selector=self._run.workers_selector if resource is POD else self._run.selector,
                stopped=self._stopping.is_set,
            ):
                # Whoever takes it may be busy, as with writing more requests: that is no part of its way.
                self._queue.put(_Arrival(resource, notice, time.monotonic()))
        except NetcadenceError as error:
            self._queue.put(error)

    def _take(self, item: _Arrival | NetcadenceError) -> None:
        if isinstance(item, NetcadenceError):
            raise item
        notice = item.notice
        if item.resource is self._run.wire.requests:
            self._take_request(notice, item.at)
        elif why := _why_lost(self._workers.get(notice.name), notice):
            self.lost.setdefault(notice.name, Loss(why, item.at))

    def _take_request(self, notice: Notice, at: float) -> None:
        if notice.change is Change.SEEN:
            index, status = self._run.wire.read(notice.object)
            first = self.requests.get(index)
            self.requests[index] = Sighting(status, at=at, first_at=first.first_at if first else at)


def _why_lost(worker: WorkerPod | None, notice: Notice) -> str:
    """Say why a pod is no longer the worker that was paired; an empty text if it still is."""
    if worker is None:
        return ""
    where = f"worker {worker.name} on {worker.node}"
    pod = notice.object
    if notice.change is Change.GONE:
        return f"{where} was deleted"
    if pod["metadata"]["uid"] != worker.uid:
        return f"{where} was replaced by another pod of its name"
    if "deletionTimestamp" in pod["metadata"]:
        return f"{where} is being deleted"
    return _why_dead(where, worker, pod)


def _why_dead(where: str, worker: WorkerPod, pod: Object) -> str:
    status = pod.get("status", {})
    if status.get("phase") in ("Failed", "Succeeded"):
        return (
            f"{where} ended: {status.get('reason') or status['phase']} {status.get('message', '')}".rstrip()
        )
    # A worker that ended and came up again before it was paired is the one that was paired.
    states = ("state", "lastState") if restarts(pod) > worker.restarts else ("state",)
    for container in status.get("containerStatuses", ()):
        found = (container.get(state, {}).get("terminated") for state in states)
        if ended := next(filter(None, found), None):
            said = f": {ended['message'].strip()}" if ended.get("message") else ""
            code = f"exit code {ended.get('exitCode')} ({ended.get('reason', 'unknown')})"
            return f"{where} ended with {code}{said}"
    if status.get("podIP") not in (None, "", worker.ip):
        return f"{where} came back with another address, {status['podIP']} for {worker.ip}"
    ready = next((c for c in status.get("conditions", ()) if c["type"] == "Ready"), None)
    if ready and ready["status"] != "True" and status.get("reason") == "NodeLost":
        return f"{where} is on a node that is lost"
    return ""
