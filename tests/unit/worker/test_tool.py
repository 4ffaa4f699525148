"""Starting, reading and ending real processes."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from netcadence_worker.contract import Reason
from netcadence_worker.failure import FailureError
from netcadence_worker.launch import Standstill
from netcadence_worker.tool import RunningTool, ask_version
from netcadence_worker.tools import DRIVEN, driver_of


def test_starts_at_its_instant_and_not_before():
    """The tool starts at the instant asked for: never early, and soon after."""
    with RunningTool(("true",)) as tool:
        at = time.monotonic() + 0.2
        offset_s = time.time() - time.monotonic()
        tool.start(at)
        assert tool.wait(5)
    late_s = tool.started_at.timestamp() - offset_s - at
    assert -0.001 < late_s < 1.0


def test_waits_at_its_gate_until_it_is_told():
    """Without a start there is a process, but no tool."""
    with RunningTool(("true",)) as tool:
        assert not tool.wait(0.1)
        assert tool.started_at is None
    assert tool.output().exit_code == -signal.SIGINT


def test_comes_to_life_and_stands_still_where_it_makes_its_first_thread():
    """A tool that is to start on time has all but its threads behind it before it is told to."""
    program = (
        "import threading\n"
        "print('alive', flush=True)\n"
        "threading.Thread(target=lambda: print('under way', flush=True)).start()\n"
    )
    with RunningTool(
        ("python3", "-c", program), ready_text=b"alive", standstill=Standstill.FIRST_THREAD
    ) as tool:
        deadline = time.monotonic() + 5
        while not tool.ready and time.monotonic() < deadline:
            tool.wait(0.01)
        assert not tool.wait(0.2)
        assert tool.output().stdout == "alive\n"
        tool.start()
        assert tool.wait(5)
    assert tool.output().stdout == "alive\nunder way\n"
    assert tool.output().exit_code == 0


def test_comes_to_life_and_stands_still_where_it_makes_its_first_internet_socket():
    """A tool without threads has all behind it but the network before it is told to start."""
    program = (
        "import socket\n"
        "socket.socket(socket.AF_UNIX).close()\n"
        "print('alive', flush=True)\n"
        "socket.socket(socket.AF_INET).close()\n"
        "print('under way', flush=True)\n"
    )
    with RunningTool(
        ("python3", "-c", program), ready_text=b"alive", standstill=Standstill.FIRST_SOCKET
    ) as tool:
        deadline = time.monotonic() + 5
        while not tool.ready and time.monotonic() < deadline:
            tool.wait(0.01)
        assert not tool.wait(0.2)
        assert tool.output().stdout == "alive\n"
        tool.start()
        assert tool.wait(5)
    assert tool.output().stdout == "alive\nunder way\n"
    assert tool.output().exit_code == 0


def test_one_that_makes_no_thread_stands_still_after_a_while():
    """A tool that hangs before its start is held up wherever it is, and ends when it is told to."""
    with RunningTool(("sh", "-c", "echo alive; exec sleep 60"), standstill=Standstill.FIRST_THREAD) as tool:
        assert not tool.ended
        tool.start()
        assert not tool.wait(0.1)
        tool.stop()
    assert tool.output().stdout == "alive\n"
    assert tool.output().exit_code == -signal.SIGINT


def test_one_that_has_come_to_life_and_is_not_wanted_is_gone():
    """Ending a tool before its start takes as little as ending one that runs."""
    program = "import threading; threading.Thread(target=lambda: None).start()"
    with RunningTool(("python3", "-c", program), standstill=Standstill.FIRST_THREAD) as tool:
        assert not tool.wait(0.1)
    assert tool.started_at is None
    assert tool.ended


def test_start_after_the_end_does_nothing():
    """A process that was ended at its gate is not started any more."""
    tool = RunningTool(("true",))
    with tool:
        tool.stop()
        tool.start()
    assert tool.started_at is None


def test_keeps_output_and_exit_code():
    """Both streams and the exit code are kept; the end is noted."""
    with RunningTool(("sh", "-c", "echo out; echo err >&2; exit 3")) as tool:
        tool.start()
        assert tool.wait(5)
    output = tool.output()
    assert (output.stdout, output.stderr, output.exit_code) == ("out\n", "err\n", 3)
    assert tool.started_at <= tool.ended_at <= datetime.now(UTC)
    assert tool.last_lines() == "err"


def test_reads_more_than_a_pipe_holds_and_keeps_head_and_tail():
    """A tool that prints megabytes is not held up; the middle is left out, and that is said."""
    with RunningTool(("sh", "-c", "echo first; yes 0123456789 | head -c 2200000; echo last")) as tool:
        tool.start()
        assert tool.wait(10)
    text = tool.output().stdout
    assert tool.truncated
    assert text.startswith("first\n")
    assert text.endswith("\nlast\n")
    assert "bytes left out" in text
    assert len(text) < 140_000


def test_says_when_it_is_ready():
    """The text that a tool prints when it is ready is noticed, and the caller is told."""
    calls = []
    argv = ("sh", "-c", "echo Server listening; read x")
    with RunningTool(argv, ready_text=b"Server listening", changed=lambda: calls.append(tool.ready)) as tool:
        tool.start()
        assert tool.wait(5)
        assert tool.ready
    assert True in calls


def test_has_empty_input_plain_language_and_a_home_of_its_own():
    """Nothing is read from the worker's input, and nothing written into its home."""
    argv = ("sh", "-c", "cat; echo $LC_ALL $HOME; cat $HOME/.tool/conf; env")
    with RunningTool(argv, files={".tool/conf": "a = b\n"}) as tool:
        tool.start()
        assert tool.wait(5)
    lines = tool.output().stdout.splitlines()
    language, home = lines[0].split()
    assert (language, lines[1]) == ("C", "a = b")
    assert home != os.environ.get("HOME")
    assert not Path(home).exists()
    assert not [line for line in lines if line.startswith("KUBERNETES_")]


