"""What a scenario may say of its worker pods, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from netcadence import quantity, scenario
from netcadence.errors import InvalidInputError
from netcadence.quantity import Quantity
from netcadence.worker_pod import WorkerResources

MINIMAL = "name: mine\ntitle: Mine\nprotocol: TCP\ntool: iperf\nworker:\n"
QUANTITY = TypeAdapter(Quantity)


def accepted(**fields):
    try:
        return WorkerResources(**fields)
    except ValidationError:
        return None


@pytest.fixture
def refusal(tmp_path):
    """Return what says why a worker's fields are refused."""

    def refusal(lines):
        path = tmp_path / "mine.yaml"
        path.write_text(MINIMAL + "".join(f"  {line}\n" for line in lines), encoding="utf-8")
        with pytest.raises(InvalidInputError) as caught:
            scenario.load(path)
        assert str(caught.value).startswith(f"{path}: ")
        return str(caught.value)

    return refusal


def test_nothing_limits_the_generators_processor_unless_asked():
    assert WorkerResources().cpu_limit is None


@given(st.text(max_size=20))
def test_a_quantity_that_is_taken_is_ascii_and_can_be_read(text):
    try:
        QUANTITY.validate_python(text)
    except ValidationError:
        return
    assert text.isascii()
    assert quantity.parse(text) is not None


@given(st.integers(0, 10**12), st.sampled_from(["", "m", "k", "M", "G", "Ki", "Mi", "Gi"]))
def test_every_quantity_that_people_write_is_taken_and_read(number, suffix):
    text = QUANTITY.validate_python(f"{number}{suffix}")
    assert (quantity.parse(text) == 0) == (number == 0)


@given(st.integers(0, 10**6).map(str), st.characters(categories=["Nd"], exclude_characters="0123456789"))
def test_digits_of_other_scripts_make_no_quantity_and_no_image(number, digit):
    assert accepted(memory_limit=f"{number}{digit}Gi") is None
    assert accepted(image=f"worker:{number}{digit}") is None
    assert quantity.parse(f"{number}{digit}") is None


@given(st.text(min_size=1, max_size=30))
def test_names_that_are_taken_hold_nothing_but_what_object_names_hold(text):
    for worker in (accepted(priority_class=text), accepted(image_pull_secrets=(text,))):
        assert worker is None or (
            text.isascii() and set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
        )


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["cpu_limit: 10m"], "worker.cpu_limit"),
        (["cpu_limit: 10m"], "is less than cpu_request; allowed: 50m or more"),
        (["memory_limit: 32Mi"], "worker.memory_limit"),
        (["image_pull_policy: Sometimes"], "worker.image_pull_policy"),
        (["image_pull_policy: Sometimes"], "IfNotPresent"),
        (["priority_class: High"], "worker.priority_class"),
        (["image_pull_secrets: [Key_of_mine]"], "worker.image_pull_secrets.0"),
        (["tolerations: [{value: db}]"], "worker.tolerations.0"),
        (["tolerations: [{value: db}]"], "allowed: a taint's key, or operator Exists"),
        (["tolerations: [{key: a, operator: Exists, value: b}]"], "is for Equal"),
        (["tolerations: [{key: a, effect: Never}]"], "NoSchedule"),
        (["topology_spread: [{max_skew: 0}]"], "worker.topology_spread.0.max_skew"),
        (["topology_spread: [{when_unsatisfiable: Maybe}]"], "DoNotSchedule"),
        (["node_selector: {pool: bench}"], "worker.node_selector"),
    ],
)
def test_a_refusal_names_file_field_and_what_is_allowed(refusal, lines, said):
    assert said in refusal(lines)
