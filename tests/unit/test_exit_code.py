"""What the command's exit code says."""

from __future__ import annotations

from flows.exit_code import ExitCode, gravest, of_verdict
from netcadence.record import Verdict


def test_only_pass_is_zero():
    """No other verdict can look green to a pipeline."""
    assert [verdict for verdict in Verdict if of_verdict(verdict) == 0] == [Verdict.PASS]


def test_every_verdict_has_a_code_of_its_own():
    """A pipeline can tell a breached SLA from an invalid measurement."""
    assert len({of_verdict(verdict) for verdict in Verdict}) == len(Verdict)


def test_one_failure_among_passes_counts():
    """Several scenarios are as good as the worst of them."""
    assert gravest([ExitCode.PASS, ExitCode.FAIL, ExitCode.INCONCLUSIVE]) is ExitCode.FAIL


def test_nothing_judged_is_not_a_pass():
    """No scenario at all is an error."""
    assert gravest([]) is ExitCode.ERROR


def test_what_does_not_apply_is_told_apart_but_hides_no_failure():
    """A cluster without load balancers is neither green nor as bad as one that failed."""
    assert gravest([ExitCode.PASS, of_verdict(Verdict.NOT_APPLICABLE)]) == 7
    assert gravest([ExitCode.NOT_APPLICABLE, ExitCode.FAIL]) is ExitCode.FAIL
