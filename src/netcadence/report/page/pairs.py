"""The pairs of a run, drawn: their figures sorted, their course by the second, and when they started."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from netcadence.comparison import Comparison
from netcadence.record import Finding, Judgement, PairOutcome, RunRecord
from netcadence.report import content
from netcadence.report.figures import figure, limit
from netcadence.report.page.chart import Chart, Rule, Shape, Table, area, bar, dot, level, line
from netcadence.report.page.scale import LENGTH, Scale, Tick
from netcadence.statistics import PERC50, nearest_rank
from netcadence.words import counted
from netcadence_worker.contract import Interval
from netcadence_worker.metrics import METRICS, Metric

#: Fewer figures are in the table of verdicts already.
_LEAST_FIGURES: Final = 3
#: More bars than that are one outline.
_MOST_BARS: Final = 150
#: More lines than that are a band.
_MOST_LINES: Final = 60
_MOST_POINTS: Final = 600
#: A threshold that is so many times off is said, but not drawn, for the figures would be flat.
_FAR: Final = 3.0
#: Shown of each pair where nothing is judged, the most telling first, and how many of them.
_UNASKED: Final = (
    "throughput",
    "throughput_reverse",
    "packet_loss",
    "jitter",
    "round_trip_avg",
    "response_time",
    "request_latency_p50",
    "request_latency_p99",
    "request_rate",
    "effect_after",
)
_MOST_UNASKED: Final = 3
#: Drawn by the second, the most telling first, where the tool tells them.
_BY_SECOND: Final = ("throughput", "request_rate", "packet_loss", "jitter", "tcp_retransmits")
_MOST_BY_SECOND: Final = 2


def name_of(outcome: PairOutcome) -> str:
    """Return what a pair is called, such as `pair 3, node-1 → node-2`."""
    client, server = outcome.pair.client.node, outcome.pair.server.node
    return f"pair {outcome.pair.index}{f', {client} → {server}' if client and server else ''}"


def judged_by(judgement: Judgement) -> dict[str, Finding]:
    """Return the thresholds over the pairs by metric, the first one of each."""
    found: dict[str, Finding] = {}
    for finding in judgement.findings:
        if finding.suite == "sla" and finding.metric in METRICS and "/" not in finding.statistic:
            found.setdefault(finding.metric, finding)
    return found


def shown(record: RunRecord, judgement: Judgement) -> dict[str, Finding | None]:
    """Return the metrics that are shown of each pair: what is judged, or where nothing is what tells most."""
    known = [name for name in _UNASKED if any(each.value(name) is not None for each in record.judged)]
    return {**judged_by(judgement)} or dict.fromkeys(known[:_MOST_UNASKED])


def sorted_pairs(record: RunRecord, judgement: Judgement) -> Iterator[Chart]:
    """Yield, for each metric that is shown, what each pair came to, from the least to the most."""
    for name, finding in shown(record, judgement).items():
        told = [(value, each) for each in record.judged if (value := each.value(name)) is not None]
        # What is the same for all is in the table of verdicts, too.
        if len(told) >= _LEAST_FIGURES and len({value for value, _ in told}) > 1:
            yield _sorted(METRICS[name], finding, told, len(record.judged))


def _sorted(
    metric: Metric, finding: Finding | None, told: Sequence[tuple[float, PairOutcome]], planned: int
) -> Chart:
    ordered = sorted(told, key=lambda entry: (entry[0], entry[1].pair.index))
    values = [value for value, _ in ordered]
    threshold = finding.threshold if finding else None
    near = [threshold] if threshold is not None and threshold <= max(values) * _FAR else []
    scale = Scale.around([*values, *near], from_zero=True)
    words = [figure(value, metric.unit) for value in values]
    bad = [_misses(value, finding) for value in values]
    rules = []
    if finding and threshold is not None:
        rules.append(level(scale, threshold, limit(finding.comparison, threshold)))
    columns = {
        "Pair": [str(each.pair.index) for _, each in ordered],
        metric.title: words,
        "Threshold": ["beyond" if missed else "" for missed in bad],
        "Client's node": [each.pair.client.node for _, each in ordered],
        "Server's node": [each.pair.server.node for _, each in ordered],
    }
    return Chart(
        name=f"pairs-{metric.name}",
        title=f"{metric.title}, pair by pair",
        said=_of_pairs(metric, values, bad, planned, finding),
        x="Pairs, sorted",
        y=metric.unit,
        x_ticks=(),
        y_ticks=scale.ticks(),
        shapes=tuple(_bars(ordered, scale, words, bad)),
        table=Table.of_columns(
            f"{metric.title}, pair by pair, in {metric.unit}", columns, numbers=("Pair", metric.title)
        ),
        rules=tuple(rules),
        legend=(("bar bad", "beyond the threshold"),) if any(bad) else (),
    )


def _misses(value: float, finding: Finding | None) -> bool:
    if finding is None or finding.threshold is None:
        return False
    return not Comparison(finding.comparison).holds(value, finding.threshold)


def _of_pairs(
    metric: Metric, values: Sequence[float], bad: Sequence[bool], planned: int, finding: Finding | None
) -> str:
    low, middle, high = (figure(each, metric.unit) for each in (values[0], PERC50.of(values), values[-1]))
    said = [f"From {low} to {high} over {counted(len(values), 'pair')}, median {middle}."]
    if planned > len(values):
        missing = planned - len(values)
        said.append(f"{missing} of {planned} pairs {'has' if missing == 1 else 'have'} no figure.")
    if finding and any(bad):
        which = f"{sum(bad)} of them are" if sum(bad) > 1 else "One of them is"
        wanted = limit(finding.comparison, finding.threshold, metric.unit)
        said.append(f"{which} beyond the threshold, {wanted}, which is one for {finding.statistic}.")
    return " ".join(said)


def _bars(
    ordered: Sequence[tuple[float, PairOutcome]], scale: Scale, words: Sequence[str], bad: Sequence[bool]
) -> Iterator[Shape]:
    count, zero = len(ordered), scale.at(0.0)
    if count > _MOST_BARS:
        places = sorted({round(number * (count - 1) / _MOST_POINTS) for number in range(_MOST_POINTS + 1)})
        points = [(round(place * LENGTH / (count - 1)), scale.at(ordered[place][0])) for place in places]
        yield Shape(area([(0, zero), (LENGTH, zero)], points), "band")
        yield Shape(line(points), "line strong")
        return
    width = LENGTH / count
    for place, ((value, outcome), word, missed) in enumerate(zip(ordered, words, bad, strict=True)):
        left, right = round((place + 0.12) * width), round((place + 0.88) * width)
        top = scale.at(value)
        yield Shape(bar(left, right, top), f"bar{' bad' if missed else ''}", f"{name_of(outcome)}: {word}")


def by_second(record: RunRecord) -> Iterator[Chart]:
    """Yield the course of the pairs, each from the published start of its round, as far as tools tell it."""
    named = {
        name
        for outcome in record.judged
        for each in outcome.intervals
        for name, value in each.values.items()
        # A loss of nothing from first to last is no plot.
        if value or name == _BY_SECOND[0]
    }
    wanted = [name for name in _BY_SECOND if name in named][:_MOST_BY_SECOND]
    for name in wanted:
        courses = {
            number: points
            for number, outcome in enumerate(record.judged)
            if len(points := _course(outcome, name)) > 1
        }
        if courses:
            yield _seconds(METRICS[name], courses, record.judged)


def _course(outcome: PairOutcome, metric: str) -> list[tuple[float, float]]:
    """Return instants, in seconds from the published start, each with the figure of the time around it."""
    offset = outcome.start_offset_s or 0.0
    parts = [each for each in outcome.intervals if metric in each.values]
    return [(offset + (each.start + each.end) / 2, each.values[metric]) for each in _whole(parts)]


def _whole(parts: Sequence[Interval]) -> Sequence[Interval]:
    """Leave out what a tool tells of the last moment, where it is a splinter of a second."""
    if len(parts) > 1 and parts[-1].end - parts[-1].start < (parts[0].end - parts[0].start) / 2:
        return parts[:-1]
    return parts


def _seconds(
    metric: Metric, courses: dict[int, list[tuple[float, float]]], outcomes: Sequence[PairOutcome]
) -> Chart:
    steps = defaultdict[int, list[float]](list)
    for points in courses.values():
        for at, value in points:
            steps[int(at)].append(value)
    everywhere = {second: PERC50.of(values) for second, values in sorted(steps.items())}
    # A median of the few that end later than the others says nothing of all.
    enough = len(courses) / 2
    medians = {at: median for at, median in everywhere.items() if len(steps[at]) >= enough} or everywhere
    starts = [each.start_offset_s for each in outcomes if each.start_offset_s is not None]
    everything = [point for points in courses.values() for point in points]
    y = Scale.around((value for _, value in everything), from_zero=metric.lowest >= 0)
    x = Scale.within([*(at for at, _ in everything), 0.0, *starts])
    shapes = [*_band(steps, x, y)] if len(courses) > _MOST_LINES else [*_lines(courses, outcomes, x, y)]
    if len(courses) > 1:
        middle = [(x.at(second + 0.5), y.at(value)) for second, value in medians.items()]
        shapes.append(Shape(line(middle), "line strong", "median of the pairs"))
    shapes += [Shape(f"M{x.at(each)} {LENGTH}v-60", "start") for each in sorted(set(starts))[:_MOST_POINTS]]
    return Chart(
        name=f"seconds-{metric.name}",
        title=f"{metric.title} by the second",
        said=_of_seconds(metric, medians, len(courses)),
        x="Seconds from the published start",
        y=metric.unit,
        x_ticks=x.ticks(),
        y_ticks=y.ticks(),
        shapes=tuple(shapes),
        table=_table_of_seconds(metric, steps),
        rules=(Rule(x.percent(0.0), "start", "zero", is_upright=True),),
        legend=_legend(len(courses), bool(starts)),
    )


def _legend(courses: int, has_starts: bool) -> tuple[tuple[str, str], ...]:  # noqa: FBT001 - a private word
    if courses == 1:
        entries = [("line only", "the pair")]
    else:
        all_ = ("line", "a pair") if courses <= _MOST_LINES else ("band", "9 of 10 pairs")
        entries = [all_, ("line strong", "median")]
    return (*entries, *([("start", "where each pair started")] if has_starts else []))


def _lines(
    courses: dict[int, list[tuple[float, float]]], outcomes: Sequence[PairOutcome], x: Scale, y: Scale
) -> Iterator[Shape]:
    kind = "line" if len(courses) > 1 else "line only"
    for number, points in courses.items():
        yield Shape(line([(x.at(at), y.at(value)) for at, value in points]), kind, name_of(outcomes[number]))


def _band(steps: dict[int, list[float]], x: Scale, y: Scale) -> Iterator[Shape]:
    ends = {
        percent: [
            (x.at(second + 0.5), y.at(nearest_rank(values, percent)))
            for second, values in sorted(steps.items())
        ]
        for percent in (5, 95)
    }
    yield Shape(area(ends[5], ends[95]), "band")


def _of_seconds(metric: Metric, medians: dict[int, float], pairs: int) -> str:
    low, high = min(medians, key=medians.__getitem__), max(medians, key=medians.__getitem__)
    of_what = f"The median of {counted(pairs, 'pair')}" if pairs > 1 else "The pair"
    if medians[low] == medians[high]:
        return f"{of_what} stays at {figure(medians[low], metric.unit)}."
    return (
        f"{of_what} goes from {figure(medians[low], metric.unit)} in second {low + 1} "
        f"to {figure(medians[high], metric.unit)} in second {high + 1}."
    )


def _table_of_seconds(metric: Metric, steps: dict[int, list[float]]) -> Table:
    rows = []
    for second, values in sorted(steps.items()):
        shares = (
            min(values),
            nearest_rank(values, 5),
            PERC50.of(values),
            nearest_rank(values, 95),
            max(values),
        )
        rows.append((str(second + 1), str(len(values)), *map(figure, shares)))
    headings = ("Second", "Figures", "Least", "Perc05", "Median", "Perc95", "Most")
    return Table.of(f"{metric.title} by the second, in {metric.unit}", headings, rows, numbers=range(7))


def starts(record: RunRecord) -> Iterator[Chart]:
    """Yield how far from the published start each pair really started, where there are several."""
    known = [
        (each.start_offset_s * 1000, each) for each in record.outcomes if each.start_offset_s is not None
    ]
    if len(known) < _LEAST_FIGURES:
        return
    ordered = sorted(known, key=lambda entry: (entry[0], entry[1].pair.index))
    values = [value for value, _ in ordered]
    bound = record.facts.skew_bound_ms
    near = [bound] if bound <= max(map(abs, values)) * _FAR else []
    x = Scale.around([0.0, *values, *near], from_zero=True)
    step = max(len(ordered) // _MOST_POINTS, 1)
    shapes = tuple(
        Shape(
            dot(x.at(value), round((place + 0.5) * LENGTH / len(ordered))),
            "dot",
            f"{name_of(outcome)}: {figure(value, 'ms')}",
        )
        for place, (value, outcome) in enumerate(ordered)
        if place % step == 0 or place == len(ordered) - 1
    )
    rules = [Rule(x.percent(0.0), "start", "zero", is_upright=True)]
    if near:
        rules.append(Rule(x.percent(bound), f"p99 {limit('<=', bound, 'ms')}", is_upright=True))
    yield Chart(
        name="starts",
        title="When each pair really started",
        said=(
            f"From {figure(values[0], 'ms')} to {figure(values[-1], 'ms')} after the published start; "
            f"{limit('<=', bound, 'ms')} is asked of the 99th percentile of the distances."
        ),
        x="Milliseconds after the published start",
        y="Pairs, sorted",
        x_ticks=x.ticks(),
        y_ticks=(Tick(0.0, "1"), Tick(100.0, f"{len(ordered):,}")),
        shapes=shapes,
        table=Table.of(
            "How far from the published start each pair started, in ms",
            ("Pair", "Client's node", "After"),
            [(str(each.pair.index), each.pair.client.node, figure(value)) for value, each in ordered],
            numbers=(0, 2),
        ),
        rules=tuple(rules),
    )


def table_of_pairs(record: RunRecord, judgement: Judgement) -> Table:
    """Return every pair with its figures, or the reason why it has none; what failed stands first."""
    metrics = {f"{METRICS[name].title}, {METRICS[name].unit}": name for name in shown(record, judgement)}
    ordered = sorted(record.outcomes, key=lambda each: (each.error is None, each.pair.index))
    columns = {
        "Pair": [str(each.pair.index) for each in ordered],
        **{heading: [figure(each.value(name)) for each in ordered] for heading, name in metrics.items()},
        "Client's node": [each.pair.client.node for each in ordered],
        "Server's node": [each.pair.server.node for each in ordered],
        "Remarks": [_remarks(each) for each in ordered],
        "Client's pod": [each.pair.client.name for each in ordered],
        "Server's pod": [each.pair.server.name for each in ordered],
    }
    return Table.of_columns("All pairs, those without a figure first", columns, numbers=("Pair", *metrics))


def _remarks(outcome: PairOutcome) -> str:
    if outcome.error:
        message = " ".join(content.readable(outcome.error.message).split())
        return f"{outcome.error.reason}: {message}"
    return ", ".join([*map(str, outcome.marks), *([outcome.limit] if outcome.limit else [])])
