"""A run of the tests as a whole: what was to be run has been, and processes keep to their folder."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.rooms import Roll, RoomScheduling


@pytest.fixture
def session():
    return SimpleNamespace(
        items=[SimpleNamespace(nodeid="tests/a.py::one"), SimpleNamespace(nodeid="tests/a.py::two")],
        shouldstop=False,
        shouldfail=False,
        config=SimpleNamespace(option=SimpleNamespace(collectonly=False)),
        exitstatus=pytest.ExitCode.OK,
    )


def roll_after(session, *nodeids):
    roll = Roll()
    roll.pytest_collection_finish(session)
    for nodeid in nodeids:
        roll.pytest_runtest_logreport(SimpleNamespace(nodeid=nodeid))
    roll.pytest_sessionfinish(session, session.exitstatus)
    return roll


def test_a_test_that_was_never_run_fails_the_whole(session):
    roll = roll_after(session, "tests/a.py::one")
    assert session.exitstatus == pytest.ExitCode.INTERNAL_ERROR
    assert roll.missing == ["tests/a.py::two"]


def test_a_run_of_all_tests_is_left_as_it_ended(session):
    roll_after(session, "tests/a.py::one", "tests/a.py::two")
    assert session.exitstatus == pytest.ExitCode.OK


def test_whoever_stops_at_the_first_failure_is_not_told_of_the_rest(session):
    session.shouldfail, session.exitstatus = "stopping after 1 failures", pytest.ExitCode.TESTS_FAILED
    roll_after(session, "tests/a.py::one")
    assert session.exitstatus == pytest.ExitCode.TESTS_FAILED


class Process:
    """A process that takes whatever it is given."""

    shutting_down = False
    gateway = SimpleNamespace(id="gw")

    def __init__(self, files):
        self.files = files
        self.given = []

    def send_runtest_some(self, indices):
        self.given += [self.files[index] for index in indices]

    def shutdown(self):
        self.shutting_down = True


def test_a_process_goes_on_with_its_folder_and_others_begin_elsewhere(pytestconfig):
    files = [
        f"tests/{folder}/test_{number}.py::test"
        for folder in ("embedded/kube", "flows", "unit")
        for number in range(4)
    ]
    processes = [Process(files) for _ in range(2)]
    option = SimpleNamespace(loadscopereorder=False, tx=["popen"] * 2, dist="loadscope")
    config = SimpleNamespace(
        option=option, getvalue=lambda name: getattr(option, name), hook=pytestconfig.hook
    )
    scheduling = RoomScheduling(config)
    for process in processes:
        scheduling.add_node(process)
        scheduling.add_node_collection(process, files)
    scheduling.schedule()
    begun = [{file.rpartition("/")[0] for file in process.given} for process in processes]
    assert begun == [{"tests/flows"}, {"tests/embedded/kube"}]
    while not all(process.shutting_down for process in processes):
        for process in processes:
            for file in list(process.given):
                process.given.remove(file)
                scheduling.mark_test_complete(process, files.index(file))
    assert scheduling.tests_finished
