"""What a schedule asks for of a lake's files; a parameter of a flow, hence a form in the Prefect UI."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from netcadence.errors import InvalidInputError
from netcadence.lake import retention
from netcadence.lake.address import LakeAddress


def _rules(keep: tuple[str, ...]) -> tuple[str, ...]:
    try:
        retention.parse(keep)
    except InvalidInputError as error:
        raise ValueError(str(error)) from error
    return keep


class Upkeep(BaseModel):
    """Which files are put together, and which are kept for how long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lake: LakeAddress = ""
    keep: Annotated[tuple[str, ...], AfterValidator(_rules)] = Field(
        default=(),
        description="How long tables are kept, such as `raw=90d`, `intervals=26w` or `results=3y`; those "
        "that are not named are kept for ever.",
    )
    older_than_days: int = Field(
        default=2, ge=2, le=36_500, description="Only runs that began so many days ago are put together."
    )
    keep_replaced_s: int = Field(
        default=0,
        ge=0,
        le=86_400,
        description="Seconds for which a file stays beside the one that replaces it, for readers of files.",
    )
