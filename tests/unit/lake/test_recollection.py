"""A run, read back from its rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from netcadence.errors import InvalidInputError
from netcadence.lake import LakeRefusedError
from netcadence.lake.layout import Place
from netcadence.record import Judgement, Verdict
from netcadence.report import as_json
from netcadence.traffic_path import TrafficPath
from netcadence_worker.contract import Result
from netcadence_worker.histogram import Bucket, Histogram


def of_record(record):
    """What the tables do not hold is left aside: what tools printed, and what pods were called by the API."""
    outcomes = []
    for outcome in (*record.outcomes, *record.baseline):
        pair = outcome.pair
        sides = {role: replace(getattr(pair, role), uid="") for role in ("client", "server")}
        outcomes.append(replace(outcome, pair=replace(pair, **sides), outputs={}))
    planned = len(record.outcomes)
    return replace(record, outcomes=tuple(outcomes[:planned]), baseline=tuple(outcomes[planned:]))


def test_a_run_is_read_back_as_it_was_stored(lake, record, judgement):
    counted = Histogram((Bucket(100_000, 200_000, 3), Bucket(200_000, 300_000, 1)), 150_000, 250_000, 700_000)
    first, *others = record.outcomes
    stored = replace(record, outcomes=(replace(first, latencies=counted), *others))
    stored = replace(stored, facts=replace(stored.facts, rounds_of_repeat=0))
    lake.conclude(stored, judgement)
    found = lake.recall("run-1")
    assert found.record == of_record(stored)
    assert found.judgement == judgement
    assert found.left_out == ()
    assert as_json(found.record, found.judgement) == as_json(stored, judgement)


def test_a_baseline_stands_apart_and_warm_up_is_known_again(lake, make_record, judgement):
    record = make_record(pairs=2, failures=0, config='{"repeats": {"warm_up": 1}}')
    pairs = [replace(outcome.pair, round=number) for number, outcome in enumerate(record.outcomes)]
    measured = [
        replace(each, pair=pair, results=(Result.of("throughput", 5.0),))
        for each, pair in zip(record.outcomes, pairs, strict=True)
    ]
    on_host = {
        role: replace(getattr(pairs[1], role), name=f"host-{role}", on_host=True)
        for role in ("client", "server")
    }
    beside = replace(measured[1], pair=replace(pairs[1], index=3, is_baseline=True, **on_host))
    facts = replace(record.facts, rounds_of_repeat=1, warm_up_repeats=1, path=TrafficPath.POD_IP.value)
    stored = replace(record, facts=facts, outcomes=tuple(measured), baseline=(beside,))
    lake.conclude(stored, judgement)
    found = lake.recall("run-1").record
    assert found == of_record(stored)
    assert [outcome.pair.index for outcome in found.judged] == [1]


def test_a_run_that_is_not_there_is_refused_with_what_would_be(lake):
    with pytest.raises(InvalidInputError, match=r"'run-9' is not in the lake .*`netcadence results`"):
        lake.recall("run-9")


def test_a_run_whose_results_are_broken_is_refused_and_the_file_named(lake, record, judgement):
    lake.conclude(record, judgement)
    broken = next(lake_file for lake_file in _files(lake, record) if "/results/" in str(lake_file))
    broken.write_bytes(b"PAR1 and no more")
    with pytest.raises(LakeRefusedError, match=r"3 pairs planned, 0 outcomes; left out: .*run-1.parquet"):
        lake.recall("run-1")


def test_a_run_without_any_finding_is_read_back_too(lake, record):
    lake.conclude(record, Judgement(Verdict.INVALID, ()))
    assert lake.recall("run-1").judgement == Judgement(Verdict.INVALID, ())


def _files(lake, record):
    day = record.facts.started_at.date()
    return [
        Path(lake.url) / Place(table, "staging", day, "run-1").path
        for table in ("results", "intervals", "verdicts")
    ]
