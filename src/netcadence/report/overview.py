"""The page that says which clusters are green tonight."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Final

from netcadence.record import GRAVITY, Verdict
from netcadence.report.markdown import escaped, table_as_markdown, verdict_as_markdown
from netcadence.tonight import NIGHT, Judged, Tonight
from netcadence.words import counted

#: Clusters that the heading names; the page has all.
_NAMED: Final = 5


def overview_as_markdown(nights: Collection[Tonight], *, now: datetime) -> str:
    """Return the page: how many are green, which are not, a row a cluster, what was measured there."""
    span = f"{NIGHT.total_seconds() / 3600:.0f} hours until {now.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    parts = [
        f"## {_in_words(nights)}",
        f"The {span}. A cluster is green where all that was measured on it passed.",
        table_as_markdown(
            ("Cluster", "Tonight", "Passed", "Last run (UTC)"), map(_cluster_row, nights), numbers=(2,)
        ),
    ]
    for night in nights:
        if night.judged:
            headings = ("Measured", "Passed", "Gravest", "Run that came to it", "Last verdict")
            table = table_as_markdown(headings, _name_rows(night), numbers=(1,))
            parts += [f"### {escaped(night.cluster)}", table]
    return "\n\n".join(parts) + "\n"


def _in_words(nights: Collection[Tonight]) -> str:
    others = [
        f"**{escaped(each.cluster)}** {each.verdict or 'no run'}" for each in nights if not each.is_green
    ]
    more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
    return f"{_green(nights)}; not: {', '.join(others[:_NAMED])}{more}" if others else _green(nights)


def _green(nights: Collection[Tonight]) -> str:
    return f"{sum(each.is_green for each in nights)} of {counted(len(nights), 'cluster')} green"


def _cluster_row(night: Tonight) -> tuple[str, ...]:
    word = verdict_as_markdown(night.verdict) if night.verdict else "**no run**"
    last = f"{night.last.astimezone(UTC):%Y-%m-%d %H:%M}" if night.last else "never"
    return escaped(night.cluster), word, _passed(night.judged), last


def _name_rows(night: Tonight) -> Iterator[tuple[str, ...]]:
    for name in sorted({each.name for each in night.judged}):
        own = [each for each in night.judged if each.name == name]
        # Of several that are as grave it is the last; `own` has the oldest first.
        gravest = min(reversed(own), key=lambda each: GRAVITY.index(each.verdict))
        worst, last = verdict_as_markdown(gravest.verdict), verdict_as_markdown(own[-1].verdict)
        yield escaped(name), _passed(own), worst, escaped(gravest.run_id), last


def _passed(judged: Collection[Judged]) -> str:
    return f"{sum(each.verdict is Verdict.PASS for each in judged)} of {len(judged)}"
