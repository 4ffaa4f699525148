"""What `make test` runs, with a pytest and linters that only say how each part ends: no failure is lost."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "run-all.sh"
#: Notes its words, and ends as the file named for its part and for whether it looks once more tells.
PYTEST = """#!/bin/sh
part=$(echo "$*" | sed 's/.*--part=\\([a-z]*\\).*/\\1/')
case "$*" in *--last-failed*) part=$part-again;; esac
echo "$part" >>"$NOTES/run"
cut -d')' -f2 /proc/self/stat | cut -d' ' -f40 >"$NOTES/policy-$part"
exit "$(cat "$NOTES/$part" 2>/dev/null || echo 0)"
"""
#: As if it were a part of the tests.
MAKE = """#!/bin/sh
exec "$NOTES/pytest" "--part=$2"
"""
ALL = ["alone", "beside", "lint", "patient"]
IDLE = "5"


@pytest.fixture
def run_all(tmp_path):
    """Return what runs all parts, some of which end with a code; returns code, outcomes and what was run."""
    for name, script in {"pytest": PYTEST, "make": MAKE}.items():
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"

    def run_all(**codes):
        for part, code in codes.items():
            (tmp_path / part.replace("_", "-")).write_text(str(code))
        done = subprocess.run(
            ["sh", SCRIPT, tmp_path, "3"],
            env={**os.environ, "NOTES": str(tmp_path), "PATH": path},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        outcomes = re.findall(r"^(passed|FAILED) +\d+:\d\d  (\w+)", done.stdout, re.MULTILINE)
        return done.returncode, [word for word, _ in outcomes], (tmp_path / "run").read_text().split()

    return run_all


def test_all_parts_are_run_and_each_has_its_outcome_at_the_end(run_all):
    code, outcomes, run = run_all()
    assert (code, outcomes, sorted(run)) == (0, ["passed"] * 4, ALL)


def test_what_fails_beside_others_counts_as_it_ends_without_any(run_all):
    code, outcomes, run = run_all(beside=1, patient=1, beside_again=0, patient_again=1)
    assert (code, outcomes) == (1, ["passed", "passed", "passed", "FAILED"])
    assert {"beside-again", "patient-again"} < set(run)


@pytest.mark.parametrize(("part", "number"), [("beside", 2), ("alone", 3), ("patient", 5), ("lint", 2)])
def test_a_part_that_could_not_be_run_fails_the_whole_and_keeps_no_other_from_being_run(
    run_all, part, number
):
    code, outcomes, run = run_all(**{part: number})
    assert (code, sorted(run)) == (1, ALL)
    assert outcomes.count("FAILED") == 1


@pytest.mark.parametrize("part", ["lint", "patient"])
def test_the_patient_have_what_the_others_leave(run_all, tmp_path, part):
    run_all()
    assert (tmp_path / f"policy-{part}").read_text().strip() == IDLE
