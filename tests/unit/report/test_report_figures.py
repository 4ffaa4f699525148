"""Numbers in words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcadence.report.figures import figure, limit
from netcadence.words import counted


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (812_345.678, "KBytes/s", "812,346 KBytes/s"),
        (1000.0, "KBytes/s", "1,000 KBytes/s"),
        (12.3456, "ms", "12.3 ms"),
        (5.0, "ms", "5 ms"),
        (0.04217, "%", "0.0422 %"),
        (0.00000033, "s", "0.00000033 s"),
        (-3.14159, "ms", "-3.14 ms"),
        (0.0, "%", "0 %"),
        (-0.0, "%", "0 %"),
        (48, "pairs", "48 pairs"),
        (0.94, "", "0.94"),
        (1e16, "KBytes", "10,000,000,000,000,000 KBytes"),
    ],
)
def test_a_value_has_three_digits_separators_and_its_unit(value, unit, text):
    assert figure(value, unit) == text


@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_never_shown_as_one(value):
    assert figure(value, "ms") == "-"


@pytest.mark.parametrize(
    ("value", "threshold", "text"),
    [(999.96, 1000.0, "999.96"), (0.69999, 0.7, "0.69999"), (5.001, 5.0, "5.001"), (5.0, 5.0, "5")],
)
def test_a_value_is_seen_on_its_side_of_the_threshold(value, threshold, text):
    assert figure(value, beside=threshold) == text


@given(
    value=st.floats(-1e12, 1e12, allow_subnormal=False),
    threshold=st.floats(-1e12, 1e12, allow_subnormal=False),
)
def test_what_is_shown_never_contradicts_the_comparison(value, threshold):
    shown = float(figure(value, beside=threshold).replace(",", ""))
    assert (shown < threshold, shown > threshold) == (value < threshold, value > threshold)


@given(value=st.floats(min_value=1e-9, max_value=1e12))
def test_what_is_shown_is_within_half_a_per_cent(value):
    assert float(figure(value).replace(",", "")) == pytest.approx(value, rel=5.1e-3)


@pytest.mark.parametrize(
    ("comparison", "threshold", "unit", "text"),
    [
        (">=", 1000.0, "KBytes/s", "≥ 1,000 KBytes/s"),
        ("<=", 0.1, "%", "≤ 0.1 %"),
        ("<=", 1234.5678, "ms", "≤ 1,234.5678 ms"),
        ("==", 50, "pairs", "= 50 pairs"),
        (">=", None, "ms", "-"),
    ],
)
def test_a_threshold_keeps_the_digits_that_it_was_given(comparison, threshold, unit, text):
    assert limit(comparison, threshold, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00 s"), (0.1, "0.10 s"), (0.01, "0.01 s"), (0.1234, "0.123 s"), (12.0, "12.00 s")],
)
def test_decimals_that_a_tool_prints_are_all_shown(value, text):
    assert figure(value, "s", decimals=2) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 pairs"), (1, "1 pair"), (2, "2 pairs"), (1234, "1,234 pairs")]
)
def test_one_is_not_plural(count, text):
    assert counted(count, "pair") == text
