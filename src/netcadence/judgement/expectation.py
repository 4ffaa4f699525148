"""What Great Expectations lacks: a statistic over the pairs, as thresholds name it, and its interval.

Its own quantiles interpolate, it has none for Perc05/Perc50, and it knows nothing of repeats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine import ExecutionEngine, PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnAggregateExpectation
from great_expectations.expectations.metrics import ColumnAggregateMetricProvider, column_aggregate_value
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.render import RenderedStringTemplateContent
from great_expectations.render.renderer.renderer import renderer

from netcadence.comparison import Comparison
from netcadence.confidence import (
    ConfidenceInterval,
    estimate,
    estimate_of_requests,
    interval_of,
    interval_of_requests,
)
from netcadence.statistics import Statistic
from netcadence_worker.metrics import METRICS

_METRIC = "column.netcadence_statistic"
_INTERVAL = "column.netcadence_interval"
_BOUNDS = ("min_value", "max_value", "strict_min", "strict_max")


def _unit(arguments: dict[str, Any]) -> str:
    metric, statistic = METRICS.get(arguments["column"]), Statistic.parse(arguments["statistic"])
    if statistic.merged_percent is not None:
        return " ms"
    return "" if metric is None or statistic.is_ratio else f" {metric.unit}"


def _taken(statistic: Statistic, values: list[Any]) -> float:
    """Take a statistic of a column's values: of figures, or of histograms."""
    return statistic.of(values) if statistic.merged_percent is None else statistic.of_histograms(values)


class ColumnStatistic(ColumnAggregateMetricProvider):  # type: ignore[misc] # the library is untyped for us
    """The statistic of a column's values that are not null; None where there are none."""

    metric_name = _METRIC
    value_keys = ("statistic",)

    @column_aggregate_value(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator] # as above
    def _pandas(cls, column: Any, statistic: str, **_: Any) -> float | None:  # noqa: N805 - the decorator's form
        values = column.dropna().tolist()
        return _taken(Statistic.parse(statistic), values) if values else None


class ColumnStatisticInterval(ColumnAggregateMetricProvider):  # type: ignore[misc] # as above
    """The estimate and interval of a column's statistic, from a table with the column `repeat`.

    Rows of no repeat are left out. None where a repeat lacks a figure, or there are too few of them.
    """

    metric_name = _INTERVAL
    value_keys = ("statistic", "seed")

    @metric_value(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator] # as above
    def _pandas(
        cls,  # noqa: N805 - the decorator's form
        execution_engine: PandasExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        metrics: dict[str, Any],  # noqa: ARG002 - likewise
        runtime_configuration: dict[str, Any],  # noqa: ARG002 - likewise
    ) -> dict[str, Any] | None:
        table, _, accessor = execution_engine.get_compute_domain(
            metric_domain_kwargs, domain_type=MetricDomainTypes.COLUMN
        )
        statistic, seed = Statistic.parse(metric_value_kwargs["statistic"]), metric_value_kwargs["seed"]
        judged = table[table["repeat"].notna()]
        groups = judged.sort_values("pair_index").groupby("repeat")[accessor["column"]]
        repeats = [figures.tolist() for _, figures in groups]
        if not repeats or judged[accessor["column"]].isna().any():
            return None
        is_merged = statistic.merged_percent is not None
        estimated, between = (
            (estimate_of_requests, interval_of_requests) if is_merged else (estimate, interval_of)
        )
        interval = between(repeats, statistic, seed=seed)
        if interval is None:
            return None
        return {"value": estimated(repeats, statistic), "interval": asdict(interval)}


