"""What README says can be typed is typed here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

from flows.command_line import application, outcome_of
from flows.environment import CHECKOUT
from netcadence.embedded import Cluster

TEXT = (CHECKOUT / "README.md").read_text()
#: What is set apart by four spaces is for a shell.
COMMANDS = [line[4:].partition("   #")[0].rstrip() for line in TEXT.splitlines() if line.startswith("    ")]
#: The virtual environment that runs these tests is set up already: it must not be made anew underneath them.
MAKE = ("make", f"VENV={sys.prefix}", "-o", f"{sys.prefix}/.installed")


def targets():
    return sorted(
        set(re.findall(r"\bmake ([a-z-]+)", "\n".join(COMMANDS) + "".join(re.findall("`.*?`", TEXT))))
    )


@pytest.mark.parametrize("target", targets())
def test_every_make_target_exists(target):
    subprocess.run([*MAKE, "--dry-run", target], cwd=CHECKOUT, stdout=subprocess.DEVNULL, check=True)


@pytest.mark.parametrize("words", re.findall(r"\.venv/bin/netcadence ([^|)\n#]+)", "\n".join(COMMANDS)))
def test_every_command_and_option_exists(words, home, capsys):
    """Options are read before help is given."""
    del home
    assert outcome_of(lambda: application([*words.split(), "--help"], standalone_mode=False)) == 0
    assert "Usage: " in capsys.readouterr().out


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^):#]+)\)|-f (\S+)", TEXT))), ids="".join)
def test_every_file_that_is_pointed_to_exists(path):
    assert (CHECKOUT / "".join(path)).exists()


@pytest.fixture
def shell(home):
    """Return what types a line into a shell and gives what it prints; a cluster that it leaves is removed."""
    del home

    def shell(line):
        line = line.replace(".venv/bin/", f"{sys.prefix}/bin/")
        done = subprocess.run(["bash", "-euc", line], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    yield shell
    Cluster.down_leftovers()


def test_a_cluster_to_play_with_can_be_played_with(shell):
    """The section's own lines, with what the first prints put before the second."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed here")
    up = next(index for index, line in enumerate(COMMANDS) if line.endswith("embedded up"))
    first, second, last = COMMANDS[up : up + 3]
    (export,) = (line for line in shell(first).splitlines() if line.startswith("export KUBECONFIG="))
    assert re.search(r"^node-0 +Ready ", shell(f"{export}\n{second}"), re.MULTILINE)
    assert shell(last) == "Cluster default is gone.\n"
