"""ClusterLoader2's PerfData files on the command line: written by a run and out of the lake, and read."""

from __future__ import annotations

import json

import pytest

from flows.command_line import application, outcome_of
from flows.exit_code import ExitCode
from netcadence.lake import Lake


def command(*words):
    """Run a command in this process; return its exit code."""
    return outcome_of(lambda: application([str(word) for word in words], standalone_mode=False))


def values(folder):
    """Return what each file's figures are, by name of the file and metric."""
    return {
        (file.name, item["labels"]["Metric"]): item["data"]
        for file in folder.iterdir()
        for item in json.loads(file.read_text())["dataItems"]
    }


@pytest.fixture(scope="module")
def measured(prefect, cluster, write_scenario, write_sla, tmp_path_factory):
    """A run of two pairs that misses its threshold, sure or not: its files, and its lake."""
    del prefect
    folder = tmp_path_factory.mktemp("perfdata")
    lake, exported = folder / "lake", folder / "exported"
    scenario = write_scenario("udp-files", "UDP", clients=2, servers=2)
    sla = write_sla(jitter_max_ms=1e-9)
    words = ("--kubeconfig", cluster.kubeconfig, "--sla", sla, "--lake", lake, "--perfdata", exported)
    assert command("run", scenario, *words) in {ExitCode.FAIL, ExitCode.INVALID, ExitCode.INCONCLUSIVE}
    return exported, lake


def test_a_run_leaves_its_files_whatever_the_verdict(measured):
    exported, lake = measured
    results = Lake(lake).results()
    jitter = sorted(results.query("metric == 'jitter'")["value"])
    ((name, metric), *others) = values(exported)
    assert name.startswith("NetworkPerformanceMetrics_N:M_UDP_P2P_udp-files_")
    assert [metric, *(each for _, each in others)] == [
        "Packet_Per_Second",
        "Jitter",
        "Latency",
        "Lost_Packets",
    ]
    assert values(exported)[name, "Jitter"] == {"Perc05": jitter[0], "Perc50": jitter[0], "Perc95": jitter[1]}


def test_the_lake_gives_the_same_files_later(measured, tmp_path, capsys):
    exported, lake = measured
    assert command("results", "--lake", lake, "--perfdata", tmp_path / "later", "--json") == 0
    said = capsys.readouterr()
    assert len(json.loads(said.out)) == 1
    assert "perfdata  " in said.err
    assert values(tmp_path / "later") == values(exported)


def test_its_files_come_back_as_summaries_and_a_second_time_changes_nothing(measured, tmp_path, capsys):
    exported, _ = measured
    words = ("import-perfdata", *exported.iterdir(), "--lake", tmp_path, "--cluster", "theirs")
    assert command(*words) == 0
    assert "imported 12 figures, run perfdata-" in capsys.readouterr().out
    assert command(*words) == 0
    assert "there already" in capsys.readouterr().out
    summaries = Lake(tmp_path).summaries(cluster="theirs")
    jitter = summaries.query("metric == 'jitter'").set_index("statistic")["value"].to_dict()
    assert jitter in values(exported).values()


def test_one_bad_file_keeps_all_from_being_imported(measured, tmp_path, capsys):
    exported, _ = measured
    (good,) = exported.iterdir()
    bad = tmp_path / "notes.json"
    bad.write_text("{}")
    assert command("import-perfdata", good, bad, "--lake", tmp_path / "lake") == 2
    assert f"netcadence: {bad}: name: 'notes.json': allowed: NetworkPerf" in capsys.readouterr().err
    assert not (tmp_path / "lake").exists()


def test_a_folder_that_is_a_file_is_refused_before_anything_is_measured(tmp_path, capsys):
    file = tmp_path / "file"
    file.touch()
    assert command("run", "tcp-1:1", "--embedded", "--perfdata", file / "below") == 2
    assert f"{file} is not a folder" in capsys.readouterr().err
