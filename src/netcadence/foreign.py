"""What others have measured: figures that came into the lake as a file, not by a run of ours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ForeignFigure:
    """One figure, in the catalogue's unit.

    Attributes:
        statistic: What was taken over the pairs, such as `Perc50`; None where it is the only pair's value.
    """

    metric: str
    value: float
    statistic: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignRun:
    """A test of others, as far as its file tells.

    Attributes:
        run_id: Made of a hash of the file and its name, so that the same file is the same run.
        cluster: Where it was measured, which whoever imports it has to know.
        scenario: The name that the file gives to the test.
        started_at: The only time that the file has; PerfData carries that of its summary.
        ratio: How many clients and servers, in the words of the file.
        origin: Of which kind the file is, such as `perfdata`.
        source: Name of the file.
        path: The way, as `TrafficPath` has it; empty where the file does not tell.
    """

    run_id: str
    cluster: str
    scenario: str
    started_at: datetime
    protocol: str
    ratio: str
    origin: str
    source: str
    figures: tuple[ForeignFigure, ...]
    path: str = ""
    client_node: str = ""
    server_node: str = ""
