"""The command `netcadence`: verdicts as exit codes, and refusals before anything is made."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from flows.command_line import application, main, outcome_of
from netcadence.embedded import Cluster, Settings
from netcadence.embedded.state import ROOT_VARIABLE
from netcadence.home import VARIABLE

NETCADENCE = Path(sys.executable).with_name("netcadence")


def command(*words):
    """Run a command in this process; return its exit code."""
    return outcome_of(lambda: application([str(word) for word in words], standalone_mode=False))


@pytest.fixture
def refused(tmp_path, capsys):
    """Return what runs a command that has to be refused, having made nothing; gives what it said."""

    def refused(*words, code=2):
        nowhere = tmp_path / "home"
        with mock.patch.dict(
            os.environ, {VARIABLE: str(nowhere), "PREFECT_API_URL": "http://127.0.0.1:9/api"}
        ):
            assert command(*words) == code
        assert not nowhere.exists()
        said = capsys.readouterr()
        assert said.out == ""
        (sentence,) = said.err.splitlines()
        assert sentence.startswith("netcadence: ")
        return sentence

    return refused


def scenario_file(folder, text):
    file = folder / "mine.yaml"
    file.write_text(text)
    return file


WHOLE = "name: mine\ntitle: Mine\nprotocol: TCP\ntool: iperf\n"


def test_an_unknown_scenario_is_refused_with_those_that_there_are(refused):
    said = refused("run", "tpc-1:1", "--embedded")
    assert "'tpc-1:1' is not known (did you mean 'tcp-1:1'?); allowed: tcp-1:1, tcp-duplex, " in said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("duration_s: -1", "duration_s: -1: should be greater than or equal to 1"),
        ("duration_s: ten", "duration_s: 'ten': should be a valid integer"),
        ("clients: 0", "clients: 0: should be greater than or equal to 1"),
        ("protocl: UDP", "protocl: unknown key (did you mean 'protocol'?); allowed here: name, title,"),
        (
            "placement: nearby",
            "placement: 'nearby': allowed: 'cross-node', 'same-node', 'cross-zone' or 'any'",
        ),
        ("skew_max_ms: .nan", "skew_max_ms: nan: should be a finite number"),
        ("worker: 5", "worker: 5: allowed: a mapping"),
        ("worker: {tolerations: all}", "worker.tolerations: 'all': allowed: a list"),
    ],
)
def test_a_wrong_field_is_refused_by_file_field_value_and_what_is_allowed(refused, tmp_path, line, said):
    file = scenario_file(tmp_path, f"{WHOLE}{line}\n")
    assert f"{file}: {said}" in refused("run", file, "--embedded")


def test_an_unknown_protocol_is_refused_with_those_that_there_are(refused, tmp_path):
    file = scenario_file(tmp_path, WHOLE.replace("TCP", "SCTP"))
    said = refused("run", file, "--embedded")
    assert f"{file}: protocol: 'SCTP': allowed: 'TCP', 'UDP', 'HTTP' or 'GRPC'" in said


@pytest.mark.parametrize("text", ["name: [", "\tname: x", "name: x\n  - y: z", "", "- a\n- b", "\x00"])
def test_a_file_that_is_no_scenario_is_refused_by_name(refused, tmp_path, text):
    file = scenario_file(tmp_path, text)
    assert str(file) in refused("run", file, "--embedded")


def test_a_scenario_file_that_is_not_there_is_refused_by_name(refused, tmp_path):
    assert str(tmp_path / "none.yaml") in refused("run", tmp_path / "none.yaml", "--embedded")


def test_an_unknown_threshold_is_refused_with_the_vocabulary(refused, tmp_path):
    file = tmp_path / "sla.yaml"
    file.write_text("scenarios:\n  'tcp-*':\n    throughput_min_mbytes: 5\n")
    said = refused("run", "tcp-1:1", "--embedded", "--sla", file)
    assert f"{file}: scenarios.tcp-*.throughput_min_mbytes" in said
    assert "throughput_min_kbytes" in said


def test_a_negative_threshold_is_refused(refused, tmp_path):
    file = tmp_path / "sla.yaml"
    file.write_text("scenarios:\n  'udp-*':\n    jitter_max_ms: -5\n")
    assert f"{file}: scenarios.udp-*.jitter_max_ms" in refused("run", "udp-1:1", "--embedded", "--sla", file)


def test_two_scenarios_cannot_have_one_id(refused):
    assert "one id for 2 scenarios" in refused("run", "tcp-1:1", "udp-1:1", "--embedded", "--run-id", "mine")


def test_an_id_that_cannot_name_a_run_is_refused(refused):
    assert "run id 'No Name'" in refused("run", "tcp-1:1", "--embedded", "--run-id", "No Name")


def test_a_cluster_cannot_be_both_here_and_elsewhere(refused):
    assert "--embedded brings its own cluster" in refused("run", "tcp-1:1", "--embedded", "--context", "lab")


def test_a_lake_of_no_known_kind_is_refused(refused):
    assert "lake ftp://" in refused("run", "tcp-1:1", "--embedded", "--lake", "ftp://example/lake")


def test_a_lake_that_takes_no_files_is_refused(refused):
    assert "/dev/null is a file" in refused("run", "tcp-1:1", "--embedded", "--lake", "/dev/null/lake")


@pytest.mark.parametrize("words", [("run", "tcp-1:1"), ("accept",)])
def test_a_kubeconfig_that_is_not_there_is_refused(refused, words):
    assert "there is no kubeconfig /nowhere" in refused(*words, "--kubeconfig", "/nowhere")


def test_a_word_that_an_option_does_not_know_is_refused_with_those_that_it_does(refused):
    said = refused("run", "tcp-1:1", "--placement", "crossnode")
    assert said.startswith(
        "netcadence: Invalid value for '--placement': 'crossnode' is not one of 'cross-node', "
    )


def test_help_has_a_short_name_too(capsys):
    assert command("run", "-h") == 0
    assert " run [OPTIONS]" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--namespace", "--lease-namespace"])
def test_a_name_that_no_namespace_can_have_is_refused_before_anything_is_made(refused, option):
    said = refused("run", "tcp-1:1", "--embedded", option, "A_b")
    assert "namespace 'A_b': cannot be the name of one; allowed: 1 to 63 lower-case letters" in said


@pytest.mark.parametrize("verb", ["up", "down"])
def test_a_cluster_here_cannot_have_a_name_that_is_a_way(refused, verb, tmp_path, monkeypatch):
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "clusters"))
    victim = tmp_path / "victim"
    victim.mkdir()
    said = refused("embedded", verb, "--name", "../victim")
    assert "--name: '../victim' is not a DNS label of at most 32 characters; allowed: lower-case" in said
    assert victim.exists()


def test_the_status_of_a_cluster_shows_whole_addresses(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv(ROOT_VARIABLE, str(tmp_path / "clusters"))
    with Cluster.up(Settings(name="shown", network="loopback")) as cluster:
        assert command("embedded", "status") == 0
        words = capsys.readouterr().out.split()
        assert {cluster.name, str(cluster.pid), cluster.api_url, str(cluster.kubeconfig)} <= set(words)


def test_a_cluster_that_is_up_is_not_taken_for_a_larger_one(refused, cluster):
    said = refused("embedded", "up", "--name", cluster.name, "--nodes", "64")
    assert f"cluster {cluster.name} is up, with {cluster.settings.nodes} nodes" in said


def test_a_refused_run_starts_no_cluster(refused):
    before = {cluster.name for cluster in Cluster.all()}
    refused("run", "nonsense", "--embedded")
    assert {cluster.name for cluster in Cluster.all()} == before


def test_a_refused_command_exits_with_2_as_a_process_too(home):
    del home
    done = subprocess.run([NETCADENCE, "run", "nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("netcadence: scenario 'nonsense' is not known")


def test_a_breached_threshold_exits_with_1_and_its_table_says_why(
    prefect, cluster, write_scenario, write_sla, capsys
):
    del prefect
    sla = write_sla(throughput_min_kbytes=1_000_000_000)
    scenario = write_scenario("udp-breach", "UDP")
    assert command("run", scenario, "--kubeconfig", cluster.kubeconfig, "--sla", sla) == 1
    said = capsys.readouterr().out
    assert "FAIL" in said
    assert "1,000,000,000 KBytes/s" in said


def test_json_is_all_that_a_machine_gets_to_read(prefect, cluster, write_scenario, capsys):
    scenario = write_scenario("udp-json", "UDP")
    assert command("run", scenario, "--kubeconfig", cluster.kubeconfig, "--json") == 0
    (run,) = json.loads(capsys.readouterr().out)
    assert run["scenario"] == "udp-json"
    assert run["exit_code"] == 0
    assert run["prefect_run"].startswith(prefect.removesuffix("api"))


def test_a_context_that_nobody_knows_is_refused_with_those_that_there_are(refused, cluster):
    said = refused("run", "tcp-1:1", "--kubeconfig", cluster.kubeconfig, "--context", "nonsense")
    assert f"has no context 'nonsense'; it has: netcadence-{cluster.name}" in said


def test_the_command_is_installed_and_loads():
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name="netcadence")
    assert entry.load() is main
