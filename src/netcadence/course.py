"""How far a run has come, kept so that at any moment, even when it is cut short, its record is whole."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from netcadence import __version__, overlay, skew
from netcadence.change import ChangeMade
from netcadence.common_window import with_common_figures
from netcadence.confidence import seed_of
from netcadence.effect import with_effect
from netcadence.kube.changing import Preparation
from netcadence.kube.collection import conclude
from netcadence.kube.facts import ClusterFacts
from netcadence.kube.observation import Observation
from netcadence.kube.run import Run
from netcadence.limit import with_limit
from netcadence.outcome import outcome_of
from netcadence.pair import Pair, WorkerPod
from netcadence.record import PairOutcome, RunFacts, RunRecord
from netcadence.repeats import repeated, shuffled
from netcadence.schedule import Schedule
from netcadence.traffic_path import IPFamily
from netcadence_worker.contract import Reason, ReportedError, Role

_NOBODY = WorkerPod(name="", uid="", ip="", node="")


@dataclass(slots=True)
class Course:
    """The course of one run. Steps fill it in; `record` reads it.

    Attributes:
        once: The plan of one repeat; until pairing is done, placeholders that nobody has been put into.
        repeats: How many are planned so far, with those to warm up; 1 where nothing is repeated.
        starts: The published start of each round that was fired.
        preparation: What was prepared for a change, where the scenario makes one.
        changes: When each pair's change was made.
        trouble: Why the run could not go on, for the pairs that have no reason of their own.
        disturbance: What stands against all that was measured; empty while nothing does.
        phases_s: Seconds that each step took.
        labels: What the run is marked with beside what it is.
    """

    run: Run
    once: tuple[Pair, ...]
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    starts: dict[int, datetime] = field(default_factory=dict)
    observation: Observation | None = None
    facts: ClusterFacts | None = None
    preparation: Preparation | None = None
    changes: dict[int, ChangeMade] = field(default_factory=dict)
    trouble: ReportedError | None = None
    disturbance: str = ""
    phases_s: dict[str, float] = field(default_factory=dict)
    repeats: int = 1
    labels: dict[str, str] = field(default_factory=dict)

    @classmethod
    def begin(cls, run: Run) -> Course:
        """Start a course with all pairs planned and none of them placed."""
        repeats = run.scenario.repeats
        course = cls(run, (), repeats=repeats.at_first if repeats else 1)
        course.expect(run.scenario.schedule)
        return course

    def expect(self, schedule: Schedule) -> None:
        """Plan these pairs, none of them placed."""
        port, rounds = self.run.scenario.port, enumerate(schedule.rounds)
        places = [(round_, match) for round_, matches in rounds for match in matches]
        self.once = tuple(
            Pair(index, client=_NOBODY, server=_NOBODY, port=port + match.turn, round=round_)
            for index, (round_, match) in enumerate(places)
        )

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """The plan as it stands: every pair of every round of every repeat."""
        return tuple(pair for number in range(self.repeats) for pair in repeated(self.once, number))

    def rounds(self, is_open: Callable[[RunRecord], bool]) -> Iterator[int]:
        """Yield the rounds to measure: those that are planned, and then of one more repeat at a time.

        Each repeat has its rounds in an order of its own, so that what drifts meanwhile strikes no round more
        than the others; the seed is that of the run's intervals.

        Args:
            is_open: Tells whether what was measured leaves a verdict open, so that a repeat may decide it.
        """
        begun, done, budget = time.monotonic(), 0, self.run.scenario.repeats
        while True:
            yield from self._order()[done * self._rounds_once :]
            done = self.repeats
            if budget is None or self.repeats >= budget.at_most:
                return
            if budget.most_s is not None and time.monotonic() - begun >= budget.most_s:
                return
            if not is_open(self.record()):
                return
            self.repeats += 1

    def _order(self) -> tuple[int, ...]:
        once, scenario = range(self._rounds_once), self.run.scenario
        if scenario.repeats is None:
            return tuple(once)
        places = shuffled(once, self.repeats, seed=seed_of(self.run.run_id))
        return tuple(place + turn // len(once) * len(once) for turn, place in enumerate(places))

    @property
    def _rounds_once(self) -> int:
        return len({pair.round for pair in self.once})

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time that a step takes to what the phase has taken so far."""
        begun = time.monotonic()
        try:
            yield
        finally:
            self.phases_s[name] = self.phases_s.get(name, 0.0) + time.monotonic() - begun

    def pairs_of(self, round_: int) -> tuple[Pair, ...]:
        return tuple(pair for pair in self.pairs if pair.round == round_)

    def hold(self, reason: Reason, error: BaseException | str) -> None:
        """Keep the first reason why the run could not go on."""
        if self.trouble is None:
            self.trouble = ReportedError.of(reason, str(error))

    def disturb(self, error: BaseException) -> None:
        """Keep why nothing that was measured counts, whatever its figures are."""
        self.disturbance = str(error)
        self.hold(Reason.INTERRUPTED, error)

    def record(self) -> RunRecord:
        """Return the run as it stands: an outcome for every planned pair."""
        everything = self._outcomes()
        baseline = tuple(outcome for outcome in everything if outcome.pair.is_baseline)
        outcomes = tuple(outcome for outcome in everything if not outcome.pair.is_baseline)
        outcomes = overlay.with_cost(outcomes, baseline, distance=len(self.once) // 2)
        return RunRecord(
            facts=self._facts(), outcomes=outcomes, skew=skew.measure(outcomes), baseline=baseline
        )

    def _outcomes(self) -> tuple[PairOutcome, ...]:
        if self.observation is None:
            return tuple(outcome_of(pair, None, otherwise=self.trouble) for pair in self.pairs)
        outcomes = conclude(self.observation, self.pairs, starts=self.starts, otherwise=self.trouble)
        scenario = self.run.scenario
        outcomes = tuple(
            with_effect(outcome, scenario, self.changes.get(outcome.pair.index)) for outcome in outcomes
        )
        return with_common_figures(with_limit(outcome, scenario) for outcome in outcomes)

    def _mtus(self) -> dict[str, int]:
        """Return, by node, the least MTU that workers there have reported."""
        mtus: dict[str, int] = {}
        for pair in self.pairs:
            sighting = self.observation.requests.get(pair.index) if self.observation else None
            for role, worker in ((Role.CLIENT, pair.client), (Role.SERVER, pair.server)):
                mtu = sighting.status.side(role).mtu if sighting else None
                if mtu is not None:
                    mtus[worker.node] = min(mtu, mtus.get(worker.node, mtu))
        return mtus

    def _ip_family(self) -> str:
        """Return the family of the addresses that servers listen at; of the first, for all are alike."""
        asked, server = self.run.scenario.ip_family, self.once[0].server
        return asked or (IPFamily.of(server.ip) if server.ip else "")

    def _facts(self) -> RunFacts:
        scenario, cluster, mtus = self.run.scenario, self.facts, self._mtus()
        return RunFacts(
            run_id=self.run.run_id,
            cluster=self.run.access.cluster,
            scenario=scenario.name,
            protocol=scenario.protocol,
            tool=scenario.tool,
            started_at=self.started_at,
            ended_at=datetime.now(UTC),
            duration_s=scenario.duration_s,
            planned_pairs=sum(not pair.is_baseline for pair in self.pairs),
            rounds_of_repeat=self._rounds_once if scenario.repeats else 0,
            warm_up_repeats=scenario.repeats.warm_up if scenario.repeats else 0,
            config=scenario.config,
            config_hash=scenario.config_hash,
            skew_bound_ms=scenario.skew_max_ms,
            network=cluster.network if cluster else "",
            kubernetes_version=cluster.kubernetes_version if cluster else "",
            cni=cluster.cni if cluster else "",
            netcadence_version=__version__,
            mtu=min(mtus.values(), default=None),
            nodes=tuple(replace(node, mtu=mtus.get(node.name)) for node in cluster.nodes) if cluster else (),
            labels={"wire": self.run.wire.name} | self.labels,
            disturbance=self.disturbance,
            path=scenario.path.value,
            ip_family=self._ip_family(),
            tells_starts=self.run.wire.tells_starts,
            phases_s={name: round(seconds, 4) for name, seconds in self.phases_s.items()},
        )
