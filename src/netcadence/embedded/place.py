"""Where on the machine a process runs: the kernel's namespaces that it is started into."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Place:
    """Files of namespaces; None where it is the one of whoever starts the process.

    Attributes:
        network: Which interfaces, addresses and ports there are.
        mounts: Which files there are.
    """

    network: Path | None = None
    mounts: Path | None = None

    def command(self, argv: Sequence[str], directory: Path | None = None) -> tuple[str, ...]:
        """Return a command line that runs another one here.

        Args:
            directory: Where that is to run, which the way into other mounts forgets.
        """
        options = [f"--net={self.network}"] if self.network else []
        if self.mounts:
            env = shutil.which("env") or "env"  # a container's own PATH need not lead there
            argv = [env, "-C", str(directory or "/"), *argv]
            options.append(f"--mount={self.mounts}")
        return ("nsenter", *options, "--", *argv) if options else tuple(argv)
