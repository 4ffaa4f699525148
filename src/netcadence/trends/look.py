"""What a schedule asks for of the history; a parameter of a flow, hence a form in the Prefect UI."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from netcadence.lake.address import LakeAddress
from netcadence.trends.detection import LEAST_CHANGE


class Look(BaseModel):
    """Which runs are looked at, and what counts as a change; what is empty is not asked about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lake: LakeAddress = ""
    cluster: str = Field(default="", description="Only runs on this cluster.")
    scenario: str = Field(default="", description="Only runs of this scenario.")
    days: int = Field(default=0, ge=0, le=36_500, description="Only runs of so many days; 0 takes all.")
    nodes: bool = Field(default=True, description="Whether each node's own series are looked at besides.")
    least_change: float = Field(
        default=LEAST_CHANGE, gt=0, lt=1, description="The least relative change that counts, 0.05 being 5 %."
    )
