"""Whole acceptances on the embedded cluster: what they leave everywhere, and how they end."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import pytest
import yaml

from flows.command_line import application, outcome_of
from netcadence.kube.resource import DEPLOYMENT, LEASE, REQUEST, RUN
from netcadence.lake import Lake

#: Whichever test asks first waits for the whole acceptance, and for what the session starts.
pytestmark = pytest.mark.timeout(240)

CONNECTED = {"throughput_min_kbytes": {"value": 0.001, "statistic": "Perc01"}}
OUT_OF_REACH = {"throughput_min_kbytes": 1_000_000_000}


def check(name, scenario, thresholds, level="required", **others):
    return {"name": name, "title": name.title(), "level": level, "scenario": scenario} | {
        "thresholds": thresholds,
        **others,
    }


@pytest.fixture(scope="module")
def write_profile(tmp_path_factory):
    """Return what writes a profile of short checks and returns its file."""

    def write(*checks, **fields):
        file = tmp_path_factory.mktemp("profile") / "profile.yaml"
        file.write_text(yaml.safe_dump({"name": "lab", "with": {"duration_s": 1}, "checks": checks} | fields))
        return file

    return write


def command(*words):
    """Run a command in this process; return its exit code and what it printed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        code = outcome_of(lambda: application([str(word) for word in words], standalone_mode=False))
    return code, out.getvalue()


@dataclass
class Done:
    code: int
    found: dict
    junit: ET.Element
    lake: Lake


@pytest.fixture(scope="module")
def done(prefect, cluster, write_profile, tmp_path_factory):
    """An acceptance with a warning: two checks of one measurement, one of another, and the canary."""
    del prefect
    profile = write_profile(
        check("connected", "tcp-1:1", CONNECTED),
        check("bandwidth", "tcp-1:1", {"throughput_min_kbytes": 1000}),
        # At 1 Mbit/s there are 122 KBytes/s, and no processor is in doubt.
        # In a namespace of its own, for it is on the host network.
        check("greedy", "udp-1:1", OUT_OF_REACH, "recommended", **{"with": {"path": "host-network"}}),
        canary=True,
    )
    file = tmp_path_factory.mktemp("junit") / "junit.xml"
    kubeconfig = ("--kubeconfig", cluster.kubeconfig, "--cluster", "lab")
    code, out = command("accept", "--profile", profile, *kubeconfig, "--json", "--junit", file)
    found = json.loads(out)
    return Done(code, found, ET.parse(file).getroot(), Lake(found["lake"]))  # noqa: S314 - our own


@pytest.fixture(scope="module")
def flow_runs(done, ask):
    """The flow runs that are tagged with the acceptance's id, by name of their flow."""
    wanted = {"flow_runs": {"tags": {"all_": [f"acceptance:{done.found['acceptance_id']}"]}}}
    return ask("flow_runs/filter", wanted)


def test_a_warning_is_no_refusal(done):
    assert done.code == 0, done.found["reasons"]
    assert done.found["verdict"] == "PASS"
    assert {each["check"]: each["verdict"] for each in done.found["checks"]} == {
        "connected": "PASS",
        "bandwidth": "PASS",
        "greedy": "FAIL",
    }
    assert done.found["reasons"] == ["warning: recommended check 'greedy' is FAIL"]


def test_the_planted_cap_was_noticed(done):
    assert done.found["canary"]["rang"] is True
    assert done.found["canary"]["verdict"] == "FAIL"


def test_checks_of_one_scenario_are_judged_by_one_run(done):
    first, second, third = (each["run_id"] for each in done.found["checks"])
    assert first == second != third
    assert len(done.found["runs"]) == 3


def test_its_runs_are_in_the_lake_and_marked(done):
    runs = done.lake.runs(cluster="lab").set_index("run_id")
    for each in done.found["checks"]:
        labels = runs.loc[each["run_id"], "labels"]
        assert labels["acceptance"] == done.found["acceptance_id"]
        assert "canary" not in labels
    canary = runs.loc[done.found["canary"]["run_id"]]
    assert canary["labels"]["canary"] == "true"
    assert canary["scenario"] == "tcp-1:1-canary"


def test_the_lake_has_a_row_for_each_check(done):
    rows = done.lake.acceptances(cluster="lab")
    rows = rows[rows["acceptance_id"] == done.found["acceptance_id"]]
    assert list(rows.sort_values("position")["check"]) == ["connected", "bandwidth", "greedy", "bandwidth"]
    assert set(rows["acceptance_verdict"]) == {"PASS"}


def test_no_run_measured_beside_another(done):
    """One sets up while the last one stores and judges, and sends when nobody does anything else."""
    results = done.lake.results(cluster="lab")
    ids = set(done.found["runs"])
    spans = sorted(
        (row["client_started_at"], row["client_ended_at"])
        for row in results[results["run_id"].isin(ids)]
        .drop_duplicates(["run_id", "pair_index"])
        .to_dict("records")
    )
    assert len(spans) == 3
    assert all(ended <= begun for (_, ended), (begun, _) in itertools.pairwise(spans))


def test_prefect_shows_the_benchmarks_below_the_acceptance(done, flow_runs):
    names = {each["name"]: each for each in flow_runs}
    whole = names[f"lab of lab {done.found['acceptance_id']}"]
    assert whole["parent_task_run_id"] is None
    assert done.found["prefect_run"].endswith(whole["id"])
    below = [each for each in flow_runs if each["parent_task_run_id"]]
    assert {each["state_name"] for each in below} == {"Completed", "SLABreached"}
    assert {f"{each['scenario']} on lab {each['run_id']}" for each in done.found["runs"].values()} == {
        each["name"] for each in below
    }


