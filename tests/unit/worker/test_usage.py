"""What a tool and its machine did, seen on real processes."""

import os
import time
from dataclasses import replace

import pytest

from netcadence_worker import usage
from netcadence_worker.tool import RunningTool
from netcadence_worker.usage import Look, between, look

BUSY = ("python3", "-c", "import time\nwhile time.process_time() < 0.8: pass")
FIRST = Look(
    at=10.0, tool_s=1.0, node_s=400.0, node_idle_s=100.0, node_softirq_s=8.0, throttled_s=0.5,
    throttled_periods=7, segments=1_000, retransmits=10, drops=1,
)  # fmt: skip


def test_what_lies_between_two_looks_is_told_in_the_contracts_units():
    last = replace(
        FIRST, at=12.0, tool_s=2.5, node_s=408.0, node_idle_s=102.0, node_softirq_s=9.0, throttled_s=0.75,
        throttled_periods=9, segments=1_500, retransmits=13, drops=1,
    )  # fmt: skip
    used = between(FIRST, last)
    assert (used.seconds, used.tool_cpu) == (2.0, 0.75)
    assert (used.node_busy, used.node_softirq) == (75.0, 12.5)
    assert (used.throttled, used.throttled_periods) == (0.25, 2)
    assert (used.segments_sent, used.retransmits, used.drops) == (500, 3, 0)


def test_what_cannot_be_seen_is_left_out_and_not_zero():
    blind = replace(FIRST, throttled_s=None, throttled_periods=None, retransmits=None, drops=None)
    used = between(blind, replace(blind, at=12.0, node_s=404.0))
    assert (used.throttled, used.throttled_periods, used.retransmits, used.drops) == (None,) * 4


def test_what_gives_way_to_others_keeps_no_node_busy(tmp_path, monkeypatch):
    file = tmp_path / "stat"
    monkeypatch.setattr(usage, "_STAT", file)
    monkeypatch.setattr(usage, "_gives_way", lambda: False)  # whoever runs the tests may
    file.write_text("cpu  100 0 50 850 0 0 0 0 0 0\n")
    first = look(0.0)
    file.write_text("cpu  110 70 60 860 0 0 0 0 0 0\n")
    last = replace(look(0.0), at=first.at + 1)
    assert between(first, last).node_busy == 20.0


def test_a_cgroup_with_a_limit_tells_how_long_it_throttled(tmp_path, monkeypatch):
    file = tmp_path / "cpu.stat"
    file.write_text("usage_usec 12\nnr_periods 9\nnr_throttled 4\nthrottled_usec 250000\n")
    monkeypatch.setattr(usage, "_CGROUP", file)
    seen = look(0.0)
    assert (seen.throttled_s, seen.throttled_periods) == (0.25, 4)


def test_a_machine_that_hides_its_processors_gives_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(usage, "_STAT", tmp_path / "nowhere")
    assert look(0.0) is None
    assert between(FIRST, None) is None


@pytest.mark.parametrize("seconds", [0.0, 0.1])
def test_looks_too_close_to_each_other_tell_nothing(seconds):
    assert between(FIRST, replace(FIRST, at=10.0 + seconds, node_s=401.0)) is None


def test_a_tool_that_computes_has_used_a_processor_and_one_that_sleeps_has_not():
    used = {}
    for name, argv in (("busy", BUSY), ("idle", ("sleep", "2"))):
        with RunningTool(argv) as tool:
            tool.start()
            time.sleep(0.1)
            tool.settle()
            assert tool.wait(10)
            used[name] = tool.usage
    assert used["idle"].tool_cpu < 0.05
    assert used["busy"].tool_cpu * used["busy"].seconds == pytest.approx(0.8, abs=0.25)
    assert used["busy"].processors == os.cpu_count()
    assert 0 < used["busy"].node_busy <= 100


def test_a_tool_that_ended_before_it_was_looked_at_tells_nothing():
    with RunningTool(("true",)) as tool:
        tool.start()
        assert tool.wait(10)
        tool.settle()
        assert tool.usage is None
