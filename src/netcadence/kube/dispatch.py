"""Arm and fire: requests for all pairs of a round, and then one write that starts them all.

The start instant is given by the clock of one worker, the run's reference; the others know how far theirs
is from it. The orchestrator's own clock plays no part.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, TypeVar

from netcadence.kube.access import Object
from netcadence.kube.errors import ApiRefusedError, ApiUnavailableError
from netcadence.kube.observation import Observation, Sighting
from netcadence.kube.resource import REQUEST, RUN
from netcadence.kube.run import Run
from netcadence.outcome import has_failed, is_armed
from netcadence.pair import Pair, WorkerPod
from netcadence.stagger import start_delays_us
from netcadence_worker.contract import (
    API_VERSION,
    POD_LABEL_PREFIX,
    RUN_LABEL,
    ClockReference,
    RequestSpec,
    RequestStatus,
    Role,
    RoundStart,
    RunSpec,
    Strict,
)

_Whom = TypeVar("_Whom")

_WRITERS: Final = 8
#: Shortest time between publishing a start and the start, and what each pair adds: every worker has to
#: receive it before the first traffic takes the processors. Where fifty pairs share two slow ones, 0.9 s in
#: all were too few in one run of twelve, and its last pair started 0.3 s late.
_LEAST_LEAD_S: Final = 0.4
_LEAD_PER_PAIR_S: Final = 0.02
_MOST_LEAD_S: Final = 5.0
#: The lead is this many times the slowest way from our write to our own watch seen while arming.
_LEAD_FACTOR: Final = 2.0
#: Once starts have reached a run's workers, the lead need be no more than this many times the slowest
#: way of such a start, and at least so many seconds, of which each pair adds some.
_KNOWN_LEAD_FACTOR: Final = 3.0
_LEAST_KNOWN_LEAD_S: Final = 0.1
_KNOWN_LEAD_PER_PAIR_S: Final = 0.005
#: Seconds for which a start that cannot be written is tried anew, and the least pause between two tries.
_FIRE_PATIENCE_S: Final = 45.0
_FIRE_PAUSE_S: Final = 0.05
#: Beyond the workers' own arming deadline, so that their reason arrives rather than our impatience.
_ARM_SLACK_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Arming:
    """How arming a round went.

    Attributes:
        armed: Indices of the pairs that stand ready; the others have failed or were lost.
        slowest_notice_s: The longest it took for a written request to come back on our own watch.
        fastest_notice_s: The shortest; what the best estimate of the reference's clock is late by at most.
        least_lead_s: Where nothing was measured, what the lead has to be at least.
        slowest_start_s: The longest it took for a start to reach one of the workers; None before the first.
    """

    armed: frozenset[int]
    slowest_notice_s: float
    least_lead_s: float = 0.0
    fastest_notice_s: float = 0.0
    slowest_start_s: float | None = None

    @property
    def lead_s(self) -> float:
        """Seconds between publishing the start and the start itself."""
        least_s = _LEAST_LEAD_S + _LEAD_PER_PAIR_S * len(self.armed)
        if self.slowest_start_s is not None:
            known_s = _LEAST_KNOWN_LEAD_S + _KNOWN_LEAD_PER_PAIR_S * len(self.armed)
            least_s = min(least_s, max(known_s, _KNOWN_LEAD_FACTOR * self.slowest_start_s))
        measured_s = min(max(least_s, _LEAD_FACTOR * self.slowest_notice_s), _MOST_LEAD_S)
        return max(measured_s, self.least_lead_s)


def create_run(run: Run) -> Object:
    """Create the object that owns all of a run, and return an owner reference to it."""
    spec = RunSpec(run_id=run.run_id, scenario=run.scenario.name)
    body = _object(RUN.kind, run.run_id, run.run_id, _wire(spec))
    made = run.access.create(RUN, body, run.namespace)
    return {
        "apiVersion": API_VERSION,
        "kind": RUN.kind,
        "name": run.run_id,
        "uid": made["metadata"]["uid"],
        "controller": True,
    }


def set_reference(run: Run, worker: WorkerPod) -> None:
    """Name the worker whose clock the run goes by; to be done before requests are created."""
    reference = ClockReference(pod_name=worker.name, pod_ip=worker.ip)
    run.access.patch(RUN, run.run_id, {"spec": {"reference": _wire(reference)}}, run.namespace)


def request_spec(run: Run, pair: Pair, start_delay_us: int = 0) -> RequestSpec:
    """Say what one pair is to measure."""
    scenario = run.scenario
    return RequestSpec(
        run_id=run.run_id,
        pair_index=pair.index,
        round=pair.round,
        client_pod_name=pair.client.name,
        server_pod_name=pair.server.name,
        server_pod_ip=pair.server.address(scenario.ip_family),
        port=pair.port,
        target=pair.target,
        protocol=scenario.protocol,
        tool=scenario.tool,
        duration=scenario.duration_s,
        start_delay_us=start_delay_us,
        number_of_clients=scenario.streams,
        arm_timeout=scenario.arm_timeout_s,
        options=scenario.options_of(pair.index),
    )


def arm(
    run: Run,
    pairs: Sequence[Pair],
    *,
    owner: Object,
    observation: Observation,
    processors: Mapping[str, int] | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Arming:
    """Create a round's requests and wait until every pair is armed, has failed or was lost.

    Args:
        processors: By node, so that clients on a crowded one start in turn.
    """
    written = _create_requests(run, pairs, owner, start_delays_us(pairs, processors or {}))
    deadline = time.monotonic() + run.scenario.arm_timeout_s + _ARM_SLACK_S
    armed: set[int] = set()
    open_ = list(pairs)
    while open_ and observation.advance(deadline):
        armed.update(pair.index for pair in open_ if _is_armed(observation, pair))
        open_ = [pair for pair in open_ if pair.index not in armed and not _has_failed(observation, pair)]
        on_progress(len(armed), len(pairs))
    notices_s = [
        sighting.first_at - written[index]
        for index, sighting in observation.requests.items()
        if index in written
    ]
    return Arming(
        frozenset(armed),
        slowest_notice_s=max(notices_s, default=0.0),
        fastest_notice_s=min(notices_s, default=0.0),
        slowest_start_s=observation.slowest_start_s,
    )


def _create_requests(
    run: Run, pairs: Sequence[Pair], owner: Object, delays_us: Mapping[int, int]
) -> dict[int, float]:
    """Create the requests and return, by pair index, the monotonic instant of each write."""
    written: dict[int, float] = {}

    def create(pair: Pair) -> None:
        spec = _wire(request_spec(run, pair, delays_us[pair.index]))
        labels = {
            POD_LABEL_PREFIX + pair.client.name: Role.CLIENT.value,
            POD_LABEL_PREFIX + pair.server.name: Role.SERVER.value,
        }
        body = _object(
            REQUEST.kind, f"{run.run_id}-{pair.index}", run.run_id, spec, labels=labels, owner=owner
        )
        written[pair.index] = time.monotonic()
        run.access.create(REQUEST, body, run.namespace)

    for_each(pairs, create)
    return written


def for_each(whom: Sequence[_Whom], write: Callable[[_Whom], None]) -> None:
    """Write something for each, several at a time; the first error is raised once all have ended."""
    with ThreadPoolExecutor(max_workers=_WRITERS, thread_name_prefix="write") as writers:
        list(writers.map(write, whom))


def _is_armed(observation: Observation, pair: Pair) -> bool:
    sighting = observation.requests.get(pair.index)
    return sighting is not None and is_armed(sighting.status)


def _has_failed(observation: Observation, pair: Pair) -> bool:
    sighting = observation.requests.get(pair.index)
    return observation.lost_side(pair) is not None or (sighting is not None and has_failed(sighting.status))


def fire(run: Run, round_: int, *, arming: Arming, observation: Observation) -> datetime:
    """Publish the instant at which a round starts, once, and return it.

    A write that does not go through costs time, in which the instant would pass: so each try takes a new one,
    after a look whether the try before it, its reply lost, has published one already.

    Raises:
        ApiUnavailableError: Nothing could be written in time.
    """
    begun = time.monotonic()
    at_once = run.access.with_patience(0)
    while True:
        published = run.access.get(RUN, run.run_id, run.namespace)
        spec = RunSpec.model_validate(published["spec"])
        if start := spec.start_of(round_):
            return start
        lead_s = _lead_s(arming, begun)
        observation.leads_s.update(dict.fromkeys(arming.armed, lead_s))
        start = reference_now(observation.requests.values()) + timedelta(seconds=lead_s)
        starts = (*spec.starts, RoundStart(round=round_, at=start))
        body = {
            "metadata": {"resourceVersion": published["metadata"]["resourceVersion"]},
            "spec": {"starts": [_wire(entry) for entry in starts]},
        }
        try:
            at_once.patch(RUN, run.run_id, body, run.namespace)
        except ApiUnavailableError as error:
            if time.monotonic() > begun + _FIRE_PATIENCE_S:
                raise
            time.sleep(max(error.retry_after_s, _FIRE_PAUSE_S))
        except ApiRefusedError as error:
            if not error.is_conflict:
                raise
        else:
            return start


def _lead_s(arming: Arming, begun: float) -> float:
    """Return the lead of a start that was first tried to be published at the monotonic instant `begun`.

    What held up the write may have cut the workers' watches too; they are back after about as long again.
    """
    return max(arming.lead_s, min(_LEAD_FACTOR * (time.monotonic() - begun), _MOST_LEAD_S))


def reference_now(sightings: Iterable[Sighting]) -> datetime:
    """Tell the time by the reference worker's clock.

    Each armed worker said when, by its own clock, it was armed and how far that clock is from the reference.
    What has passed since is measured here. Such an estimate is late only by the way of one notice, so the
    latest of them is the best; where no worker has said anything, this machine's clock has to do.
    """
    estimates = [
        estimate
        for sighting in sightings
        for role in Role
        if (estimate := _reference_estimate(sighting.status, role, sighting.at))
    ]
    return max(estimates, default=datetime.now(UTC))


def _reference_estimate(status: RequestStatus, role: Role, seen_at: float) -> datetime | None:
    side = status.side(role)
    if side.armed_at is None or side.clock is None:
        return None
    return side.armed_at + timedelta(seconds=side.clock.offset + time.monotonic() - seen_at)


def _wire(model: Strict) -> Object:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


def _object(
    kind: str,
    name: str,
    run_id: str,
    spec: Object,
    *,
    labels: dict[str, str] | None = None,
    owner: Object | None = None,
) -> Object:
    metadata: Object = {"name": name, "labels": {RUN_LABEL: run_id, **(labels or {})}}
    if owner:
        metadata["ownerReferences"] = [owner]
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}
