"""The nft table of a namespace's rules for Services, as a whole and from one state to the next; no I/O.

A change says only what is different: with fifty Services the whole table takes many times as long as one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from netcadence.embedded.network.forwards import FAMILIES, MASQUERADE, REFUSED, Rules

_TABLE: Final = "netcadence-services"
_TYPES: Final = {4: "ipv4_addr", 6: "ipv6_addr"}
_LOOPBACK: Final = {4: "127.0.0.1", 6: "::1"}


def script(version: int, before: Rules, after: Rules, *, node: bool) -> str:
    """Return the nft commands that lead from some rules to others, in the namespace of a node or of a pod."""
    if before and after:
        return _change(version, before, after)
    if after:
        return whole(version, after, node=node)
    return _nothing(version) if before else ""


def whole(version: int, rules: Rules, *, node: bool) -> str:
    """Return the commands that set these rules, whatever there was."""
    if not rules:
        return _nothing(version)
    lines = [*_frame(version, node=node)]
    lines += [f"chain {name} {{ {rule}; }}" for name, rule in rules.chains.items()]
    table = f"table {FAMILIES[version]} {_TABLE} {{\n" + "".join(f"{line}\n" for line in lines) + "}\n"
    return _nothing(version) + table + _elements(version, "add", rules.elements)


def _nothing(version: int) -> str:
    """What is added first can be deleted, whether it was there or not."""
    return "".join(f"{verb} table {FAMILIES[version]} {_TABLE}\n" for verb in ("add", "delete"))


def _change(version: int, before: Rules, after: Rules) -> str:
    table = f"{FAMILIES[version]} {_TABLE}"
    gone = before.chains.keys() - after.chains.keys()
    new = [name for name in after.chains if name not in before.chains]
    other = [name for name, rule in after.chains.items() if before.chains.get(name, rule) != rule]
    lines = [f"flush chain {table} {name}" for name in (*gone, *other)]
    lines += [f"delete chain {table} {name}" for name in gone]
    lines += [f"add chain {table} {name}" for name in new]
    lines += [
        f"add rule {table} {name} {part}"
        for name in (*new, *other)
        for part in after.chains[name].split("; ")
    ]
    return (
        _elements(version, "delete", before.elements - after.elements)
        + "".join(f"{line}\n" for line in lines)
        + _elements(version, "add", after.elements - before.elements)
    )


def _elements(version: int, verb: str, elements: Iterable[tuple[str, str]]) -> str:
    by_set: defaultdict[str, list[str]] = defaultdict(list)
    for name, element in elements:
        by_set[name].append(element)
    return "".join(
        f"{verb} element {FAMILIES[version]} {_TABLE} {name} {{ {', '.join(each)} }}\n"
        for name, each in by_set.items()
    )


def _frame(version: int, *, node: bool) -> list[str]:
    """Return what is there besides the Services: how packets come to their rules."""
    family, kind = FAMILIES[version], _TYPES[version]
    names = ("internal", "external") if node else ("internal",)
    lines = [f"set addresses {{ type {kind}; }}"]
    for name in names:
        lines.append(f"map {name} {{ type {kind} . inet_proto . inet_service : verdict; }}")
        lines.append(f"chain {name} {{ {family} daddr . meta l4proto . th dport vmap @{name}; }}")
    # What is not translated has no backend, or no such port. It is turned round first: a datagram that is
    # refused on its way out fails as not permitted, and as refused only on its way in.
    lines.append(f"chain turn {{ {family} daddr @addresses ct mark set {REFUSED} redirect; }}")
    turned = (
        f"{family} daddr {_LOOPBACK[version]} ct direction original ct original {family} daddr @addresses"
    )
    lines.append(f"chain refuse {{ type filter hook input priority 0; {turned} reject; }}")
    outward = "".join(f"jump {name}; " for name in names)
    lines.append(f"chain output {{ type nat hook output priority -100; {outward}jump turn; }}")
    if node:
        lines.append("chain prerouting { type nat hook prerouting priority -100; jump external; }")
        marked = f"meta mark and {MASQUERADE} == {MASQUERADE}"
        lines.append(f"chain postrouting {{ type nat hook postrouting priority 100; {marked} masquerade; }}")
    return lines
