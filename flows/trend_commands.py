"""The command `netcadence trends`, and `netcadence trends accept`."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypedDict

import typer
from rich.console import Console

from flows import environment
from flows.display import Display
from flows.exit_code import of_trends
from flows.options import Json, LakeAddress
from flows.output import print_json
from netcadence.errors import InvalidInputError
from netcadence.statistics import Statistic
from netcadence_worker.metrics import METRICS

application = typer.Typer(
    help="Find changes of level in the lake's history, and accept those that are meant.",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Cluster = Annotated[str | None, typer.Option(metavar="NAME", help="Only this cluster.")]
ScenarioName = Annotated[str | None, typer.Option("--scenario", metavar="NAME", help="Only this scenario.")]
MetricName = Annotated[
    str | None,
    typer.Option("--metric", metavar="NAME", help="Only this metric; by default all that can be worse."),
]
Days = Annotated[
    int | None, typer.Option("--days", min=1, metavar="N", help="Only the last N days; by default all.")
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="DATE", help="Only runs from then on, such as 2026-03-01.")
]
Until = Annotated[
    str | None, typer.Option("--until", metavar="DATE", help="Only runs before; without a zone it is UTC.")
]


class Span(TypedDict):
    """From when on, and before when; None leaves it open."""

    since: datetime | None
    until: datetime | None


@application.callback(invoke_without_command=True)
def trends(
    invoked: typer.Context,
    *,
    cluster: Cluster = None,
    scenario_name: ScenarioName = None,
    metric: MetricName = None,
    statistic: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Over the pairs, such as Perc95; by default the median and the worse end."
        ),
    ] = None,
    path: Annotated[str | None, typer.Option(metavar="WAY", help="Only this path, such as pod-ip.")] = None,
    node: Annotated[str | None, typer.Option(metavar="NAME", help="Only what this node does.")] = None,
    nodes: Annotated[
        bool, typer.Option("--nodes/--no-nodes", help="Each node's own series besides; on by default.")
    ] = True,
    days: Days = None,
    since: Since = None,
    until: Until = None,
    least_change: Annotated[
        float,
        typer.Option(
            "--least-change", min=0.1, max=100, metavar="PERCENT", help="Smaller changes are not told."
        ),
    ] = 3.0,
    show_all: Annotated[bool, typer.Option("--all", help="Show steady series, too.")] = False,
    lake: LakeAddress = None,
    as_json: Json = False,
) -> None:
    """Say of each series of the lake what it did: when its level changed, by how much, and what changed then.

    Exit code 1 says that a level is worse than it was and nobody has accepted it, 4 that there are too few
    runs to tell.
    """
    if invoked.invoked_subcommand:
        return
    span = span_of(days=days, since=since, until=until)
    names: dict[str, Any] = {
        "cluster": cluster,
        "scenario": scenario_name,
        "metric": _metric(metric),
        "path": path,
        "node": node,
    }
    chosen = {"statistic": _statistic(statistic), "nodes": nodes}
    found = _survey(lake, names | chosen | span, least_change=least_change / 100)
    from netcadence.report.trends import trends_as_json, trends_table  # noqa: PLC0415 - as below

    if as_json:
        print_json(trends_as_json(found))
    else:
        Console().print(trends_table(found, show_all=show_all), highlight=False)
    raise typer.Exit(of_trends(found))


@application.command()
def accept(
    series: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", hidden=True)] = None,
    *,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why the new level is as it should be.")],
    by: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who accepts it; by default who is logged in.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that has regressed, of the cluster and scenario if given.")
    ] = False,
    cluster: Cluster = None,
    scenario_name: ScenarioName = None,
    lake: LakeAddress = None,
    as_json: Json = False,
) -> None:
    """Declare that the present level of a series is its new normal.

    ID is what `netcadence trends` shows beside the series. Who, when and why are kept in the lake, in the
    table accepted_levels. Another fall from the accepted level is a regression again.
    """
    if bool(series) == everything:
        raise InvalidInputError("trends accept: allowed: ids of series, or --all, and not both")
    found = _survey(lake, {"cluster": cluster, "scenario": scenario_name}, least_change=None)

    from netcadence.lake import Lake  # noqa: PLC0415 - imports pyarrow
    from netcadence.report.trends import accepted_sentence  # noqa: PLC0415 - as below
    from netcadence.trends import survey  # noqa: PLC0415 - likewise

    chosen = found.regressed if everything else [found.with_id(each) for each in dict.fromkeys(series or ())]
    if not chosen:
        raise InvalidInputError("trends accept --all: nothing has regressed; allowed: where something has")
    at = datetime.now(UTC).replace(microsecond=0)
    made = survey.accept(
        Lake(environment.lake(lake)), chosen, by=by or getpass.getuser(), reason=reason, at=at
    )
    if as_json:
        print_json([{"id": each.key.id, "level": each.level, "by": each.accepted_by} for each in made])
        return
    for each in made:
        Console().print(accepted_sentence(each), highlight=False, markup=False, soft_wrap=True)


def _survey(lake: str | None, query: dict[str, Any], *, least_change: float | None) -> Any:
    with Display(Console(stderr=True), "netcadence") as display:
        display.step("reading the lake")
        from netcadence.lake import Lake  # noqa: PLC0415 - imports pyarrow
        from netcadence.trends import survey  # noqa: PLC0415 - imports scipy and pandas
        from netcadence.trends.detection import LEAST_CHANGE  # noqa: PLC0415 - likewise
        from netcadence.trends.history import Query  # noqa: PLC0415 - likewise

        return survey.survey(
            Lake(environment.lake(lake)),
            Query(**query),
            made_at=datetime.now(UTC),
            least_change=LEAST_CHANGE if least_change is None else least_change,
        )


def span_of(*, days: int | None, since: str | None, until: str | None) -> Span:
    if days and (since or until):
        raise InvalidInputError("--days: allowed: that, or --since and --until")
    if days:
        return {"since": datetime.now(UTC) - timedelta(days=days), "until": None}
    return {"since": _instant(since, "--since"), "until": _instant(until, "--until")}


def _instant(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInputError(
            f"{option} {text}: allowed: a date or an instant, such as 2026-03-01 or 2026-03-01T02:00+01:00"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _metric(name: str | None) -> str | None:
    if name is not None and name not in METRICS:
        from netcadence.document import closest  # noqa: PLC0415 - for this refusal only

        hint = closest(name, METRICS)
        raise InvalidInputError(f"--metric {name}: unknown{hint}; allowed: {', '.join(METRICS)}")
    return name


def _statistic(name: str | None) -> Statistic | None:
    try:
        return Statistic.parse(name) if name else None
    except ValueError as error:
        raise InvalidInputError(f"--statistic {name}: {error}") from error
