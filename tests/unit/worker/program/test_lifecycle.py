"""A worker's beginning, restart and end, as a pod sees them."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from netcadence_worker.contract import HEALTH_PORT, Reason


def runs(pid):
    """Tell whether a process still does anything; one that only waits to be buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def run_to_its_end(environment):
    return subprocess.run(
        [sys.executable, "-m", "netcadence_worker"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_ready_only_while_it_watches(api, start_worker, await_ready, http_get, wait):
    """Alive at once, ready with both watches, not ready while the API server is away."""
    worker = start_worker("client", as_command=True)
    await_ready(worker)
    api.stop()
    wait(lambda: http_get(worker.ip, "/readyz", HEALTH_PORT)[0] == 503)
    status, sentence = http_get(worker.ip, "/readyz", HEALTH_PORT)
    assert (status, sentence.startswith("watch networktest")) == (503, True)
    assert http_get(worker.ip, "/livez", HEALTH_PORT)[0] == 200
    api.start()
    await_ready(worker)
    assert worker.stop() == 0


def test_server_that_comes_late_is_waited_for(api, start_worker, await_ready, address, wait):
    """A client keeps trying until its server's worker is there."""
    ip = address()
    await_ready(start_worker("client"))
    api.run()
    api.request("a", client="client", server="server", serverPodIP=ip, armTimeout=30)
    start_worker("server", ip=ip)
    wait(lambda: (side := api.status("a").server) and side.phase == "Armed", seconds=20)


def test_finished_request_is_not_run_again(orchestra, start_worker):
    """A worker that restarts leaves a request alone whose own side is final."""
    before = orchestra.run_to_the_end()
    assert orchestra.client.stop() == 0
    start_worker("client", ip=orchestra.client.ip)
    # Objects are seen in the order of their names: once this one is refused, the other has been seen.
    orchestra.request("b", duration=0)
    assert orchestra.settled("b").client.error.reason is Reason.REQUEST_REJECTED
    assert orchestra.api.status("a") == before


def test_restarted_worker_fails_what_it_had_begun(orchestra, start_worker):
    """A worker killed while a request was open comes back as another: the request is PodLost."""
    orchestra.request()
    orchestra.armed()
    orchestra.client.kill()
    start_worker("client", ip=orchestra.client.ip)
    status = orchestra.settled()
    assert status.client.error.reason is Reason.POD_LOST
    assert status.server.error.reason is Reason.PEER_FAILED
    assert status.error.reason is Reason.POD_LOST


def test_told_to_stop_ends_within_two_seconds(orchestra):
    """SIGTERM in flight: the tools are gone, the request is failed with the reason, the exit code is 0."""
    orchestra.set_running()
    tools = orchestra.server.tools()
    assert tools
    begun = time.monotonic()
    assert orchestra.server.stop() == 0
    assert time.monotonic() - begun < 2.0
    assert not any(map(runs, tools))
    status = orchestra.settled()
    assert status.server.error.reason is Reason.WORKER_STOPPED
    assert status.error.reason is Reason.WORKER_STOPPED
    assert not orchestra.client.tools()


def test_told_to_stop_without_an_api_server_ends_all_the_same(api, start_worker, await_ready):
    """A worker that cannot reach anybody still goes within its two seconds."""
    worker = start_worker("client")
    await_ready(worker)
    api.stop()
    begun = time.monotonic()
    assert worker.stop() == 0
    assert time.monotonic() - begun < 2.0
    api.start()


def test_killed_worker_takes_its_tools_along(orchestra, wait):
    """No tool outlives its worker, so that a port is free when the worker comes back."""
    orchestra.request()
    orchestra.armed()
    tools = orchestra.server.tools()
    assert tools
    orchestra.server.kill()
    wait(lambda: not any(map(runs, tools)), seconds=2)


def test_missing_tool_is_the_last_word(environment, address, tmp_path):
    """A worker without its tools ends at once, with one line that a pod shows as its message."""
    ended = run_to_its_end(environment("client", address(), PATH=str(tmp_path)))
    assert (ended.returncode, ended.stdout) == (78, "")
    iperf, siege = (
        f"{name} (apt-get install {name}; the worker's image has it)" for name in ("iperf", "siege")
    )
    assert ended.stderr == f"ToolMissing: not on the PATH: {iperf}, {siege}\n"


def test_unusable_environment_is_named(environment, address):
    """A wrong variable ends the worker with its name."""
    ended = run_to_its_end(environment("client", address(), KUBERNETES_SERVICE_PORT="many"))
    assert ended.returncode == 78
    assert ended.stderr.startswith("SettingsError: KUBERNETES_SERVICE_PORT: ")


def test_taken_port_is_said(start_worker, await_ready, environment):
    """A second worker at the same address cannot start, and says so."""
    first = start_worker("client")
    await_ready(first)
    ended = run_to_its_end(environment("other", first.ip))
    assert ended.returncode == 69
    assert ended.stderr.startswith("cannot start: ")


def test_a_worker_without_fortio_says_how_to_get_it(start_worker, tmp_path):
    """The reason, the name and the command, in the pod's termination message."""
    worker = start_worker("client", NETCADENCE_TOOLS="fortio", PATH=str(tmp_path))
    assert worker.ended(10) == 78
    said = worker.log.read_text()
    assert re.search(
        r"ToolMissing: not on the PATH: fortio \(go install fortio.org/fortio@v[\d.]+\)$", said, re.MULTILINE
    )