def test_has_no_descriptors_but_its_three_streams():
    """No socket or pipe of the worker is inherited."""
    with RunningTool(("ls", "/proc/self/fd")) as tool:
        tool.start()
        assert tool.wait(5)
    assert tool.output().stdout.split()[:3] == ["0", "1", "2"]
    assert len(tool.output().stdout.split()) == 4  # the fourth is the listing itself


def test_ends_what_ignores_being_asked():
    """A tool that ignores signals is killed, with all that it started."""
    script = "trap '' INT TERM; echo ready; sleep 60 & wait; sleep 60"
    with RunningTool(("sh", "-c", script), ready_text=b"ready") as tool:
        tool.start()
        deadline = time.monotonic() + 5
        while not tool.ready and time.monotonic() < deadline:
            tool.wait(0.01)
        begun = time.monotonic()
        tool.stop()
        assert time.monotonic() - begun < 2.0
    assert tool.output().exit_code == -signal.SIGKILL


def test_ends_politely_where_that_is_enough():
    """SIGINT comes first, so that a tool can print its totals."""
    with RunningTool(
        ("sh", "-c", "trap 'echo totals; exit 0' INT; echo ready; sleep 60 & wait"), ready_text=b"ready"
    ) as tool:
        tool.start()
        deadline = time.monotonic() + 5
        while not tool.ready and time.monotonic() < deadline:
            tool.wait(0.01)
        tool.stop()
    assert tool.output().stdout == "ready\ntotals\n"


def test_tool_that_is_not_there_is_missing():
    """The reason is ToolMissing, and nothing is left behind."""
    with pytest.raises(FailureError, match="no-such-tool is not on this worker's PATH") as raised:
        RunningTool(("no-such-tool",))
    assert raised.value.reason is Reason.TOOL_MISSING


def test_file_that_cannot_be_executed_says_so(tmp_path, monkeypatch):
    """What the system does not take for a program ends with 127 and the system's words."""
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with RunningTool(("broken",)) as tool:
        tool.start()
        assert tool.wait(5)
    assert tool.output().exit_code == 127
    assert "Exec format error" in tool.output().stderr


def test_descriptors_are_closed():
    """A worker serves any number of requests: nothing stays open."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        with RunningTool(("true",)) as tool:
            tool.start()
            assert tool.wait(5)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("tool", DRIVEN)
def test_tools_tell_their_version(tool):
    """What the real tools print holds their version."""
    driver = driver_of(tool)
    assert driver.version(ask_version((driver.tool, driver.version_argument)))[0].isdecimal()
