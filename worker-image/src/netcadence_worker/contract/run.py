"""What all workers of a run watch."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from netcadence_worker.contract.names import MOST_ROUNDS
from netcadence_worker.contract.values import Instant, PodIP, PodName, RunID, Strict


class RoundStart(Strict):
    """The instant at which every client of a round starts, by the reference worker's clock."""

    round: Annotated[int, Field(ge=0, le=1_000_000)]
    at: Instant


class ClockReference(Strict):
    """The worker whose clock the run goes by."""

    pod_name: PodName
    pod_ip: PodIP = Field(alias="podIP")


class RunSpec(Strict):
    """What all workers of a run watch: publishing a round's start here is one write, seen by all."""

    run_id: RunID = Field(alias="runID")
    scenario: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9][a-z0-9.:-]*$")]
    reference: ClockReference | None = None
    starts: Annotated[tuple[RoundStart, ...], Field(max_length=MOST_ROUNDS)] = ()

    def start_of(self, round_: int) -> datetime | None:
        return next((start.at for start in self.starts if start.round == round_), None)
