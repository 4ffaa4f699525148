"""Flow `acceptance`: is a cluster's network fit for use? The checks of a profile, under one lease.

    profile ─▶ permissions ─▶ lay out ─▶ prepare ─▶ lease ─▶ benchmarks, wave after wave ─▶ store ─▶ report

Each measurement is a run of the flow `benchmark` below this one, with rows of its own in the lake. What
would disturb another's measuring waits for its turn; see `netcadence.floor`. What stops an acceptance before
its lease is an error, and leaves nothing; whatever stops it after that, what was measured is stored, and what
was not is INVALID.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from prefect import flow
from prefect.client.schemas.objects import State

from flows import environment
from flows.benchmark import benchmark
from netcadence.acceptance import profile as profiles
from netcadence.acceptance import programme as programmes
from netcadence.acceptance.outcome import Acceptance, CheckResult, Measured, results_of
from netcadence.acceptance.programme import Programme
from netcadence.crew import Crew
from netcadence.floor import Floor
from netcadence.judgement.court import Court, may_give_way
from netcadence.kube import wire as wires
from netcadence.kube.access import Access
from netcadence.kube.lease import IfBusy, Tenure
from netcadence.kube.run import Run, new_run_id
from netcadence.lake import Lake
from netcadence.promptness import Promptness
from tasks import acceptance as steps
from tasks import ending, permissions
from tasks import lease as leases
from tasks.acceptance import AcceptanceReport
from tasks.deploy import prepare
from tasks.lease import Tenancy
from tasks.pair import facts
from tasks.patience import try_again_soon
from tasks.progress import Chapter, Chapters, heard_by, listener
from tasks.report import Report, label

#: Seconds of traffic from which on a process pays that judges meanwhile: it loads for some.
_WORTH_A_COURT_S: Final = 30
_LOOK_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all measurements of an acceptance have in common: parameters of `benchmark`, and who judges."""

    cluster: str | None
    kubeconfig: Path | None
    context: str | None
    namespace: str
    lake: str
    court: Court | None = None


@dataclass(slots=True)
class Progress:
    """How far an acceptance is, so that at any moment, even cut short, its outcome is whole."""

    acceptance_id: str
    cluster: str
    programme: Programme
    measured: list[Measured]
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    phases_s: dict[str, float] = field(default_factory=dict)
    stopped: str = ""

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Keep the time that a part takes."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.phases_s[name] = round(time.monotonic() - begun, 4)

    def outcome(self) -> Acceptance:
        """Return the acceptance as it stands, its checks in the profile's order."""
        found = [result for each in self.measured for result in results_of(each)]
        order = {check.name: position for position, check in enumerate(self.programme.profile.checks)}
        results: list[CheckResult] = [each for each in found if not each.measured.measurement.is_canary]
        return Acceptance(
            acceptance_id=self.acceptance_id,
            cluster=self.cluster,
            programme=self.programme,
            started_at=self.started_at,
            ended_at=datetime.now(UTC),
            results=tuple(sorted(results, key=lambda each: order[each.check.name])),
            canary=next((each for each in found if each.measured.measurement.is_canary), None),
            stopped=self.stopped,
            phases_s=self.phases_s,
        )


