"""One run at a time: who holds the lease, who waits, and what becomes of it when its holder is gone."""

from __future__ import annotations

import itertools
import threading

import pytest

from netcadence.kube.errors import ApiRefusedError
from netcadence.kube.lease import (
    NAME,
    RUNS_ANNOTATION,
    ClusterBusyError,
    Holding,
    IfBusy,
    LeaseLostError,
    Terms,
    held,
    living_holder,
    remove,
)
from netcadence.kube.resource import LEASE, NAMESPACE

QUICK = Terms(duration_s=2, renew_s=0.2)
#: One that is never renewed while a test lasts: what a killed run leaves.
DEAD = Terms(duration_s=1, renew_s=3_600)


@pytest.fixture
def namespace(access):
    """A namespace of the test's own."""
    name = f"lease-{next(_numbers)}"
    access.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    access.delete(NAMESPACE, name)


_numbers = itertools.count()


@pytest.fixture
def abandoned(access, namespace):
    """The lease of a run that was killed a moment ago."""
    body = {
        "apiVersion": LEASE.api_version,
        "kind": LEASE.kind,
        "metadata": {"name": NAME},
        "spec": {"holderIdentity": "killed_1", "leaseDurationSeconds": 1},
    }
    return Holding.of(access.create(LEASE, body, namespace))


def leases(access, namespace):
    return access.list(LEASE, namespace)[0]


def alive(access, namespace):
    """Return the runs that measure under a lease whose holder lives."""
    found, _ = living_holder(access, namespace)
    return found.runs


def test_a_lease_names_its_run_and_is_gone_afterwards(access, namespace):
    with held(access, namespace, "one", terms=QUICK) as tenure:
        (lease,) = leases(access, namespace)
        assert Holding.of(lease).run_id == "one"
        tenure.require()
    assert leases(access, namespace) == []


def test_a_lease_that_is_held_for_several_runs_names_them_until_it_is_anothers(access, namespace, abandoned):
    del abandoned
    access.patch(LEASE, NAME, {"metadata": {"annotations": {RUNS_ANNOTATION: "old"}}}, namespace)
    with held(access, namespace, "all", runs=("first", "second"), terms=QUICK):
        assert alive(access, namespace) == {"all", "first", "second"}


def test_a_lease_is_given_back_when_its_run_fails(access, namespace):
    with pytest.raises(KeyboardInterrupt), held(access, namespace, "one", terms=QUICK):
        raise KeyboardInterrupt
    assert leases(access, namespace) == []


def test_a_second_run_that_may_not_wait_is_told_who_measures(access, namespace):
    with (
        held(access, namespace, "one", terms=QUICK),
        pytest.raises(ClusterBusyError, match=r"^Run one is measuring"),
        held(access, namespace, "two", terms=QUICK, if_busy=IfBusy.REFUSE),
    ):
        pytest.fail("both hold it")


def test_two_runs_of_the_same_id_do_not_take_each_other_for_themselves(access, namespace):
    with (
        held(access, namespace, "one", terms=QUICK),
        pytest.raises(ClusterBusyError),
        held(access, namespace, "one", terms=QUICK, if_busy=IfBusy.REFUSE),
    ):
        pytest.fail("both hold it")


def test_a_second_run_waits_until_the_first_is_done(access, namespace):
    waiting, waited_for, done = threading.Event(), [], threading.Event()

    def second():
        def on_wait(run_id):
            waited_for.append(run_id)
            waiting.set()

        with held(access, namespace, "two", terms=QUICK, on_wait=on_wait):
            done.set()

    thread = threading.Thread(target=second, daemon=True)
    with held(access, namespace, "one", terms=QUICK):
        thread.start()
        assert waiting.wait(10)
        assert not done.is_set()
    assert done.wait(10)
    thread.join(10)
    assert waited_for == ["one"]
    assert leases(access, namespace) == []


@pytest.mark.parametrize("if_busy", IfBusy)
def test_a_lease_that_a_killed_run_left_is_taken_over(access, namespace, abandoned, if_busy):
    with held(access, namespace, "two", terms=QUICK, if_busy=if_busy):
        (lease,) = leases(access, namespace)
        assert Holding.of(lease).run_id == "two"
    assert abandoned.run_id == "killed"


def test_a_holder_that_is_renewed_outlives_its_duration(access, namespace):
    with held(access, namespace, "one", terms=Terms(duration_s=1, renew_s=0.1)) as tenure:
        assert alive(access, namespace) == {"one"}
        tenure.require()


def test_a_restart_of_the_api_server_shorter_than_the_lease_costs_nothing(access, namespace, cluster, until):
    with held(access, namespace, "one", terms=Terms(duration_s=20, renew_s=0.1)) as tenure:
        cluster.restart_api(1.0)
        before = leases(access, namespace)[0]["metadata"]["resourceVersion"]
        until(lambda: leases(access, namespace)[0]["metadata"]["resourceVersion"] != before)
        tenure.require()


def test_a_holder_that_cannot_renew_for_as_long_as_the_lease_lasts_has_lost_it(access, namespace, until):
    with held(access, namespace, "one", terms=DEAD) as tenure:
        until(lambda: tenure.trouble)
        with pytest.raises(LeaseLostError, match="could not be renewed for"):
            tenure.require()


def test_a_holder_whose_lease_another_took_learns_who(access, namespace, until):
    with held(access, namespace, "one", terms=QUICK) as tenure:
        access.patch(LEASE, NAME, {"spec": {"holderIdentity": "thief_1"}}, namespace)
        until(lambda: tenure.trouble)
        assert "was taken over by thief" in str(tenure.trouble)
    (lease,) = leases(access, namespace)
    assert Holding.of(lease).run_id == "thief"


def test_a_holder_whose_lease_was_deleted_has_lost_it(access, namespace, until):
    with held(access, namespace, "one", terms=QUICK) as tenure:
        access.delete(LEASE, NAME, namespace)
        until(lambda: tenure.trouble)
        assert 'leases.coordination.k8s.io "netcadence" not found' in str(tenure.trouble)


def test_a_write_of_somebody_else_that_keeps_the_holder_is_lived_with(access, namespace):
    with held(access, namespace, "one", terms=QUICK) as tenure:
        access.patch(LEASE, NAME, {"metadata": {"labels": {"seen": "yes"}}}, namespace)
        assert alive(access, namespace) == {"one"}
        tenure.require()


def test_only_an_abandoned_lease_that_nobody_touched_since_is_removed(access, namespace, abandoned):
    assert living_holder(access, namespace) == (None, abandoned)
    access.patch(LEASE, NAME, {"metadata": {"labels": {"seen": "yes"}}}, namespace)
    assert not remove(access, namespace, abandoned)
    _, now = living_holder(access, namespace)
    assert remove(access, namespace, now)
    assert living_holder(access, namespace) == (None, None)


def test_there_is_no_lease_in_a_namespace_that_is_not_there(access):
    with (
        pytest.raises(ApiRefusedError, match='namespaces "nowhere" not found'),
        held(access, "nowhere", "one", terms=QUICK),
    ):
        pytest.fail("it is held")
