"""A run of tests as a whole: which of them share a process, and that each has been run.

With `pytest --numprocesses=N` several processes run tests beside each other. What a folder's tests share, a
cluster or a Prefect server, each process makes for itself; it therefore goes on with the folder that it has
begun, and takes a file of another when nothing is left there.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling

#: Where processes begin, each with another, and go on when their own is done: what takes long comes first.
ROOMS = (
    "tests/flows/faults",
    "tests/flows",
    "tests/embedded/kube",
    "tests/embedded/wire",
    "tests",
)


class RoomScheduling(LoadScopeScheduling):
    """Gives each process whole files, of the folder that it is in while there are any."""

    def _assign_work_unit(self, node):
        rooms = {each: [_room_of(file) for file in self.assigned_work[each]] for each in self.nodes}
        others = {room for each in self.nodes if each is not node for room in rooms[each][-1:]}

        def order(file):
            room = _room_of(file)
            return room not in rooms[node][-1:], room in others, ROOMS.index(room)

        # Of what is waiting the first is taken.
        self.workqueue.move_to_end(min(self.workqueue, key=order), last=False)
        super()._assign_work_unit(node)

    def _split_scope(self, nodeid):
        return nodeid.partition("::")[0]


def _room_of(file):
    return next(room for room in ROOMS if file.startswith(f"{room}/"))


class Roll:
    """Fails a run in which a test that was to be run has no outcome, not even that of a skipped one."""

    def __init__(self):
        self._called = set()
        self._answered = set()

    @property
    def missing(self):
        return sorted(self._called - self._answered)

    def pytest_collection_finish(self, session):
        self._called |= {item.nodeid for item in session.items}

    def pytest_xdist_node_collection_finished(self, ids):
        self._called |= set(ids)

    def pytest_runtest_logreport(self, report):
        self._answered.add(report.nodeid)

    def pytest_sessionfinish(self, session, exitstatus):
        """Whoever stops a run, or has it stop at the first failure, knows that it is not whole."""
        stopped = session.shouldstop or session.shouldfail or session.config.option.collectonly
        if self.missing and not stopped and exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR

    def pytest_terminal_summary(self, terminalreporter, exitstatus):
        if exitstatus == pytest.ExitCode.INTERNAL_ERROR:
            for nodeid in self.missing:
                terminalreporter.write_line(f"NEVER RUN {nodeid}", red=True)
