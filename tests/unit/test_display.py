"""What a person sees while a run goes."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from flows.display import Display


@pytest.fixture
def terminal():
    return Console(file=StringIO(), width=80, force_terminal=True, color_system=None)


@pytest.fixture
def log():
    return Console(file=StringIO(), width=80, force_terminal=False)


def last_line(console):
    """Return what stands on the terminal's line at the end, without what moves the cursor."""
    return console.file.getvalue().split("\x1b[2K")[-1].splitlines()[0]


def bar(display):
    """Return the bar as it would be drawn now."""
    (task,) = display._progress.tasks
    return display._progress.columns[2].render(task)


def shown(display, terminal):
    display._progress.refresh()
    return last_line(terminal)


def test_a_terminal_shows_title_step_and_how_much_is_done(terminal):
    with Display(terminal, "udp-50:50") as display:
        display.step("waiting for 100 workers")
        display.count(40, 100)
        line = shown(display, terminal)
    assert "udp-50:50" in line
    assert "waiting for 100 workers 40 of 100" in line


def test_a_step_that_is_complete_stops_neither_clock_nor_spinner(terminal):
    with Display(terminal, "tcp-1:1") as display:
        display.step("waiting for 2 workers")
        display.count(2, 2)
        display.step("judging")
        assert not display._progress.finished
        assert shown(display, terminal)[0] != " "


def test_a_new_step_forgets_the_counts_of_the_last(terminal):
    with Display(terminal, "tcp-1:1") as display:
        display.step("waiting for 2 workers")
        display.count(1, 2)
        display.step("judging")
        assert "of 2" not in shown(display, terminal)


def test_the_bar_is_what_is_done_and_only_moves_where_that_is_not_known(terminal):
    with Display(terminal, "tcp-50:50") as display:
        display.step("waiting for 100 workers")
        assert bar(display).pulse
        display.count(40, 100)
        assert (bar(display).completed, bar(display).total, bar(display).pulse) == (40, 100, False)


def test_while_traffic_flows_the_bar_is_the_time_and_never_more_than_all_of_it(terminal):
    with Display(terminal, "tcp-50:50") as display:
        display.traffic(3600.0)
        display.count(0, 50)
        assert bar(display).total == 3600.0
        assert 0 < bar(display).completed < 60
        display.traffic(1e-9)
        assert bar(display).completed == 1e-9


def test_the_line_leaves_nothing_on_the_terminal(terminal):
    with Display(terminal, "tcp-1:1") as display:
        display.step("judging")
    assert terminal.file.getvalue().endswith("\x1b[2K")


def test_square_brackets_are_no_markup(terminal):
    with Display(terminal, "tcp[1]") as display:
        display.step("waiting for [red]node-1[/red]")
        line = shown(display, terminal)
    assert "tcp[1]" in line
    assert "[red]node-1[/red]" in line


def test_a_log_gets_a_plain_line_a_step(log):
    with Display(log, "tcp-1:1") as display:
        display.step("deploying 2 workers")
        display.count(1, 2)
        display.traffic(10.0)
        display.step("judging [all]")
    lines = [line.split(maxsplit=2)[2] for line in log.file.getvalue().splitlines()]
    assert lines == ["tcp-1:1  deploying 2 workers", "tcp-1:1  judging [all]"]
