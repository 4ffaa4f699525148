"""The course of a run: in what order its rounds are measured."""

from types import SimpleNamespace

from netcadence import scenario
from netcadence.course import Course
from netcadence.kube.run import Run
from netcadence.repeats import Repeats
from netcadence.schedule import Mesh

#: Of a cluster that nobody talks to, only the name is asked.
NOWHERE = SimpleNamespace(cluster="nowhere")


def rounds_of(chosen, run_id="run-a", *, is_open=lambda _record: False):
    course = Course.begin(Run(NOWHERE, "netcadence", run_id, chosen))
    course.expect(Mesh().over(4))
    return list(course.rounds(is_open))


def in_repeats(rounds, size=6):
    return [rounds[begin : begin + size] for begin in range(0, len(rounds), size)]


def test_rounds_that_are_not_repeated_keep_their_order():
    assert rounds_of(scenario.find("tcp-mesh")) == [0, 1, 2, 3, 4, 5]


def test_each_repeat_has_all_rounds_once_in_an_order_of_its_own_that_the_run_id_gives_again():
    mesh = scenario.find("tcp-mesh").model_copy(update={"repeats": Repeats(least=5, most=5, warm_up=1)})
    repeats = in_repeats(rounds_of(mesh))
    assert [sorted(each) for each in repeats] == [
        list(range(6 * number, 6 * number + 6)) for number in range(6)
    ]
    assert len({tuple(round_ % 6 for round_ in each) for each in repeats}) > 1
    assert in_repeats(rounds_of(mesh)) == repeats != in_repeats(rounds_of(mesh, "run-b"))


def test_repeats_that_are_added_leave_the_order_of_those_before_as_it_was():
    repeating = Repeats(least=5, most=7, warm_up=0)
    mesh = scenario.find("tcp-mesh").model_copy(update={"repeats": repeating})
    few, more = rounds_of(mesh), rounds_of(mesh, is_open=lambda _record: True)
    assert (len(few), len(more)) == (30, 42)
    assert more[:30] == few