def test_its_tasks_bear_no_tags_for_each_of_which_prefect_would_ask_for_a_slot(flow_runs, ask):
    wanted = {"flow_runs": {"id": {"any_": [each["id"] for each in flow_runs]}}}
    tasks = ask("task_runs/filter", wanted)
    assert tasks
    assert not any(each["tags"] for each in tasks)


def test_prefect_has_a_table_and_a_page_with_the_evidence(done, ask):
    flow_run = done.found["prefect_run"].rpartition("/")[2]
    artifacts = ask("artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [flow_run]}}})
    found = {each["key"]: each for each in artifacts}
    assert set(found) == {"acceptance-lab-lab", "acceptance-table-lab-lab"}
    for run in done.found["runs"].values():
        assert run["data_docs"] in found["acceptance-lab-lab"]["data"]
    assert '"verdict": "PASS"' in found["acceptance-table-lab-lab"]["data"]


def test_its_page_leads_to_the_pages_of_its_runs(done):
    page = Path(unquote(done.found["page"].removeprefix("file://")))
    text = page.read_text(encoding="utf-8")
    for run_id in done.found["runs"]:
        assert f'href="{run_id}.html"' in text
        assert page.with_name(f"{run_id}.html").exists()


def test_a_build_server_gets_a_case_for_each_check(done):
    cases = {case.get("name"): [child.tag for child in case] for case in done.junit.iter("testcase")}
    assert cases == {
        "connected": ["system-out"],
        "bandwidth": ["system-out"],
        "greedy": ["skipped", "system-out"],
        "bandwidth-canary": ["system-out"],
    }


def test_nothing_is_left_on_the_cluster(done, access):
    del done
    kinds = (RUN, REQUEST, DEPLOYMENT, LEASE)
    assert {kind.kind: access.list(kind, "netcadence")[0] for kind in kinds} == {
        kind.kind: [] for kind in kinds
    }


def test_strictly_a_recommended_check_that_fails_is_exit_code_1(prefect, cluster, write_profile):
    del prefect
    profile = write_profile(
        check("connected", "udp-1:1", CONNECTED), check("greedy", "udp-1:1", OUT_OF_REACH, "recommended")
    )
    code, out = command("accept", "--profile", profile, "--kubeconfig", cluster.kubeconfig, "--strict")
    assert code == 1
    assert "not accepted: recommended check 'greedy' is FAIL" in " ".join(out.split())
    assert out.rstrip().endswith("FAIL  not accepted: 1 of 2 checks passed")


@pytest.fixture
def sensitive():
    """Let SIGINT raise, also where this process was started in the background, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def interrupted(prefect, cluster, write_profile, in_traffic, home):
    """The rows of an acceptance that Ctrl-C met in the traffic of its first measurement."""
    del prefect
    from flows.acceptance import acceptance  # noqa: PLC0415 - imports Prefect
    from tasks.progress import heard_by  # noqa: PLC0415 - likewise

    profile = write_profile(
        check("long", "tcp-1:1", CONNECTED, **{"with": {"duration_s": 60}}),
        check("never", "udp-1:1", CONNECTED),
    )
    ctrl_c = in_traffic(lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt), heard_by(ctrl_c):
        acceptance(profile, kubeconfig=cluster.kubeconfig, cluster="lab", acceptance_id="cut-short")
    return Lake(home.lake).acceptances().query("acceptance_id == 'cut-short'")


@pytest.mark.usefixtures("sensitive")
def test_ctrl_c_stores_what_there_is_and_cleans_up(interrupted, access, home):
    rows = interrupted.sort_values("position").to_dict("records")
    assert [(row["check"], row["verdict"]) for row in rows] == [("long", "INVALID"), ("never", "INVALID")]
    assert {row["acceptance_verdict"] for row in rows} == {"INVALID"}
    (run,) = Lake(home.lake).runs(run_id=rows[0]["run_id"]).to_dict("records")
    assert run["verdict"] == "INVALID"
    assert Lake(home.lake).runs(run_id=rows[1]["run_id"]).empty
    assert not access.list(DEPLOYMENT, "netcadence")[0]
    assert not access.list(LEASE, "netcadence")[0]


def test_a_mesh_that_the_cluster_has_no_nodes_for_is_refused_before_anything_is_made(
    prefect, cluster, write_profile, access, capsys
):
    del prefect
    only = {"nodes": {"names": ["node-0"]}}
    profile = write_profile(check("mesh", "tcp-mesh", CONNECTED, **{"with": only}))
    code, _ = command("accept", "--profile", profile, "--kubeconfig", cluster.kubeconfig)
    assert code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"{profile}: checks.0.scenario: tcp-mesh needs at least 2 nodes" in said
    assert not access.list(RUN, "netcadence")[0]


def test_a_profile_that_is_refused_starts_nothing(write_profile, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NETCADENCE_HOME", str(tmp_path / "nowhere"))
    profile = write_profile(check("typo", "tpc-1:1", CONNECTED))
    code, out = command("accept", "--profile", profile, "--embedded")
    assert (code, out) == (2, "")
    assert f"{profile}: checks.0.scenario: scenario 'tpc-1:1' is not known" in capsys.readouterr().err
    assert not (tmp_path / "nowhere").exists()


def test_a_plan_says_what_would_be_measured_and_measures_nothing(cluster, write_profile, access):
    profile = write_profile(check("connected", "tcp-1:1", CONNECTED), canary=False)
    code, out = command(
        "accept", "--plan", "--json", "--profile", profile, "--kubeconfig", cluster.kubeconfig
    )
    assert code == 0
    found = json.loads(out)
    assert [(each["scenario"], each["traffic_s"]) for each in found["measurements"]] == [("tcp-1:1", 1)]
    assert not access.list(RUN, "netcadence")[0]
