"""How long single requests took, drawn: a distribution over a logarithmic axis, with its percentiles."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from netcadence.record import RunRecord
from netcadence.report.figures import figure
from netcadence.report.page.chart import Chart, Rule, Shape, Table, bar
from netcadence.report.page.scale import LENGTH, Scale
from netcadence.words import counted
from netcadence_worker.histogram import NS_PER_MS, Histogram

#: Bars of a distribution, however fine the tool's own buckets are.
_BARS: Final = 40
_PERCENTS: Final = (50.0, 90.0, 99.0, 99.9)
_TABLE: Final = (0.0, 10.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0)
#: A latency of nothing has no place on a logarithmic axis.
_LEAST_MS: Final = 1e-3


def distribution(record: RunRecord) -> Iterator[Chart]:
    """Yield the distribution of all requests of all pairs, where single ones were counted."""
    histograms = [outcome.latencies for outcome in record.judged if outcome.latencies]
    if not histograms:
        return
    whole = Histogram.merged(histograms)
    least, most = max(whole.least_ms, _LEAST_MS), max(whole.most_ms, _LEAST_MS)
    x = Scale.logarithmic(least * 0.95, most * 1.05)
    shares = [count / whole.count * 100 for count in _rebinned(whole, x)]
    y = Scale.around([0.0, max(shares)], from_zero=True)
    known = {percent: whole.percentile_ms(percent) for percent in _PERCENTS}
    told = ", ".join(f"p{percent:g} {figure(value, 'ms')}" for percent, value in known.items())
    yield Chart(
        name="latencies",
        title="How long requests took",
        said=(
            f"{told}, most {figure(whole.most_ms, 'ms')}, "
            f"of {whole.count:,} requests in {counted(len(histograms), 'pair')}."
        ),
        x="Milliseconds, logarithmic",
        y="% of requests",
        x_ticks=x.ticks(),
        y_ticks=y.ticks(),
        shapes=tuple(_bars(shares, x, y)),
        table=Table.of(
            "Latencies that so many per cent of the requests do not exceed, in ms",
            ("Per cent of requests", "Latency"),
            [(f"{percent:g}", figure(whole.percentile_ms(percent))) for percent in _TABLE],
            numbers=(0, 1),
        ),
        rules=tuple(
            Rule(x.percent(value), f"p{percent:g}", "percentile", is_upright=True)
            for percent, value in known.items()
        ),
    )


def _rebinned(whole: Histogram, x: Scale) -> list[float]:
    """Deal the buckets out to bars of one width; one that spans several is spread over them evenly."""
    counts = [0.0] * _BARS
    for bucket in whole.buckets:
        low = max(bucket.over_ns / NS_PER_MS, whole.least_ms, _LEAST_MS)
        high = max(min(bucket.up_to_ns / NS_PER_MS, whole.most_ms), low)
        first, last = _place(low, x), _place(high, x)
        for place in range(first, last + 1):
            counts[place] += bucket.count / (last - first + 1)
    return counts


def _place(value: float, x: Scale) -> int:
    share = math.log(value / x.low) / math.log(x.high / x.low)
    return min(max(int(share * _BARS), 0), _BARS - 1)


def _bars(shares: list[float], x: Scale, y: Scale) -> Iterator[Shape]:
    width = LENGTH / _BARS
    for place, share in enumerate(shares):
        if share:
            ends = [x.low * (x.high / x.low) ** ((place + more) / _BARS) for more in (0, 1)]
            said = f"{figure(ends[0])} to {figure(ends[1], 'ms')}: {figure(share, '%')} of requests"
            left, right = round((place + 0.06) * width), round((place + 0.94) * width)
            # The rarest are seen too.
            yield Shape(bar(left, right, max(y.at(share), 4)), "bar", said)
