"""ClusterLoader2's names, its worker's arguments, and its requests and reports as this worker has them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcadence_worker import clusterloader
from netcadence_worker.clusterloader_arguments import udp_argument, udp_options
from netcadence_worker.clusterloader_wire import ClusterloaderWire, as_contract
from netcadence_worker.contract import POD_LABEL_PREFIX, IperfOptions, RequestSpec, Role
from netcadence_worker.settings import SettingsError

OPTIONS = st.builds(
    IperfOptions,
    bandwidth=st.none() | st.integers(1_000, 10**12),
    length=st.none() | st.integers(64, 1_048_576),
    window=st.none() | st.integers(1_024, 1_073_741_824),
)


def request(protocol="TCP", status=None, **spec):
    whole = {
        "clientPodName": "worker-a",
        "serverPodName": "worker-b",
        "serverPodIP": "198.18.0.2",
        "protocol": protocol,
        "duration": 10,
        "clientStartTimestamp": int(time.time()) + 15,
        "numberOfClients": 50,
    }
    labels = clusterloader.labels("worker-a", "worker-b")
    metadata = {"name": "network-test-7", "uid": "6b1c-7", "labels": labels | {"team": "network"}}
    return {"metadata": metadata, "spec": whole | spec, "status": status or {"metrics": []}}


@given(index=st.integers(0, 10**9))
def test_an_index_is_read_back_from_the_requests_name(index):
    assert clusterloader.index_of(clusterloader.request_name(index)) == index


@pytest.mark.parametrize("name", ["", "network-test-", "network-test--1", "test-1", "network-test-²"])
def test_a_name_that_its_orchestrator_does_not_give_is_refused(name):
    with pytest.raises(ValueError, match="is not named network-test-<index>"):
        clusterloader.index_of(name)


def test_pod_names_are_label_keys_by_which_each_worker_finds_its_request():
    assert clusterloader.labels("a", "b") == {"a": "clientPodName", "b": "serverPodName"}
    assert clusterloader.selector("a") == "a in (clientPodName,serverPodName)"
    roles = [clusterloader.role_of(label) for label in ("clientPodName", "serverPodName", "network")]
    assert roles == [Role.CLIENT, Role.SERVER, None]


@given(options=OPTIONS.filter(lambda each: each != IperfOptions()))
def test_options_of_iperf_are_read_back_from_their_argument(options):
    assert udp_options(["--v=4", udp_argument(options)]) == options


@pytest.mark.parametrize(
    ("arguments", "bandwidth"),
    [
        (["--udpClientExtraArguments=-b 750M"], 750 * 2**20),
        (["--udpClientExtraArguments=-b750m"], 750_000_000),
        (["--udpClientExtraArguments=-b 1M", "--udpClientExtraArguments=-b 2k"], 2_000),
    ],
)
def test_amounts_are_what_iperf_takes_them_for_and_the_last_argument_counts(arguments, bandwidth):
    assert udp_options(arguments).bandwidth == bandwidth


@pytest.mark.parametrize("arguments", [[], ["--log_file=/var/log/x", "--logtostderr=false", "--v=4"]])
def test_arguments_that_do_not_concern_traffic_are_passed_over(arguments):
    assert udp_options(arguments) is None


@pytest.mark.parametrize(
    "given", ["-b", "-b -1", "-b 1M; reboot", "-c 10.0.0.1", "-b 1T", "750M", "-b 1M -x 2", "-l 1"]
)
def test_any_other_argument_of_iperf_is_refused(given):
    with pytest.raises(SettingsError, match=r"^--udpClientExtraArguments: allowed are -b, -l and -w"):
        udp_options([f"--udpClientExtraArguments={given}"])


@given(text=st.text(max_size=40))
def test_whatever_the_argument_says_only_bounded_options_come_of_it(text):
    try:
        found = udp_options([f"--udpClientExtraArguments={text}"])
    except SettingsError:
        return
    assert isinstance(found, IperfOptions)


@pytest.mark.parametrize(("protocol", "port"), [("TCP", 5001), ("UDP", 5001), ("HTTP", 5301)])
def test_a_request_is_one_of_the_contract(protocol, port):
    found = as_contract(request(protocol), IperfOptions(bandwidth=1_000_000))
    spec = RequestSpec.model_validate(found["spec"])
    assert (spec.protocol, spec.port, spec.duration, spec.number_of_clients) == (protocol, port, 10, 1)
    assert spec.tool is clusterloader.TOOL_OF[spec.protocol]
    assert (spec.options.iperf is not None) == (protocol == "UDP")
    assert (spec.options.siege is not None) == (protocol == "HTTP")
    assert found["metadata"]["labels"] == {
        f"{POD_LABEL_PREFIX}worker-a": "client",
        f"{POD_LABEL_PREFIX}worker-b": "server",
    }


@pytest.mark.parametrize(("ahead_s", "least", "most"), [(-3600, 10, 10), (15, 24, 26), (10**6, 600, 600)])
def test_the_sides_look_for_each_other_until_shortly_after_the_start(ahead_s, least, most):
    found = as_contract(request(clientStartTimestamp=int(time.time()) + ahead_s), None)
    assert least <= found["spec"]["armTimeout"] <= most


@pytest.mark.parametrize(
    ("status", "phase"),
    [({"metrics": [1.0, 2.0]}, "Succeeded"), ({"metrics": [], "error": "it broke"}, "Failed")],
)
def test_a_request_that_has_its_report_is_over_for_both_sides(status, phase):
    found = as_contract(request(status=status), None)["status"]
    assert found == {"client": {"phase": phase}, "server": {"phase": phase}}


@pytest.mark.parametrize("status", [None, {"metrics": []}])
def test_a_request_without_report_is_open(status):
    assert as_contract(request(status=status), None)["status"] == {}


@pytest.mark.parametrize("phase", ["Pending", "Armed", "Running"])
def test_nothing_is_reported_before_the_end_since_any_update_counts_as_the_response(phase):
    assert ClusterloaderWire().report({"phase": phase}) is None


def test_the_end_is_reported_by_position_and_an_error_as_a_string():
    wire = ClusterloaderWire()
    told = wire.report({"phase": "Succeeded", "metrics": [1.0, 2.0], "workerDelay": 0.5})
    assert told == {"metrics": [1.0, 2.0], "workerDelay": 0.5}
    error = {"reason": "ToolMissing", "message": "no iperf"}
    assert wire.report({"phase": "Failed", "error": error}) == {
        "metrics": [],
        "error": "ToolMissing: no iperf",
    }


class Stored:
    """An API that holds one request, and counts its updates."""

    def __init__(self, held):
        self.held = held
        self.updates = 0

    def get(self, resource, name):
        assert (resource, name) == (clusterloader.REQUESTS, self.held["metadata"]["name"])
        return self.held

    def replace(self, resource, name, held):
        assert (resource, name) == (clusterloader.REQUESTS, self.held["metadata"]["name"])
        self.held = held
        self.updates += 1


def test_a_report_whose_answer_was_lost_is_delivered_once():
    stored, report = Stored(request()), {"metrics": [1.0, 2.0], "workerDelay": 0.0}
    for _ in range(2):
        ClusterloaderWire().deliver(stored, "network-test-7", report)
    assert stored.updates == 1
    assert stored.held == request(
        clientStartTimestamp=stored.held["spec"]["clientStartTimestamp"], status=report
    )
