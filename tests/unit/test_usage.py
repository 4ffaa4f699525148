"""What the command says to a command line that it cannot accept, and with which code it ends."""

from __future__ import annotations

import io
import re

import pytest

from flows.command_line import application, main, outcome_of
from flows.exit_code import ExitCode


@pytest.fixture(autouse=True)
def own_environment(monkeypatch, tmp_path):
    """The command sets variables for Prefect; none of them may outlive a test."""
    monkeypatch.setattr("os.environ", {"NETCADENCE_HOME": str(tmp_path), "COLUMNS": "80"})


def ended(*arguments):
    return outcome_of(lambda: application(list(arguments), standalone_mode=False))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["runn"], "'runn'"),
        (["run"], "'SCENARIO'"),
        (["run", "tcp-1:1", "--nonsense"], "--nonsense"),
        (["run", "tcp-1:1", "--embedded", "--context", "prod"], "--context"),
        (["run", "tcp-1:1", "udp-1:1", "--run-id", "mine"], "--run-id"),
        (["results", "--last", "0"], "'--last'"),
        (["embedded", "up", "--network", "carrier-pigeon"], "'--network'"),
        (["embedded", "up", "--nodes", "0"], "'--nodes'"),
    ],
)
def test_what_is_not_acceptable_is_named_in_one_line_and_ends_with_2(capsys, arguments, named):
    assert ended(*arguments) == ExitCode.USAGE
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith("netcadence: ")
    assert named in line


@pytest.mark.parametrize("group", [[], ["embedded"]])
def test_a_group_without_a_command_shows_its_help_and_is_not_green(capsys, group):
    assert ended(*group) == ExitCode.USAGE
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["run"], ["results"], ["embedded"], ["embedded", "up"]])
def test_help_fits_80_columns_and_names_no_python_type(capsys, command):
    assert ended(*command, "--help") == ExitCode.PASS
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert re.findall(r"<\w+", text) == []


def test_where_the_locale_lacks_a_sign_another_stands_in_its_place(monkeypatch):
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setattr("sys.argv", ["netcadence", "sql", "SELECT '≥ 7' AS sign"])
    with pytest.raises(SystemExit) as left:
        main()
    terminal.seek(0)
    assert (left.value.code, "\n? 7" in terminal.read()) == (0, True)


def test_a_home_that_cannot_be_made_is_refused_with_how_to_name_another(monkeypatch, capsys):
    monkeypatch.setattr("os.environ", {"NETCADENCE_HOME": "/dev/null/home"})
    assert ended("deploy", "--pool", "kubernetes", "--lake", "s3://b/l", "--image", "x") == ExitCode.USAGE
    assert "/dev/null/home/prefect cannot be written to: Not a directory" in capsys.readouterr().err


def test_a_defect_ends_as_an_error_and_never_as_fail(capsys):
    assert outcome_of(lambda: {}["missing"]) == ExitCode.ERROR
    assert "KeyError" in capsys.readouterr().err
