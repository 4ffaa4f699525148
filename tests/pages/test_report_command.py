"""`netcadence report`: which run it takes, where it writes, and what it refuses."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unittest import mock
from urllib.parse import unquote, urlsplit

import pytest

from flows.command_line import application, outcome_of
from netcadence.home import VARIABLE
from netcadence.lake import Lake
from netcadence.record import Verdict
from netcadence.report.page import past
from tests.pages.conftest import STARTED_AT, outcome

ID = "20260131-033000-tcp-50-50-abcd"


@pytest.fixture(scope="module")
def kept(tmp_path_factory, make_record, make_judgement):
    """A home with three nights of one scenario, of which the second went another way."""
    home = tmp_path_factory.mktemp("home")
    lake = Lake(home / "lake")
    for night, path, verdict in ((2, "pod-ip", "FAIL"), (1, "cluster-ip", "PASS"), (0, "pod-ip", "PASS")):
        started_at = STARTED_AT - timedelta(days=night)
        record = make_record(
            *(outcome(index, 70_000.0 - night) for index in range(3)),
            run_id=f"{ID}-{night}" if night else ID,
            started_at=started_at,
            ended_at=started_at + timedelta(seconds=14),
            path=path,
        )
        lake.conclude(record, make_judgement(Verdict(verdict), value=70_000.0 - night))
    return home


@pytest.fixture
def command(kept, capsys):
    """Return what runs a command in this home, and gives its exit code and what it said."""

    def command(*words):
        with mock.patch.dict(os.environ, {VARIABLE: str(kept), "PREFECT_API_URL": "http://127.0.0.1:9/api"}):
            code = outcome_of(lambda: application([str(word) for word in words], standalone_mode=False))
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def page_at(said):
    (address,) = [line.split()[1] for line in said.splitlines() if line.startswith("page ")]
    return Path(unquote(urlsplit(address).path))


def test_the_newest_run_is_written_beside_the_lake_unless_another_is_asked_for(command, kept, tmp_path):
    code, said, _ = command("report")
    assert code == 0
    assert said.startswith(f"PASS: tcp-50:50 on lab, run {ID}\n")
    assert page_at(said) == kept / "reports" / f"{ID}.html"
    assert "2 runs since 2026-01-29: from 69,998 KBytes/s" in page_at(said).read_text(encoding="utf-8")
    wanted = tmp_path / "new" / "his.html"
    code, said, _ = command("report", f"{ID}-2", "--output", wanted)
    assert (code, page_at(said)) == (0, wanted)
    assert 'class="hero FAIL"' in wanted.read_text(encoding="utf-8")


def test_trends_are_those_of_a_window_and_of_no_single_run(command, kept, tmp_path):
    code, said, _ = command("report", "--trends", "--days", "36500", "--output", tmp_path / "trends.html")
    assert code == 0
    assert said.startswith("0 of 18 series have regressed\n")
    assert "None of 18 series is worse than before. 18 of them have too few runs yet" in page_at(
        said
    ).read_text(encoding="utf-8")
    code, said, _ = command("report", "--trends")
    assert code == 0
    assert "holds no run" in said
    assert page_at(said) == kept / "reports" / "trends.html"
    code, _, said = command("report", ID, "--trends")
    assert code == 2
    assert "allowed beside --trends: no run" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run-9"], "run 'run-9' is not in the lake"),
        (["--cluster", "prod"], "holds no run of cluster prod; make one with: netcadence run"),
        ([ID, "--scenario", "udp-1:1"], "allowed beside it: neither --scenario nor --cluster"),
        (["--output", "/"], "/ is a folder; allowed: a file"),
        (["--output", "/dev/null/page.html"], "/dev/null is not a folder; allowed: a file in a folder"),
    ],
)
def test_what_cannot_be_reported_is_refused_in_a_sentence(command, words, said):
    code, out, err = command("report", *words)
    assert (code, out) == (2, "")
    assert said in err


def test_history_is_that_of_the_same_way_until_the_run_itself(kept):
    lake = Lake(kept / "lake")
    record = lake.recall(ID).record
    assert [each.run_id for each in past.read(lake, record.facts)] == [f"{ID}-2", ID]
    first = replace(record.facts, started_at=record.facts.started_at - timedelta(days=2))
    assert [each.verdict for each in past.read(lake, first)] == [Verdict.FAIL]


def test_files_of_other_scenarios_are_not_opened_for_a_history(kept, caplog):
    lake = Lake(kept / "lake")
    record = lake.recall(ID).record
    (file,) = (kept / "lake").glob(f"runs/**/{ID}.parquet")
    other = file.with_name("20260131-010000-udp-1-1-abcd.parquet")
    other.write_bytes(b"no Parquet, which would be told")
    try:
        assert [each.run_id for each in past.read(lake, record.facts)] == [f"{ID}-2", ID]
    finally:
        other.unlink()
    assert not caplog.records


def test_history_goes_back_beyond_a_week_where_that_has_few_runs(kept):
    lake = Lake(kept / "lake")
    record = lake.recall(ID).record
    later = replace(record.facts, started_at=record.facts.started_at + timedelta(days=89))
    assert [each.run_id for each in past.read(lake, later)] == [ID]
