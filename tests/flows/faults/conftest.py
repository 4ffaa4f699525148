"""Faults at chosen moments of whole runs, and what has to hold whatever a run went through."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from netcadence.embedded.state import ROOT_VARIABLE
from netcadence.kube.resource import DEPLOYMENT, LEASE, POD, REQUEST, RUN, Resource
from netcadence.lake import Lake
from netcadence_worker.contract import RUN_LABEL, Phase, Role
from tasks.progress import Listener

REPLICA_SET = Resource("apps", "v1", "replicasets", "ReplicaSet")

#: What a run tells its listener as a phase begins, in part.
WORDS = {
    "prepare": "preparing the cluster",
    "deploy": "deploying",
    "ready": "waiting for",
    "pair": "pairing",
    "arm": "arming",
    "fire": "firing",
    "traffic": " traffic between",
    "clean up": "cleaning up",
    "store": "storing",
    "judge": "judging",
}


class Saboteur(Listener):
    """Listens to a run, and does something as a phase begins.

    Attributes:
        plan: What to do, by phase, and how often the phase has begun before: rounds repeat some.
        done: The keys of the plan that were reached.
    """

    def __init__(self, plan):
        self.plan = plan
        self.done = []
        self._begun = dict.fromkeys(WORDS, 0)

    def step(self, what):
        for phase in (phase for phase, words in WORDS.items() if words in what):
            moment = phase, self._begun[phase]
            self._begun[phase] += 1
            if moment in self.plan:
                self.done.append(moment)
                self.plan[moment]()


@pytest.fixture(scope="session")
def sabotage(measure):
    """Return what runs a scenario with a fault at each of some moments and returns its final state."""

    def sabotage(scenario, plan, **options):
        saboteur = Saboteur({(key if isinstance(key, tuple) else (key, 0)): plan[key] for key in plan})
        state = measure(scenario, meddle=saboteur, **options)
        assert sorted(saboteur.done) == sorted(saboteur.plan), "the run never came to some of the moments"
        return state

    return sabotage


@pytest.fixture(scope="session")
def tools(cluster, processes_of):
    """Return what lists the cluster's processes that make traffic."""
    folder = Path(os.environ[ROOT_VARIABLE]) / cluster.name

    def name_of(pid):
        try:
            return Path(f"/proc/{pid}/comm").read_text().strip()
        except OSError:
            return ""

    return lambda: [pid for pid in processes_of(folder) if name_of(pid) == "iperf"]


@pytest.fixture
def running(access):
    """Return what tells whether both sides of all open requests have reported that traffic flows."""

    def running():
        sides = {
            each.get("status", {}).get(role, {}).get("phase")
            for each in access.list(REQUEST, "netcadence")[0]
            for role in Role
        }
        return sides - {Phase.SUCCEEDED} == {Phase.RUNNING}

    return running


@pytest.fixture
def as_reports_are_due(tools, until):
    """Return what does something once the tools of a round have run and ended."""

    def as_reports_are_due(act):
        def ended():
            return not tools()

        def when_ended():
            until(tools)
            until(ended)
            act()

        return when_ended

    return as_reports_are_due


@pytest.fixture
def cut_watches(cluster):
    """Return what cuts every watch that is open, in the middle; four workers have two each."""
    cut = []
    yield lambda: cut.append(cluster.cut_watches())
    assert max(cut) >= 8


@pytest.fixture
def restart_api(cluster, access, until):
    """Return what takes the API server down for 0.3 s, once it is up; it returns as soon as it is down."""

    def down():
        return not access.answers()

    def restart_api():
        until(access.answers)
        cluster.restart_api(0.3)
        until(down)

    return restart_api


@pytest.fixture
def strike(cluster):
    """Return what has the API server strike all requests that it is told of, until the test ends."""
    yield lambda **faults: cluster.set_faults(**{"fraction": 1, "retry_after_s": 0} | faults)
    cluster.set_faults()


@pytest.fixture
def struck(access):
    """Return what tells how many requests the present faults have struck."""
    return lambda: access.raw("/embedded/v1/faults")["struck"]


@pytest.fixture(scope="session")
def on_the_machine(cluster, networks_of, processes_of):
    """Return what tells which network namespaces and pods' processes the cluster has on the machine."""
    folder = Path(os.environ[ROOT_VARIABLE]) / cluster.name
    return lambda: (networks_of(cluster), set(processes_of(folder)))


@pytest.fixture(scope="session")
def objects(access):
    """Return what lists the objects of runs and their lease, as `Kind/name`."""

    def objects():
        kinds = (RUN, REQUEST, DEPLOYMENT, REPLICA_SET, POD)
        found = [(kind, each) for kind in kinds for each in access.list(kind, selector=RUN_LABEL)[0]]
        found += [(LEASE, each) for each in access.list(LEASE)[0]]
        return [f"{kind.kind}/{each['metadata']['name']}" for kind, each in found]

    return objects


@pytest.fixture(scope="session")
def idle(objects, on_the_machine, measure, write_scenario):
    """What the cluster has on the machine while no run is under way, after one that has brought the CRDs."""
    measure(write_scenario("tcp-first"))
    assert objects() == []
    return on_the_machine()


@pytest.fixture(autouse=True)
def nothing_left(idle, objects, on_the_machine, until):
    """Whatever a run went through, nothing of it stays: no object, no process, no network namespace.

    The last objects are collected by the cluster itself, which takes a moment.
    """
    yield

    def gone():
        return not objects() and on_the_machine() == idle

    until(gone)


@pytest.fixture(scope="session")
def complete():
    """Return what asserts that each planned pair has figures or one error in the lake; returns its rows.

    Args of the returned function: what a benchmark handed back, and the verdict that it has to have.
    """

    def complete(report, verdict):
        facts = report.record.facts
        lake, run_id = Lake(report.lake), facts.run_id
        (run,) = lake.runs(run_id=run_id).to_dict("records")
        rows = lake.results(run_id=run_id)
        failed = rows["error_reason"].notna()
        assert (rows["metric"].isna() == failed).all(), "a row is either a figure or an error"
        measured, errors = set(rows["pair_index"][~failed]), list(rows["pair_index"][failed])
        assert measured.isdisjoint(errors)
        assert len(errors) == len(set(errors)), "an error is told once"
        assert measured | set(errors) == set(range(facts.planned_pairs))
        assert not rows.duplicated(["pair_index", "metric"]).any(), "a figure is kept once"
        assert run["planned_pairs"] == run["measured_pairs"] + run["error_count"]
        assert (run["measured_pairs"], run["error_count"]) == (len(measured), len(errors))
        assert not lake.raw(run_id=run_id).duplicated(["pair_index", "role"]).any()
        assert (run["verdict"], report.judgement.verdict) == (verdict, verdict)
        return rows

    return complete


@pytest.fixture(scope="session")
def doomed(killed_at):
    """Return what runs a scenario in a process that is killed with SIGKILL as a phase begins."""
    return lambda scenario, phase, run_id: killed_at(WORDS[phase], scenario, run_id)
