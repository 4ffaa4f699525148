"""Profiles: the checks that a network has to pass, as a person writes them. One YAML file each."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, field_validator

from netcadence import document
from netcadence.sla import Thresholds

#: What holds where no other profile is named.
DEFAULT: Final = Path(__file__).resolve().parents[3] / "expectations" / "acceptance.yaml"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Level(enum.StrEnum):
    """What follows where a check does not pass.

    A required one keeps the network from being accepted. A recommended one warns, and counts like a required
    one where the profile is strict, unless it is not applicable. An optional one informs, strict or not.
    """

    REQUIRED = "required"
    RECOMMENDED = "recommended"
    OPTIONAL = "optional"


class Check(_Strict):
    """One check.

    Attributes:
        name: Identifier in results, unique in its profile.
        title: What it looks at, for people.
        scenario: What is measured: the name of a shipped scenario, or a YAML file, beside the profile unless
            its path is absolute. Checks of the same scenario with the same changes share one measurement.
        changes: Fields of the scenario that are other than there, such as `duration_s`; `with` in the file.
        thresholds: What is asked, in the words of an SLA; by default what the default SLA asks.
    """

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9][a-z0-9.:-]*$")]
    title: Annotated[str, Field(min_length=1, max_length=60)]
    level: Level
    scenario: Annotated[str, Field(min_length=1)]
    changes: Annotated[dict[str, Any], Field(alias="with")] = {}
    thresholds: Thresholds | None = None


class Profile(_Strict):
    """What is asked of a network.

    Attributes:
        name: Identifier in results.
        strict: Whether recommended checks count like required ones.
        canary: Whether a measurement with a planted cap has to fail, which proves that the alarm works.
        changes: Changes of all scenarios, such as the workers' image; `with` in the file.
        checks: In the order in which they are reported.
    """

    name: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9][a-z0-9.:-]*$")] = "acceptance"
    strict: bool = False
    canary: bool = False
    changes: Annotated[dict[str, Any], Field(alias="with")] = {}
    checks: Annotated[tuple[Check, ...], Field(min_length=1)]

    @field_validator("checks")
    @classmethod
    def _can_be_told_apart(cls, checks: Sequence[Check]) -> Sequence[Check]:
        seen: dict[str, int] = {}
        for position, check in enumerate(checks):
            if check.name in seen:
                message = f"is the name of checks.{seen[check.name]} already; allowed: one that no other has"
                raise document.RefusalError(f"{position}.name", check.name, message)
            seen[check.name] = position
        return checks

    @field_validator("checks")
    @classmethod
    def _can_refuse(cls, checks: Sequence[Check]) -> Sequence[Check]:
        if all(check.level is not Level.REQUIRED for check in checks):
            message = f"none is {Level.REQUIRED}, so that any network passed; allowed: at least one"
            raise document.RefusalError("level", None, message)
        return checks


def load(path: str | Path) -> Profile:
    """Read a profile from a YAML file; `programme.of` says whether its scenarios can be measured.

    Raises:
        InvalidInputError: The file is no profile; the text names file, field, value and what is allowed.
    """
    return document.read(Path(path), Profile)
