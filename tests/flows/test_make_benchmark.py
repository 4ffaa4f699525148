"""README's first command, as it stands there: all shipped scenarios, and what is there to see of them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from flows.environment import CHECKOUT
from netcadence.embedded.state import ROOT_VARIABLE
from netcadence.home import VARIABLE
from netcadence.lake import Lake

SCENARIOS = ("tcp-1:1", "udp-1:1", "http-1:1", "tcp-50:50", "udp-50:50", "http-50:50")
#: The virtual environment that runs these tests is set up already: it must not be made anew underneath them.
MAKE = ("make", f"VENV={sys.prefix}", "-o", f"{sys.prefix}/.installed")

#: A hundred workers take both processors. It takes minutes, whichever test asks for it first.
pytestmark = [pytest.mark.alone, pytest.mark.timeout(540)]


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory, free_port):
    """An environment with a home, clusters and a Prefect server's address that nobody else uses."""
    folder = tmp_path_factory.mktemp("readme")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "GX_"))}
    return bare | {
        VARIABLE: str(folder / "home"),
        ROOT_VARIABLE: str(folder / "clusters"),
        "PREFECT_API_URL": f"http://127.0.0.1:{free_port()}/api",
    }


@pytest.fixture(scope="module")
def benchmark(surroundings):
    """What `make benchmark` printed; it leaves its Prefect server running, which is stopped at the end."""
    command = [*MAKE, "benchmark"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    try:
        with subprocess.Popen(
            command, cwd=CHECKOUT, env=surroundings, start_new_session=True, **pipes
        ) as process:
            try:
                out, err = process.communicate()
            except BaseException:  # the time is up: what make has started has to end, too
                os.killpg(process.pid, signal.SIGTERM)
                raise
        yield subprocess.CompletedProcess(command, process.returncode, out, err)
    finally:
        subprocess.run([*MAKE, "stop"], cwd=CHECKOUT, env=surroundings, check=True)


def addresses(benchmark, what):
    """Return what stands behind a word at the end of the output."""
    return re.findall(rf"^ *{what} +(\S+)$", benchmark.stdout, re.MULTILINE)


def test_make_benchmark_passes_on_this_machine(benchmark):
    """All shipped scenarios, the 100 workers of the large ones included."""
    assert benchmark.returncode == 0, benchmark.stdout[-6_000:] + benchmark.stderr[-3_000:]


def test_its_table_has_a_verdict_for_each_scenario(benchmark):
    for scenario in SCENARIOS:
        pairs = scenario.partition(":")[2]
        assert re.search(rf"^{scenario} +{pairs}/{pairs} .* PASS *$", benchmark.stdout, re.MULTILINE), (
            scenario
        )


def test_it_tells_its_progress(benchmark):
    for step in ("deploying", "waiting for", "arming", "traffic", "judging"):
        assert step in benchmark.stdout


def test_it_names_the_lake_that_holds_all_runs(benchmark, surroundings):
    (lake,) = addresses(benchmark, "lake")
    assert lake == f"{surroundings[VARIABLE]}/lake"
    runs = Lake(lake).runs()
    assert set(runs["scenario"]) == set(SCENARIOS)
    assert set(runs["verdict"]) == {"PASS"}


def test_it_names_a_page_of_data_docs_for_each_scenario(benchmark):
    pages = [Path(unquote(urlsplit(address).path)) for address in addresses(benchmark, "docs")]
    assert len(pages) == len(SCENARIOS)
    assert all(page.read_text().startswith("<!") for page in pages)


def test_it_names_pages_that_the_prefect_server_still_shows(benchmark):
    pages = addresses(benchmark, "flow")
    assert len(pages) == len(SCENARIOS)
    for page in pages:
        asked = urllib.request.Request(page, headers={"Accept": "text/html"})  # noqa: S310 - http, ours
        with urllib.request.urlopen(asked, timeout=10) as reply:  # noqa: S310 - likewise
            assert reply.status == 200


def test_make_stop_ends_the_server(benchmark, surroundings, processes_of):
    del benchmark
    assert processes_of(surroundings[VARIABLE])
    subprocess.run([*MAKE, "stop"], cwd=CHECKOUT, env=surroundings, check=True)
    assert processes_of(surroundings[VARIABLE]) == []
