"""Judge: the data first, then the thresholds."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from netcadence import judgement
from netcadence.judgement.court import Case
from netcadence.record import Judgement, RunRecord
from netcadence.sla import Requirement
from tasks.progress import listener
from tasks.step import step

#: What takes seconds of processor time must not meet the start of the traffic on one machine.
AFTER_START_S: Final = 1.0


def warm_up(after_s: float) -> None:
    """Load Great Expectations in the background in so many seconds, so that it hides behind the traffic."""
    timer = threading.Timer(after_s, judgement.preload)
    timer.daemon = True
    timer.start()


@step("judge")
def judge(
    record: RunRecord, requirements: Sequence[Requirement], home: Path, case: Case | None = None
) -> Judgement:
    """Return the verdict with its findings; Great Expectations' own results are kept below `home`.

    Args:
        case: The same, where somebody is at it already.
    """
    listener().step("judging")
    return (case.verdict() if case else None) or judgement.judge(record, requirements, home=home)
