"""The environment, read or refused by the variable's name."""

from __future__ import annotations

import pytest

from netcadence_worker.contract import Tool
from netcadence_worker.settings import Settings, SettingsError

GIVEN = {
    "POD_NAME": "worker-1",
    "POD_NAMESPACE": "bench",
    "KUBERNETES_SERVICE_HOST": "10.0.0.1",
    "KUBERNETES_SERVICE_PORT": "443",
}


def test_least_environment_is_enough():
    """Address, UID and tools may be left out; an empty variable counts as left out."""
    settings = Settings.from_environment({**GIVEN, "POD_IP": "", "UNRELATED": "x"})
    assert (settings.pod_name, settings.api_port, settings.pod_ip, settings.tools) == (
        "worker-1",
        443,
        None,
        (),
    )


def test_tools_are_a_comma_list():
    """Blanks around the names do not matter."""
    assert Settings.from_environment({**GIVEN, "NETCADENCE_TOOLS": "iperf, siege,"}).tools == (
        Tool.IPERF,
        Tool.SIEGE,
    )


def test_namespace_comes_from_the_service_account(tmp_path):
    """Without POD_NAMESPACE the mounted file tells."""
    (tmp_path / "namespace").write_text("mounted\n")
    environment = {**GIVEN, "POD_NAMESPACE": "", "NETCADENCE_SERVICE_ACCOUNT": str(tmp_path)}
    assert Settings.from_environment(environment).namespace == "mounted"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POD_NAME", ""),
        ("POD_NAME", "../etc"),
        ("POD_NAMESPACE", "Bench"),
        ("POD_IP", "localhost"),
        ("KUBERNETES_SERVICE_HOST", ""),
        ("KUBERNETES_SERVICE_PORT", "https"),
        ("NETCADENCE_TOOLS", "iperf,nc"),
    ],
)
def test_unusable_variable_is_named(name, value):
    """The error begins with the variable."""
    with pytest.raises(SettingsError, match=f"^{name}: "):
        Settings.from_environment({**GIVEN, name: value})


def test_missing_namespace_is_named(tmp_path):
    """Neither variable nor file: the error names both."""
    environment = {**GIVEN, "POD_NAMESPACE": "", "NETCADENCE_SERVICE_ACCOUNT": str(tmp_path)}
    with pytest.raises(SettingsError, match=r"^POD_NAMESPACE: .*namespace cannot be read"):
        Settings.from_environment(environment)


@pytest.mark.parametrize(("destination", "source"), [("198.18.0.2", "198.18.0.1"), ("fd00::2", None)])
def test_source_is_of_the_destinations_family(destination, source):
    """An IPv4 address is no source for IPv6 traffic."""
    assert Settings.from_environment({**GIVEN, "POD_IP": "198.18.0.1"}).source_for(destination) == source
