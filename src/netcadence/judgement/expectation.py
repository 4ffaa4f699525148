"""The one expectation that Great Expectations lacks: a statistic over the pairs, as thresholds name it.

Its own quantiles interpolate, and it has none for Perc05/Perc50.
"""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.execution_engine import ExecutionEngine, PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnAggregateExpectation
from great_expectations.expectations.metrics import ColumnAggregateMetricProvider, column_aggregate_value
from great_expectations.render import RenderedStringTemplateContent
from great_expectations.render.renderer.renderer import renderer

from netcadence.statistics import Statistic
from netcadence_worker.metrics import METRICS

_METRIC = "column.netcadence_statistic"


def _unit(arguments: dict[str, Any]) -> str:
    metric = METRICS.get(arguments["column"])
    return "" if metric is None or Statistic.parse(arguments["statistic"]).is_ratio else f" {metric.unit}"


class ColumnStatistic(ColumnAggregateMetricProvider):  # type: ignore[misc] # the library is untyped for us
    """The statistic of a column's values that are not null; None where there are none."""

    metric_name = _METRIC
    value_keys = ("statistic",)

    @column_aggregate_value(engine=PandasExecutionEngine)  # type: ignore[untyped-decorator] # as above
    def _pandas(cls, column: Any, statistic: str, **_: Any) -> float | None:  # noqa: N805 - the decorator's form
        values = column.dropna().tolist()
        return Statistic.parse(statistic).of(values) if values else None


class ExpectColumnStatisticToBeBetween(ColumnAggregateExpectation):  # type: ignore[misc] # as above
    """Expect a statistic of a column, such as Perc95, to lie between two bounds, both included."""

    statistic: str
    min_value: float | None = None
    max_value: float | None = None

    metric_dependencies = (_METRIC,)
    success_keys = ("statistic", "min_value", "max_value")
    args_keys: ClassVar[tuple[str, ...]] = ("column", "statistic", "min_value", "max_value")

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
        bounds = (("at least", "min_value"), ("at most", "max_value"))
        asked = " and ".join(f"{words} ${key}" for words, key in bounds if key in configuration.kwargs)
        template = {
            "template": f"$statistic of $column must be {asked}{_unit(configuration.kwargs)}.",
            "params": dict(configuration.kwargs),
            "styling": (runtime_configuration or {}).get("styling"),
        }
        return [RenderedStringTemplateContent(content_block_type="string_template", string_template=template)]
