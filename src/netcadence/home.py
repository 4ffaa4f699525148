"""Where a checkout keeps what its runs leave behind."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

#: Environment variable that puts all of it somewhere else.
VARIABLE: Final = "NETCADENCE_HOME"


@dataclass(frozen=True, slots=True)
class Home:
    """One folder for the lake, the Data Docs, the reports and the Prefect server's database."""

    root: Path

    @classmethod
    def beside(cls, checkout: Path) -> Self:
        """Return the folder that NETCADENCE_HOME names, or `.netcadence` in the checkout."""
        return cls(Path(os.environ.get(VARIABLE) or checkout / ".netcadence").absolute())

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def prefect(self) -> Path:
        return self.root / "prefect"
