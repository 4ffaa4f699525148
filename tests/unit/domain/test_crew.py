"""Workers that several benchmarks measure with."""

from __future__ import annotations

import threading

import pytest

from netcadence.crew import Crew


def test_the_first_run_deploys_and_all_others_measure_with_its_workers():
    crew = Crew()
    with crew.joined_by("first") as first:
        assert first == "first"
    with crew.joined_by("second") as second:
        assert second == "first"


def test_where_the_first_run_could_not_deploy_the_next_one_does():
    crew = Crew()
    with pytest.raises(OSError, match="refused"), crew.joined_by("first"):
        raise OSError("refused")
    with crew.joined_by("second") as workers_of:
        assert workers_of == "second"


def test_nobody_joins_before_it_is_known_who_has_deployed():
    crew, joined = Crew(), []

    def join():
        with crew.joined_by("second") as workers_of:
            joined.append(workers_of)

    with crew.joined_by("first"):
        thread = threading.Thread(target=join)
        thread.start()
        assert not joined
    thread.join(10)
    assert joined == ["first"]
