"""Services on a real API server: made with what owns them, and waited for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netcadence.errors import NotApplicableError
from netcadence.kube import dispatch, services
from netcadence.kube.services import Service, ServiceKind
from netcadence.traffic_path import AddressMissingError
from netcadence_worker.contract import RUN_LABEL


@pytest.fixture
def made(new_run):
    """Return what makes Services that nothing gives a balancer's address; gives the run and them."""

    def made(count):
        run = new_run()
        owner = dispatch.create_run(run)
        labels = {RUN_LABEL: run.run_id}
        wanted = [
            Service(f"s{number}-{run.run_id}", ServiceKind.CLUSTER_IP, labels, (5001,), labels=labels)
            for number in range(count)
        ]
        services.create(run.access, wanted, run.namespace, owner=owner)
        return run, wanted

    return made


def wait(run, wanted, timeout_s=0.3):
    return services.wait_assigned(
        run.access, wanted, run.namespace, selector=run.selector, timeout_s=timeout_s
    )


def test_each_service_is_given_as_it_is_once_all_have_their_address(made):
    run, wanted = made(2)
    found = wait(run, wanted, timeout_s=10)
    assert sorted(found) == [each.name for each in wanted]
    addresses = {services.cluster_ip(each) for each in found.values()}
    assert len(addresses) == 2


def test_load_balancers_that_nothing_assigns_are_not_applicable(made):
    """The sentence names some of them, how long was waited, and what allows more."""
    run, wanted = made(5)
    with pytest.raises(NotApplicableError, match=r"No LoadBalancer .* and 2 more; nothing in this"):
        wait(run, [replace(each, kind=ServiceKind.LOAD_BALANCER) for each in wanted])


def test_one_that_is_missing_among_others_is_an_address_that_is_missing(made):
    run, (first, second) = made(2)
    with pytest.raises(AddressMissingError, match=rf"assigned within 0 s to {second.name}; "):
        wait(run, [first, replace(second, kind=ServiceKind.LOAD_BALANCER)])