class Door:
    """Lets one benchmark at a time in: of flow runs that begin together, Prefect's SQLite refuses some.

    Those try again 2 s later. A context manager around the whole benchmark, which passes the door on once it
    is in.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = threading.local()

    def __enter__(self) -> Self:
        self._lock.acquire()
        self._inside.waits = True
        return self

    def __exit__(self, *_: object) -> None:
        self.pass_on()

    def pass_on(self) -> None:
        """Let the next one in; called by the thread that came in, and harmless if it has done so already."""
        if getattr(self._inside, "waits", False):
            self._inside.waits = False
            self._lock.release()


@flow(
    name="acceptance",
    flow_run_name="acceptance {acceptance_id}",
    validate_parameters=False,
    on_crashed=[ending.stopped],
)
def acceptance(
    profile: Path = profiles.DEFAULT,
    *,
    strict: bool | None = None,
    canary: bool | None = None,
    acceptance_id: str = "",
    cluster: str | None = None,
    kubeconfig: Path | None = None,
    context: str | None = None,
    namespace: str = "",
    if_busy: IfBusy = IfBusy.WAIT,
    lease_namespace: str = wires.DEFAULT_NAMESPACE,
    lake: str | None = None,
) -> State[Any]:
    """Decide whether a cluster's network is fit for use.

    Args:
        profile: Its checks.
        strict: Whether recommended checks count like required ones; by default as the profile says.
        canary: Whether a measurement with a planted cap has to fail; by default as the profile says.
        acceptance_id: Identifier; one that the lake has is refused. Made up where it is empty.
        cluster: Name under which the results are kept; by default the kubeconfig's name of the cluster.
        kubeconfig: By default KUBECONFIG, then ~/.kube/config, then the pod's own service account.
        context: Context of the kubeconfig; by default the current one.
        namespace: Where workers and requests are made; by default `netcadence`.
        if_busy: What to do while a run has the cluster's lease: `wait` or `refuse`.
        lease_namespace: Where that lease is.
        lake: Address of the lake; by default the one in the checkout's home.
    """
    try_again_soon()
    programme = programmes.load(profile, strict=strict, canary=canary)
    home = environment.home()
    lake = environment.lake(lake)
    keeper = Lake(lake)
    keeper.require_room_for_acceptance(acceptance_id)
    access = Access.connect(kubeconfig=kubeconfig, context=context, cluster=cluster)
    acceptance_id = acceptance_id or new_run_id(programme.profile.name)
    progress = Progress(acceptance_id, access.cluster, programme, _planned(programme))
    label(
        f"{programme.profile.name} of {access.cluster} {acceptance_id}",
        profile=programme.profile.name,
        cluster=access.cluster,
        acceptance=acceptance_id,
    )
    runs = [
        Run(
            access,
            wires.NETCADENCE.place(namespace, on_host=each.scenario.on_host),
            acceptance_id,
            each.scenario,
        )
        for each in programme.measurements
    ]
    with ExitStack() as holding:
        with progress.phase("prepare"):
            kinds = {(each.scenario.path, each.scenario.change, each.namespace): each for each in runs}
            for run in kinds.values():
                permissions.require(run, lease_namespace)
            programme.require_possible(facts(runs[0]).sites)
            # The last one of a namespace counts: one on the host network wants more of it than the others.
            by_need = sorted(runs, key=lambda run: run.scenario.on_host)
            for run in {each.namespace: each for each in by_need}.values():
                prepare(run, environment.MANIFESTS, lease_namespace)
        with progress.phase("lease"):
            below = [each.run_id for each in progress.measured]
            tenure = leases.hold(runs[0], lease_namespace, IfBusy(if_busy), holding, below)
        where = Surroundings(access.cluster, kubeconfig, context, namespace, lake)
        if programme.traffic_s >= _WORTH_A_COURT_S and may_give_way():
            where = replace(where, court=holding.enter_context(Court()))
        try:
            with progress.phase("measure"):
                measure(progress, tenure, where)
        except BaseException as error:
            progress.stopped = f"{error!r}"
            steps.store(progress.outcome(), lake)
            raise
    with progress.phase("store"):
        steps.store(progress.outcome(), lake)
    done = AcceptanceReport(progress.outcome(), keeper.url)
    done = steps.report(done, home)
    return steps.state_of(done)


def _planned(programme: Programme) -> list[Measured]:
    return [Measured(each, new_run_id(each.scenario.name)) for each in programme.measurements]


def measure(progress: Progress, tenure: Tenure, where: Surroundings) -> None:
    """Make all measurements, each in a thread that waits for its turn; interrupted, all of them end."""
    floor = Floor([[len(wave) for wave in sitting] for sitting in progress.programme.sittings])
    turns = [turn for wave in floor.waves for turn in wave]
    names = [each.scenario.name for each in progress.programme.measurements]
    chapters = Chapters(listener(), names, floor.front).all
    crews = {number: Crew() for number in progress.programme.crews}
    futures: list[Future[Measured]] = []
    door, promptness = Door(), Promptness()
    with ThreadPoolExecutor(len(turns), thread_name_prefix="benchmark") as threads:
        each = zip(progress.measured, turns, chapters, progress.programme.crews, strict=True)
        for planned, turn, chapter, crew in each:
            labels = {"acceptance": progress.acceptance_id} | (
                {"canary": "true"} if planned.measurement.is_canary else {}
            )
            # Prefect, and who listens, know by its context where a thread belongs.
            here = contextvars.copy_context()
            tenancy = Tenancy(tenure, turn, crews[crew], promptness, where.court, labels, door.pass_on)
            futures.append(threads.submit(here.run, _one, planned, tenancy, where, chapter, door))
        try:
            while not _is_over(futures):
                # In short waits, for where no alarm can be set Prefect's timeout strikes between two only.
                wait(futures, _LOOK_S, return_when=FIRST_EXCEPTION)
        finally:
            # Where all are done nobody is stopped; otherwise one failed, or Ctrl-C came.
            floor.stop()
            wait(futures)
            for position, future in enumerate(futures):
                if future.exception() is None:
                    progress.measured[position] = future.result()
    for future in futures:
        future.result()


def _is_over(futures: Sequence[Future[Measured]]) -> bool:
    """Tell whether all measurements are made, or one of them could not be."""
    done = [each for each in futures if each.done()]
    return len(done) == len(futures) or any(each.exception() for each in done)


def _one(planned: Measured, tenancy: Tenancy, where: Surroundings, chapter: Chapter, door: Door) -> Measured:
    """Make one measurement once its turn has come."""
    with tenancy.turn, leases.under(tenancy), heard_by(chapter), door:
        state: State[Any] = benchmark(
            planned.measurement.scenario,
            run_id=planned.run_id,
            cluster=where.cluster,
            kubeconfig=where.kubeconfig,
            context=where.context,
            namespace=where.namespace,
            requirements=planned.measurement.requirements,
            lake=where.lake,
            return_state=True,
        )
    page = f"{environment.ui()}/runs/flow-run/{state.state_details.flow_run_id}"
    found = state.result(raise_on_failure=False)
    if isinstance(found, Report):
        return Measured(planned.measurement, planned.run_id, found.record, found.judgement, page=page)
    return Measured(planned.measurement, planned.run_id, error=str(found) or str(state.message), page=page)
