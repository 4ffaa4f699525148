"""Judge: the data first, then the thresholds."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from netcadence import judgement
from netcadence.record import Judgement, RunRecord
from netcadence.sla import Requirement
from tasks.progress import listener
from tasks.step import step

#: Loading it takes seconds of processor time, which on one machine must not meet the start of the traffic.
_AFTER_START_S: Final = 1.0


def warm_up(lead_s: float) -> float:
    """Load Great Expectations in the background, so that its seconds hide behind the traffic.

    Args:
        lead_s: Seconds from now until the traffic starts.

    Returns:
        Seconds from now until it is loaded: until then nothing is to take the processors.
    """
    after_s = lead_s + _AFTER_START_S
    timer = threading.Timer(after_s, judgement.preload)
    timer.daemon = True
    timer.start()
    return after_s


@step("judge")
def judge(record: RunRecord, requirements: Sequence[Requirement], home: Path) -> Judgement:
    """Return the verdict with its findings; Great Expectations' own results are kept below `home`."""
    listener().step("judging")
    return judgement.judge(record, requirements, home=home)
