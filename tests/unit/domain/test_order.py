"""Orders: what a form may ask for, and how it says no."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from netcadence import scenario
from netcadence.order import Order


def test_an_order_names_its_work_and_its_cluster():
    order = Order(
        cluster="lab", scenarios=("tcp-1:1",), files=("mine/slow.yaml",), acceptance="a/profile.yaml"
    )
    assert str(order) == "tcp-1:1, slow, acceptance profile on lab"


def test_a_form_offers_the_shipped_scenarios_and_describes_each_field():
    schema = Order.model_json_schema()
    choices = schema["properties"]["scenarios"]["items"]["enum"]
    assert choices == [each.name for each in scenario.shipped()]
    assert all(field.get("description") for field in schema["properties"].values())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({}, "nothing is asked for; allowed: at least one of scenarios, files, acceptance"),
        ({"scenarios": ["tcp-2:2"]}, "there is no scenario 'tcp-2:2'; allowed: "),
        (
            {"scenarios": ["tcp-1:1"], "credentials": "block", "kubeconfig": "file"},
            "allowed: `credentials` or `kubeconfig`",
        ),
        ({"scenarios": ["tcp-1:1"], "cluster": "a/b"}, "cluster"),
        ({"scenarios": ["tcp-1:1"], "timeout_min": 0}, "timeout_min"),
        ({"scenarios": ["tcp-1:1"], "retries": 3}, "retries"),
    ],
)
def test_what_cannot_be_done_is_refused(content, complaint):
    with pytest.raises(ValidationError) as refused:
        Order.model_validate(content)
    assert complaint in str(refused.value)
