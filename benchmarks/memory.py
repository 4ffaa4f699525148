"""How much memory and processor time processes take, read from /proc."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_EVERY_S = 0.5


@dataclass
class Peak:
    """The most memory that a set of processes took at once, in MB, shared pages counted once."""

    mb: float = 0.0
    processes: int = 0


@contextmanager
def peak_of(markers: tuple[bytes, ...]) -> Iterator[Peak]:
    """Sample the proportional set size of all processes whose command line holds one of `markers`."""
    peak, done = Peak(), threading.Event()

    def sample() -> None:
        while not done.wait(_EVERY_S):
            sizes = [pss_mb(pid) for pid in find(markers)]
            if sum(sizes) > peak.mb:
                peak.mb, peak.processes = sum(sizes), len(sizes)

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield peak
    finally:
        done.set()
        sampler.join()


def find(markers: tuple[bytes, ...]) -> list[int]:
    """Return the processes whose command line holds one of `markers`."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                command = (folder / "cmdline").read_bytes()
                if any(marker in command for marker in markers):
                    found.append(int(folder.name))
    return found


def pss_mb(pid: int) -> float:
    """Return a process's memory in MB, with its share of what it shares; 0 if it is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def resident_mb(pid: int) -> float:
    """Return a process's resident memory in MB, shared pages counted in full."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


def cpu_s(pid: int) -> float:
    """Return the processor seconds that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def environment(pid: int) -> dict[str, str]:
    """Return a process's environment."""
    with suppress(OSError):
        entries = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        return dict(entry.decode().split("=", 1) for entry in entries if b"=" in entry)
    return {}
