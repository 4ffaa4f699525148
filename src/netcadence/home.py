"""Where a checkout keeps what its runs leave behind."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote, unquote

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
    def docs(self) -> Path:
        """Where Great Expectations' Data Docs are, a folder a run."""
        return self.root / "gx"

    @property
    def prefect(self) -> Path:
        return self.root / "prefect"

    @property
    def server_at(self) -> Path:
        """A file with the address of this home's Prefect server, where that is not the usual one."""
        return self.prefect / "server.url"

    @property
    def served_at(self) -> Path:
        """A file with the address at which reports and Data Docs are served, or were; locked meanwhile."""
        return self.prefect / "pages.url"

    @property
    def is_served(self) -> bool:
        """Whether reports and Data Docs are served at present."""
        try:
            with self.served_at.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            pass
        return False

    def link(self, address: str) -> str:
        """Return where a browser that shows another page finds a file of ours; another address as it is.

        Browsers follow no `file:` address from a page that was served.
        """
        file = Path(unquote(address.removeprefix("file://"))).resolve()
        ours = (folder.resolve() for folder in (self.reports, self.docs))
        if not address.startswith("file://") or set(file.parents).isdisjoint(ours) or not self.is_served:
            return address
        return f"{self.served_at.read_text()}/{quote(str(file.relative_to(self.root.resolve())))}"
