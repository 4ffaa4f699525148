"""Trends and thresholds at the command line, and as a flow."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from flows.command_line import application, outcome_of
from netcadence.home import VARIABLE
from netcadence.lake import Lake
from netcadence.trends.look import Look
from tests.unit.trends.conftest import fill, noise_of


def command(*words):
    """Run a command in this process; return its exit code."""
    return outcome_of(lambda: application([str(word) for word in words], standalone_mode=False))


@pytest.fixture
def lake(tmp_path):
    """Thirty nights; from the twentieth on there is a new CNI and a quarter less."""
    nights = 1000 * noise_of(30, 3).reshape(30, 1)
    nights[20:] *= 0.75
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(days=30)

    def each(place):
        cni = "cilium 1.19" if place >= 20 else "cilium 1.18"
        return {"cni": cni, "started_at": begin + timedelta(days=place)}

    return fill(Lake(tmp_path / "lake"), nights, each=each)


def test_a_regression_is_told_accepted_and_no_longer_fails(lake, capsys):
    assert command("trends", "--lake", lake.url) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "CNI cilium 1.18 → cilium 1.19" in said
    assert "1 series: 1 regressed" in said
    assert command("trends", "--lake", lake.url, "--json") == 1
    (series,) = json.loads(capsys.readouterr().out)["series"]
    assert (series["status"], series["runs"]) == ("regressed", 30)
    words = ("--reason", "mitigations", "--by", "eve", "--lake", lake.url)
    assert command("trends", "accept", series["id"], *words) == 0
    assert f"{series['id']}  tcp-1:1 Throughput Perc50: " in capsys.readouterr().out
    assert command("trends", "--lake", lake.url) == 0
    assert "accepted by eve on" in capsys.readouterr().out
    assert command("trends", "accept", "--all", *words) == 2
    assert "nothing has regressed" in capsys.readouterr().err


def test_windows_that_are_too_short_are_not_green_and_bad_ones_are_refused(lake, tmp_path, capsys):
    assert command("trends", "--lake", lake.url, "--days", "8") == 4
    assert command("trends", "--lake", tmp_path / "none") == 4
    assert f"Nothing to see: the lake {tmp_path / 'none'} holds no run." in " ".join(
        capsys.readouterr().out.replace("\n", " ").split()
    ).replace("- ", "-")
    assert command("trends", "--lake", lake.url, "--since", "yesterday") == 2
    assert command("trends", "--lake", lake.url, "--days", "3", "--since", "2026-01-01") == 2
    assert command("trends", "--lake", lake.url, "--metric", "thruput") == 2
    assert "did you mean 'throughput'?" in capsys.readouterr().err
    assert command("trends", "accept", "12345678", "--reason", "x", "--lake", lake.url) == 2
    assert "no series of the lake" in capsys.readouterr().err


def test_a_proposed_suite_is_written_and_held_against_the_history(lake, tmp_path, capsys):
    file = tmp_path / "learned.yaml"
    assert command("sla", "propose", "--lake", lake.url, "--output", file) == 0
    assert "would have fired" in file.read_text()
    capsys.readouterr()
    assert command("sla", "backtest", file, "--lake", lake.url, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["fired"] >= 8
    assert command("sla", "backtest", file, "--lake", lake.url) == 1
    assert "throughput_min_kbytes would have fired" in " ".join(capsys.readouterr().out.split())
    assert command("sla", "propose", "--lake", tmp_path / "none") == 4
    assert command("sla", "backtest", tmp_path / "no.yaml", "--lake", lake.url) == 2


def test_the_flow_ends_as_regressed_and_leaves_what_changed(prefect, lake, artifacts, tmp_path, monkeypatch):
    del prefect
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    from flows.trends import trends  # noqa: PLC0415 - imports Prefect

    state = trends(Look(lake=lake.url, cluster="prod"), return_state=True)
    assert (state.type, state.name) == ("FAILED", "Regressed")
    assert "1 regression: tcp-1:1 Throughput Perc50 on prod" in state.message
    left = {each["key"]: each["data"] for each in artifacts(state)}
    assert left.keys() == {"trends-prod", "trends-prod-pictures"}
    page = tmp_path / "reports" / "trends-prod.html"
    assert f"Report: `{page.as_uri()}`" in left["trends-prod"]
    for said in (*left.values(), page.read_text(encoding="utf-8")):
        assert "the same day CNI cilium 1.18 → cilium 1.19" in said
    assert left["trends-prod-pictures"].count("data:image/svg+xml") == 1
    assert trends(Look(lake=lake.url, cluster="other"), return_state=True).name == "NothingToJudge"
