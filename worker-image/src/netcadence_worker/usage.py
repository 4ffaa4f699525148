"""What a tool's run cost its pod and its node: whether the generator, and not the network, was the limit.

Two looks, one shortly after the traffic's start and one at its end, and what was counted between them. The
tool's processor time comes from the kernel's account of its process, the node's from /proc/stat, which shows
the whole machine also within a container; throttling from the pod's own cgroup (version 2), where it has one
with a limit; segments and drops from the pod's network namespace. What cannot be seen is None, and never 0.
"""

from __future__ import annotations

import contextlib
import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from netcadence_worker.contract import ResourceUsage

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_STAT: Final = Path("/proc/stat")
_NETWORK: Final = Path("/proc/self/net")
#: Within a container with a cgroup namespace, as every pod has, the pod's own.
_CGROUP: Final = Path("/sys/fs/cgroup/cpu.stat")
#: Positions in /proc/stat: user nice system idle iowait irq softirq steal; guests are counted within user.
_NICE, _IDLE, _IOWAIT, _SOFTIRQ, _COUNTED = 1, 3, 4, 6, 8
#: Positions of what is counted as dropped among an interface's columns of /proc/net/dev, received and sent.
_DROPPED: Final = (3, 11)
#: A shorter time than this tells nothing: processor time is counted in hundredths.
_LEAST_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Look:
    """Counters at one instant; times in seconds since whenever.

    Attributes:
        at: By the monotonic clock.
        tool_s: Processor time of the tool.
        node_s: Time of all processors of the node, idle or not.
        node_idle_s: That of it in which they had nothing to do, or only what gives way to others (nice).
        throttled_s: How long the pod's processes were kept from running by its CPU limit.
        throttled_periods: In how many of the limit's periods that happened.
        retransmits: TCP segments sent again, of all that the pod sends.
        drops: Packets that the pod's interfaces have dropped, received or sent.
    """

    at: float
    tool_s: float
    node_s: float
    node_idle_s: float
    node_softirq_s: float
    throttled_s: float | None
    throttled_periods: int | None
    segments: int | None
    retransmits: int | None
    drops: int | None


def look(tool_s: float) -> Look | None:
    """Read all counters now; None where not even the processors' can be.

    Args:
        tool_s: Processor time that the tool has used.
    """
    try:
        words = _STAT.read_text().partition("\n")[0].split()[1:]
    except OSError:
        return None
    times = [int(word) / _TICKS for word in words[:_COUNTED]]
    cgroup, tcp = _pairs(_CGROUP), _tcp()
    throttled_us = cgroup.get("throttled_usec")
    return Look(
        at=time.monotonic(),
        tool_s=tool_s,
        node_s=sum(times),
        node_idle_s=times[_IDLE] + times[_IOWAIT] + (0 if _gives_way() else times[_NICE]),
        node_softirq_s=times[_SOFTIRQ],
        throttled_s=None if throttled_us is None else throttled_us / 1e6,
        throttled_periods=cgroup.get("nr_throttled"),
        segments=tcp.get("OutSegs"),
        retransmits=tcp.get("RetransSegs"),
        drops=_drops(),
    )


def between(first: Look | None, last: Look | None) -> ResourceUsage | None:
    """Return what was used between two looks; None where one is missing or they are too close to tell."""
    if first is None or last is None:
        return None
    seconds, node_s = last.at - first.at, last.node_s - first.node_s
    if seconds < _LEAST_S or node_s <= 0:
        return None
    idle_s = last.node_idle_s - first.node_idle_s
    softirq_s = last.node_softirq_s - first.node_softirq_s
    return ResourceUsage(
        seconds=round(seconds, 6),
        processors=os.cpu_count() or 1,
        tool_cpu=round(max(0.0, last.tool_s - first.tool_s) / seconds, 4),
        node_busy=_percent(node_s - idle_s, node_s),
        node_softirq=_percent(softirq_s, node_s),
        throttled=_difference(first.throttled_s, last.throttled_s),
        throttled_periods=_difference(first.throttled_periods, last.throttled_periods),
        segments_sent=_difference(first.segments, last.segments),
        retransmits=_difference(first.retransmits, last.retransmits),
        drops=_difference(first.drops, last.drops),
    )


def process_s(pid: int) -> float:
    """Return the processor time that a running process has used, all its threads together.

    Raises:
        OSError: It is gone.
    """
    # The name before it is in parentheses and may hold anything.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def own_s() -> float:
    """Return the processor time that this process has used."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def _gives_way() -> bool:
    """Tell whether this process, and so the tools that it starts, are among those that give way."""
    return os.getpriority(os.PRIO_PROCESS, 0) > 0


def _percent(part: float, whole: float) -> float:
    # The idle counters are not monotonic: iowait may fall.
    return round(min(max(100 * part / whole, 0.0), 100.0), 2)


def _difference(first: float | None, last: float | None) -> float | None:
    return None if first is None or last is None else max(last - first, 0)


def _pairs(file: Path) -> dict[str, int]:
    with contextlib.suppress(OSError):
        return {name: int(value) for name, value in map(str.split, file.read_text().splitlines())}
    return {}


def _tcp() -> dict[str, int]:
    with contextlib.suppress(OSError):
        lines = [line.split() for line in (_NETWORK / "snmp").read_text().splitlines()]
        names, values = (words[1:] for words in lines if words[0] == "Tcp:")
        return dict(zip(names, map(int, values), strict=True))
    return {}


def _drops() -> int | None:
    with contextlib.suppress(OSError):
        rows = [line.partition(":") for line in (_NETWORK / "dev").read_text().splitlines()[2:]]
        columns = [counters.split() for name, _, counters in rows if name.strip() != "lo"]
        if columns:
            return sum(int(each[position]) for each in columns for position in _DROPPED)
    return None
