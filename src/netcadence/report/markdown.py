"""The verdict in Markdown, for a page."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final

from netcadence.record import Judgement, RunRecord, Verdict
from netcadence.report import content

_MEANINGFUL: Final = re.compile(r"([\\`*_{}\[\]<>#|~])")


def as_markdown(
    record: RunRecord,
    judgement: Judgement,
    *,
    lake: str = "",
    page: str = "",
    link: Callable[[str], str] = str,
) -> str:
    """Return a run's verdict as Markdown: a heading, the table, the notes, where its evidence is.

    Args:
        link: Returns where a browser finds a file, by its address.
    """
    facts = record.facts
    parts = [
        f"## {judgement.verdict}: {escaped(facts.scenario)} on {escaped(facts.cluster)}",
        f"{content.pairs(record)} pairs measured, started {facts.started_at:%Y-%m-%d %H:%M:%S} UTC",
        _table(record, judgement),
        "\n".join(_item(note) for note in content.notes(record, judgement)),
    ]
    addresses = (("Report", link(page)), ("Data Docs", link(judgement.docs)), ("Lake", lake))
    parts += [f"{what}: {address_as_markdown(address)}" for what, address in addresses if address]
    if "://" in lake:
        # Pages are files of the machine where the flow ran, such as a pod that is gone.
        parts.append(f"Report, made again anywhere: `netcadence report {facts.run_id} --lake '{lake}'`")
    return "\n\n".join(parts) + "\n"


def _table(record: RunRecord, judgement: Judgement) -> str:
    rows = (
        (
            escaped(row.metric),
            escaped(f"{row.value} ({row.interval})" if row.interval else row.value),
            escaped(row.threshold),
            verdict_as_markdown(row.verdict),
        )
        for row in content.rows(record, judgement)
    )
    return table_as_markdown(("Metric", "Value", "Threshold", "Verdict"), rows, numbers=(1, 2))


def table_as_markdown(
    headings: Sequence[str], rows: Iterable[Iterable[str]], *, numbers: Collection[int] = ()
) -> str:
    """Return a table.

    Args:
        rows: Their cells are Markdown already; see `escaped`.
        numbers: Positions of the columns that are set to the right.
    """
    lines = ["--:" if place in numbers else ":--" for place in range(len(headings))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (headings, lines, *rows))


def verdict_as_markdown(verdict: str) -> str:
    """Return a verdict; what is not green is bold."""
    return verdict if verdict == Verdict.PASS else f"**{verdict}**"


def _item(note: content.Note) -> str:
    first, *more = note.text.splitlines()
    lines = [f"- **{note.about}**: {escaped(first)}"]
    if more:
        # An indented block shows a tool's lines as they are.
        lines += ["", *(f"      {line}" for line in more)]
    return "\n".join(lines)


def address_as_markdown(address: str) -> str:
    """Return a link, or text to be copied where browsers follow none: that of a file, or a bucket."""
    return f"<{address}>" if re.match(r"https?://", address) else f"`{address}`"


def escaped(text: str) -> str:
    """Return text that Markdown takes as it is, in one line, as headings and cells of a table have to be."""
    return _MEANINGFUL.sub(r"\\\1", " ".join(text.splitlines()))
