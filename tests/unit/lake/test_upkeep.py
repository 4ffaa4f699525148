"""What is kept for how long, and what the commands say."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from flows import lake_commands
from netcadence.errors import InvalidInputError
from netcadence.lake.retention import parse
from netcadence.record import Judgement, Verdict

PASSED = Judgement(Verdict.PASS, ())


@pytest.fixture
def year(lake, make_record):
    """A run in each month of 2025, with pairs that have raw output."""
    for month in range(1, 13):
        started_at = datetime(2025, month, 10, 3, tzinfo=UTC)
        lake.conclude(make_record(run_id=f"run-{month}", started_at=started_at, pairs=1), PASSED)
    return lake


@pytest.mark.parametrize("together", [False, True])
def test_only_what_is_named_goes_and_only_once_it_is_old_enough(year, together):
    if together:
        year.compact()
    rules, now = parse(["raw=13w", "intervals=1y"]), datetime(2026, 1, 1, tzinfo=UTC)
    would = year.retire(rules, now=now, dry_run=True)
    assert len(year.raw()) == 24
    assert year.retire(rules, now=now) == would
    # A month that was put together stays until its last day is old enough.
    assert sorted(year.raw()["run_id"].unique()) == ["run-10", "run-11", "run-12"]
    assert len(year.intervals()["run_id"].unique()) == 12
    assert len(year.runs()) == 12
    assert year.retire(rules, now=now).paths == ()


@pytest.mark.parametrize(
    "rule", ["raw", "raw=", "raw=90", "raw=0d", "raw=-1d", "nothing=90d", "raw=9m", "raw=1d x", "=1d"]
)
def test_a_rule_that_is_not_acceptable_is_refused_with_what_is(rule):
    with pytest.raises(InvalidInputError, match=r"allowed, each table once: TABLE=AGE, such as raw=90d"):
        parse([rule])


def test_a_table_is_named_once():
    assert parse(["raw=2w", "runs=1y"]) == {"raw": timedelta(days=14), "runs": timedelta(days=365)}
    with pytest.raises(InvalidInputError, match="each table once"):
        parse(["raw=1d", "raw=2d"])


def test_the_commands_say_what_they_did(year, capsys):
    lake_commands.compact(lake=year.url)
    told = capsys.readouterr().out
    assert "results of staging, March 2025: 1 file became one: 1 run, 12 rows" in told
    lake_commands.compact(lake=year.url)
    assert "Nothing to put together" in capsys.readouterr().out
    lake_commands.retention(lake=year.url, keep=["raw=1d"], as_json=True)
    assert len(json.loads(capsys.readouterr().out)["removed"]) == 12
    lake_commands.retention(lake=year.url, keep=["raw=1d"])
    assert "is older than that" in capsys.readouterr().out


def test_a_clock_that_goes_back_loses_and_doubles_nothing(lake, make_record):
    """The hour that daylight saving repeats, and a clock that is set back: instants are kept in UTC."""
    berlin = [datetime.fromisoformat(f"2025-10-26T02:30:00+0{zone}:00") for zone in (2, 1)]
    back = berlin[1] - timedelta(days=3)
    for number, started_at in enumerate((*berlin, back)):
        lake.conclude(make_record(run_id=f"run-{number}", started_at=started_at, pairs=1), PASSED)
    for _ in range(2):
        runs = lake.runs()
        assert runs["run_id"].tolist() == ["run-2", "run-0", "run-1"]
        assert [f"{each:%d %H:%M}" for each in runs["started_at"]] == ["23 01:30", "26 00:30", "26 01:30"]
        lake.compact()
    assert date.fromisoformat(runs["date"].tolist()[0]) == date(2025, 10, 23)
