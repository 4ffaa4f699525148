"""Flow `benchmark`: one scenario on one cluster, from deployment to verdict.

    permissions ─▶ prepare ─▶ lease ─▶ deploy ─▶ ready ─▶ pair ─▶ path ─▶ arm ─▶ fire ─▶ collect
                                                   ─▶ clean up ─▶ store ─▶ judge ─▶ report

A run begins when it has the cluster's lease, or its turn under a lease that its caller holds, who has then
prepared the cluster as well. What stops it before that is an error, and leaves nothing in the lake; whatever
stops it after that, what was measured until then is stored, and the cluster is cleaned. A breached SLA ends
the flow in a Failed state that is named for it, so that automations can tell it from a crash.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.settings import PREFECT_LOCAL_STORAGE_PATH

from flows import environment
from netcadence import scenario as scenarios
from netcadence import sla as slas
from netcadence.adjustment import Adjustment
from netcadence.applicability import require_applicable
from netcadence.change import Change
from netcadence.course import Course
from netcadence.errors import NetcadenceError, NotApplicableError
from netcadence.judgement import unjudged
from netcadence.judgement.court import Case
from netcadence.kube import wire as wires
from netcadence.kube.access import Access
from netcadence.kube.facts import ClusterFacts
from netcadence.kube.lease import IfBusy, LeaseLostError
from netcadence.kube.observation import Observation
from netcadence.kube.run import Run, new_run_id
from netcadence.kube.workers import WorkersFailedError, WorkersLateError
from netcadence.lake import Lake
from netcadence.layout import Layout, lay_out
from netcadence.pair import WorkerPod
from netcadence.pairing import PairingError
from netcadence.scenario import Scenario
from netcadence.sla import Requirement, is_open
from netcadence.traffic_path import AddressMissingError
from netcadence_worker.contract import Reason
from tasks import ending, permissions
from tasks import lease as leases
from tasks.baseline import baseline
from tasks.change import change, newborns, prepare_change
from tasks.clean_up import clean_up
from tasks.collect import collect
from tasks.deploy import deploy, prepare
from tasks.dispatch import arm, fire
from tasks.judge import AFTER_START_S, judge, warm_up
from tasks.lease import Tenancy
from tasks.pair import facts, pair
from tasks.path import path
from tasks.ready import ready
from tasks.report import Report, label, report, state_of
from tasks.store import conclude, store

#: What pairs without a result are told where the run could not go on.
_REASONS = (
    (WorkersFailedError, Reason.WORKER_NOT_READY),
    (WorkersLateError, Reason.WORKER_NOT_READY),
    (PairingError, Reason.NOT_PAIRED),
    (AddressMissingError, Reason.ADDRESS_MISSING),
    (NotApplicableError, Reason.NOT_APPLICABLE),
)


@flow(
    name="benchmark",
    flow_run_name="{scenario} {run_id}",
    validate_parameters=False,
    on_crashed=[ending.stopped],
    # Each run would ask the server three times whether and where results are kept.
    persist_result=False,
    result_storage=PREFECT_LOCAL_STORAGE_PATH.value(),
)
def benchmark(
    scenario: str | Scenario,
    *,
    adjustment: Adjustment | None = None,
    run_id: str = "",
    cluster: str | None = None,
    kubeconfig: Path | None = None,
    context: str | None = None,
    namespace: str = "",
    wire: str = wires.NETCADENCE.name,
    if_busy: IfBusy = IfBusy.WAIT,
    lease_namespace: str = wires.DEFAULT_NAMESPACE,
    sla: Path = environment.EXPECTATIONS,
    requirements: Sequence[Requirement] | None = None,
    lake: str | None = None,
) -> State[Any]:
    """Measure, judge and keep one scenario.

    Args:
        scenario: Name of a shipped scenario, path of a YAML file, or a scenario itself.
        adjustment: Other nodes than the scenario's, or tighter limits.
        run_id: Identifier of the run; one that a run in the lake has is refused. Made up where it is empty.
        cluster: Name under which the results are kept; by default the kubeconfig's name of the cluster.
        kubeconfig: By default KUBECONFIG, then ~/.kube/config, then the pod's own service account.
        context: Context of the kubeconfig; by default the current one.
        namespace: Where workers and requests are made; by default `netcadence`, `netcadence-host` for pods in
            their nodes' own network, or the wire's own.
        wire: Whose custom resource and worker: `netcadence` or `clusterloader`.
        if_busy: What to do while another run has the cluster's lease: `wait` or `refuse`.
        lease_namespace: Where that lease is. Only runs that agree on it do not measure each other.
        sla: Thresholds.
        requirements: What is asked instead of those thresholds.
        lake: Address of the lake; by default the one in the checkout's home.
    """
    home = environment.home()
    lake = environment.lake(lake)
    chosen, spoken = acceptable(scenario, adjustment), wires.find(wire)
    if requirements is None:
        requirements = slas.load(sla).requirements_for(chosen)
    spoken.check(chosen)
    keeper = Lake(lake)
    keeper.require_room(run_id)
    access = Access.connect(kubeconfig=kubeconfig, context=context, cluster=cluster)
    place = spoken.place(namespace, on_host=chosen.on_host)
    course = Course.begin(Run(access, place, run_id or new_run_id(chosen.name), chosen, spoken))
    tenancy = leases.of_caller()
    if tenancy:
        course.labels |= tenancy.labels
    label(
        f"{chosen.name} on {access.cluster} {course.run.run_id}",
        scenario=chosen.name,
        cluster=access.cluster,
        run=course.run.run_id,
        **(tenancy.labels if tenancy else {}),
    )
    if tenancy:
        tenancy.is_in()
    layout = outset(course, None if tenancy else lease_namespace)
    if tenancy:
        with course.phase("turn"):
            tenancy.turn.set_up()
    case: Case | None = None
    if layout:
        with ExitStack() as holding:
            with course.phase("lease"):
                tenancy = tenancy or Tenancy(
                    leases.hold(course.run, lease_namespace, IfBusy(if_busy), holding)
                )
            try:
                case = measure(course, layout, tenancy, requirements, home.root)
            except BaseException as error:
                store(course.record(), lake)
                conclude(course.record(), unjudged(f"the run was stopped: {error!r}"), lake)
                raise
    record = course.record()
    with course.phase("store"):
        store(record, lake)
    if tenancy:
        with course.phase("turn"):
            tenancy.turn.give_way()
    if case is None and tenancy and tenancy.court:
        case = tenancy.court.hand(record, requirements, home=home.root)
    with course.phase("judge"):
        verdict = judge(record, requirements, home.root, case)
    record = course.record()
    conclude(record, verdict, lake)
    done = report(Report(record, verdict, keeper.url), lake, home)
    return state_of(done)


def acceptable(scenario: str | Scenario, adjustment: Adjustment | None) -> Scenario:
    """Return a scenario as it is asked for, which is within its limits."""
    found = scenario if isinstance(scenario, Scenario) else scenarios.find(scenario)
    chosen = Adjustment.model_validate(adjustment or {}).of(found)
    chosen.require_within_limits()
    return chosen


def outset(course: Course, lease_namespace: str | None) -> Layout | None:
    """Look at the cluster and prepare it; where it cannot seat the pairs, that is a result.

    Args:
        lease_namespace: None where the caller has the lease, and has prepared the cluster.

    Returns:
        The nodes that pairs get, as far as the scenario asks for any; None where they cannot be had.

    Raises:
        InvalidInputError: The nodes make no mesh, or one that could send more than the limits allow.
    """
    run = course.run
    if lease_namespace is not None:
        with course.phase("permissions"):
            permissions.require(run, lease_namespace)
    try:
        with course.phase("lay out"):
            course.facts = facts(run)
            require_applicable(run.scenario, course.facts.lacks)
            layout = lay_out(run.scenario.wish, course.facts.sites)
            run.scenario.require_within_limits(layout.schedule)
            course.expect(layout.schedule)
    except (PairingError, NotApplicableError) as error:
        course.hold(_reason(error), error)
        return None
    if lease_namespace is not None:
        with course.phase("prepare"):
            prepare(run, environment.MANIFESTS, lease_namespace)
    return layout


def measure(
    course: Course, layout: Layout, tenancy: Tenancy, requirements: Sequence[Requirement], home: Path
) -> Case | None:
    """Take a run from deployment to its last result; what goes wrong on the way is held in the course.

    Args:
        requirements: What is asked of the scenario; one that repeats goes on until all of it is decided.
        home: Where evidence is kept.

    Returns:
        What is judged meanwhile, where there is somebody to do so.
    """
    run, case = course.run, None
    assert course.facts is not None  # noqa: S101 - seen at the outset; tells the type checker
    try:
        tenancy.require()
        with course.phase("deploy"), tenancy.crew.joined_by(run.run_id) as workers_of:
            course.run = run = replace(run, workers_of=workers_of)
            owner = deploy(run, layout)
        tenancy.turn.deployed()
        with course.phase("ready"):
            workers = ready(run, layout, course.facts.zones)
        tenancy.turn.staffed()
        course.facts = course.facts.among({worker.node for worker in workers})
        if run.scenario.change is Change.SERVICE:
            # What its Services are given beforehand is free until the change: nobody is to take it meanwhile.
            with course.phase("turn"):
                tenancy.turn.begin()
        workers = plan(course, workers, layout, owner)
        with Observation(run, workers, guard=tenancy.require) as course.observation:
            with course.phase("turn"):
                tenancy.turn.begin()
            at_once = max(Counter(pair.round for pair in course.once).values())
            course.observation.known_way_s = tenancy.promptness.of(at_once)
            for round_ in course.rounds(lambda record: is_open(record, requirements)):
                measure_round(course, round_, owner, tenancy)
            tenancy.promptness.learn(at_once, course.observation.slowest_start_s)
    except LeaseLostError as error:
        course.disturb(error)
    except NetcadenceError as error:
        course.hold(_reason(error), error)
    except BaseException:
        course.hold(Reason.INTERRUPTED, "the run was stopped before this pair had a result")
        raise
    finally:
        if (trouble := tenancy.trouble) and not course.disturbance:
            course.disturb(trouble)
        try:
            if tenancy.court and course.trouble is None:
                case = tenancy.court.hand(course.record(), requirements, home=home)
        finally:
            with course.phase("turn"):
                tenancy.turn.end()
            with course.phase("clean up"):
                clean_up(run)
    return case


def lead(course: Course, owner: dict[str, Any], cluster: ClusterFacts) -> None:
    """Find out where clients connect, and make what leads there unless that is what is measured."""
    if course.run.scenario.change in (None, Change.POLICY_NEW_POD):
        course.once = path(course.run, course.once, owner, cluster)
    else:
        course.preparation = prepare_change(course.run, course.once, owner, cluster)
        course.once = course.preparation.pairs


def _reason(error: NetcadenceError) -> Reason:
    if isinstance(error, WorkersFailedError) and Reason.TOOL_MISSING in str(error):
        return Reason.TOOL_MISSING
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), Reason.RESULT_MISSING)


def plan(
    course: Course, workers: tuple[WorkerPod, ...], layout: Layout, owner: dict[str, Any]
) -> tuple[WorkerPod, ...]:
    """Pair the workers, and make what leads from the one to the other; return all workers there are then."""
    run, facts = course.run, course.facts
    assert facts is not None  # noqa: S101 - seen at the outset; tells the type checker
    with course.phase("pair"):
        course.once = pair(run, workers, layout)
    with course.phase("path"):
        lead(course, owner, facts)
    if run.scenario.change is Change.POLICY_NEW_POD:
        with course.phase("newborns"):
            course.once, workers = newborns(run, course.once, layout, owner, facts)
    if run.scenario.baseline:
        with course.phase("baseline"):
            course.once, workers = baseline(run, course.once, layout, owner, facts.zones)
    return workers


def measure_round(course: Course, round_: int, owner: dict[str, Any], tenancy: Tenancy) -> None:
    """Arm, fire and collect the pairs of one round, while the cluster is ours."""
    pairs, observation = course.pairs_of(round_), course.observation
    assert observation is not None  # noqa: S101 - opened by the caller; tells the type checker
    tenancy.require()
    with course.phase("arm"):
        processors = course.facts.processors if course.facts else {}
        arming = arm(course.run, pairs, owner, observation, processors)
    if not arming.armed:
        return
    tenancy.require()
    with course.phase("fire"):
        course.starts[round_] = fire(course.run, pairs, owner, arming, observation)
    under_way_s = arming.lead_s + AFTER_START_S
    tenancy.turn.under_way(under_way_s)
    if tenancy.court is None:
        warm_up(under_way_s)
    if course.preparation:
        with course.phase("change"):
            course.changes |= change(
                course.run,
                pairs,
                course.preparation,
                owner=owner,
                start=course.starts[round_],
                arming=arming,
                observation=observation,
            )
    with course.phase("traffic"):
        collect(course.run, pairs, arming, observation)
