"""Load balancers' addresses on the nodes that answer there; no I/O.

Every node translates them, so that those who still send to the node that had one before are served.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping


def address_changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, list[str]]:
    """Return for each node the `ip` commands that lead from some announcers to others.

    Args:
        before: For each address the node that has it.
        after: For each address the node that is to have it.
    """
    lines: defaultdict[str, list[str]] = defaultdict(list)
    for address in {**before, **after}:
        former, node = before.get(address), after.get(address)
        if former == node:
            continue
        prefix = 128 if ":" in address else 32
        if former:
            lines[former].append(f"address delete {address}/{prefix} dev pods")
        if node:
            undoubted = " nodad" if ":" in address else ""
            lines[node].append(f"address add {address}/{prefix} dev pods{undoubted}")
    return dict(lines)