class ExpectColumnStatisticToBeBetween(ColumnAggregateExpectation):  # type: ignore[misc] # as above
    """Expect a statistic of a column, such as Perc95, to lie between two bounds; a strict one is left out."""

    statistic: str
    min_value: float | None = None
    max_value: float | None = None
    strict_min: bool = False
    strict_max: bool = False

    metric_dependencies = (_METRIC,)
    success_keys = ("statistic", *_BOUNDS)
    args_keys: ClassVar[tuple[str, ...]] = ("column", "statistic", *_BOUNDS)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: ExecutionEngine | None = None,
    ) -> Any:
        return self._validate_metric_value_between(
            metric_name=_METRIC,
            metrics=metrics,
            runtime_configuration=runtime_configuration,
            execution_engine=execution_engine,
        )

    @classmethod
    @renderer(renderer_type="renderer.prescriptive")  # type: ignore[untyped-decorator] # as above
    def _prescriptive_renderer(
        cls, configuration: Any, runtime_configuration: dict[str, Any] | None = None, **_: Any
    ) -> list[RenderedStringTemplateContent]:
        return _said("$statistic of $column must be", configuration, runtime_configuration)


class ExpectColumnStatisticIntervalToBeBetween(ColumnAggregateExpectation):  # type: ignore[misc] # as above
    """Expect the whole interval of a statistic to lie on the right side of one bound.

    The result tells beside `observed_value`, the estimate, the `interval` itself, and whether it `straddles`
    the bound, so that nothing is shown either way.
    """

    statistic: str
    seed: int
    min_value: float | None = None
    max_value: float | None = None
    strict_min: bool = False
    strict_max: bool = False

    metric_dependencies = (_INTERVAL,)
    success_keys = ("statistic", "seed", *_BOUNDS)
    args_keys: ClassVar[tuple[str, ...]] = ("column", "statistic", "seed", *_BOUNDS)

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG002 - the base's signature
        execution_engine: ExecutionEngine | None = None,  # noqa: ARG002 - likewise
    ) -> Any:
        found: Mapping[str, Any] | None = metrics[_INTERVAL]
        if found is None:
            return {"success": False, "result": {"observed_value": None}}
        interval = ConfidenceInterval(**found["interval"])
        comparison = Comparison.AT_LEAST if self.max_value is None else Comparison.AT_MOST
        threshold = self.min_value if comparison.is_floor else self.max_value
        if self.strict_min or self.strict_max:
            comparison = comparison.strictly
        met = interval.reaches(float(threshold or 0), comparison)
        result = {
            "observed_value": found["value"],
            "interval": dict(found["interval"]),
            "straddles": met is None,
        }
        return {"success": bool(met), "result": result}

    @classmethod
    @renderer(renderer_type="renderer.prescriptive")  # type: ignore[untyped-decorator] # as above
    def _prescriptive_renderer(
        cls, configuration: Any, runtime_configuration: dict[str, Any] | None = None, **_: Any
    ) -> list[RenderedStringTemplateContent]:
        return _said(
            "All of the interval of $statistic of $column must be", configuration, runtime_configuration
        )

    @classmethod
    @renderer(renderer_type="renderer.diagnostic.observed_value")  # type: ignore[untyped-decorator] # as above
    def _observed_value_renderer(cls, result: Any = None, **_: Any) -> str:
        found = result.result
        if not found.get("interval"):
            return "--"
        interval = ConfidenceInterval(**found["interval"])
        return (
            f"{found['observed_value']:,.6g}, {interval.level:.0%} interval "
            f"{interval.low:,.6g} to {interval.high:,.6g} "
            f"({interval.repeats} repeats of {interval.pairs} pairs, seed {interval.seed})"
        )


def _said(
    beginning: str, configuration: Any, runtime_configuration: dict[str, Any] | None
) -> list[RenderedStringTemplateContent]:
    """Return what is expected, in words."""
    asked = " and ".join(
        f"{strictly if configuration.kwargs.get(f'strict_{side}') else words} ${side}_value"
        for side, words, strictly in (("min", "at least", "more than"), ("max", "at most", "less than"))
        if f"{side}_value" in configuration.kwargs
    )
    template = {
        "template": f"{beginning} {asked}{_unit(configuration.kwargs)}.",
        "params": dict(configuration.kwargs),
        "styling": (runtime_configuration or {}).get("styling"),
    }
    return [RenderedStringTemplateContent(content_block_type="string_template", string_template=template)]
