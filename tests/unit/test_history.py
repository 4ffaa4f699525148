"""The list of runs as a terminal shows it, and as another program reads it."""

from __future__ import annotations

from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from flows import history

RUN = {
    "run_id": "20260131-033000-service-cluster-ip-http-abcd",
    "cluster": "lab",
    "scenario": "service-cluster-ip-http",
    "started_at": datetime(2026, 1, 31, 3, 30, tzinfo=UTC),
    "verdict": "INCONCLUSIVE",
    "planned_pairs": 50,
    "error_count": 2,
}


@pytest.mark.parametrize(
    ("width", "is_terminal", "time"),
    [(80, True, ""), (160, True, "2026-01-31 03:30:00"), (80, False, "2026-01-31 03:30:00")],
)
def test_nothing_of_a_run_is_cut_off_but_a_narrow_terminal_has_its_time_in_the_id_only(
    width, is_terminal, time
):
    console = Console(file=StringIO(), width=width, force_terminal=is_terminal, color_system=None)
    history.show([RUN], console)
    row = console.file.getvalue().splitlines()[1].split()
    assert row == [*time.split(), "lab", RUN["scenario"], "INCONCLUSIVE", "48/50", RUN["run_id"]]
