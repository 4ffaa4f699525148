"""A worker on a machine outside of the cluster: what it is given, and what is refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from netcadence_worker.outside import settings_of
from netcadence_worker.settings import SettingsError

CONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [
        {
            "name": "c",
            "cluster": {
                "server": "https://[fd00::1]:6443",
                "certificate-authority-data": base64.b64encode(b"authority").decode(),
            },
        }
    ],
    "users": [{"name": "u", "user": {"token": "secret-token"}}],
}


@pytest.fixture
def arguments(tmp_path):
    """Return what writes a kubeconfig and gives the command line that names it."""

    def arguments(config=CONFIG, *more):
        file = tmp_path / "outside.json"
        file.write_text(config if isinstance(config, str) else json.dumps(config))
        return ("--external", "outside", "--address", "203.0.113.7", "--kubeconfig", str(file), *more)

    return arguments


def test_a_kubeconfig_stands_for_a_pods_credentials_for_as_long_as_it_is_needed(arguments):
    """The token is readable by its owner only, and gone afterwards."""
    with settings_of(arguments()) as settings:
        folder = settings.service_account
        assert (folder / "token").read_text() == "secret-token"
        assert (folder / "token").stat().st_mode & 0o077 == 0
        assert (folder / "ca.crt").read_bytes() == b"authority"
        assert (settings.pod_name, settings.pod_ip) == ("outside", "203.0.113.7")
        assert (settings.namespace, settings.api_host, settings.api_port) == ("netcadence", "fd00::1", 6443)
    assert not Path(folder).exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("clusters: []", "is not JSON; make it with: kubectl config view"),
        ({**CONFIG, "clusters": []}, "clusters: Value error, has to have exactly one entry"),
        ({**CONFIG, "users": CONFIG["users"] * 2}, "users: Value error, has to have exactly one entry"),
        ({**CONFIG, "users": [{"user": {"client-key-data": "secret"}}]}, "users.token"),
        ({**CONFIG, "clusters": [{"cluster": {"server": "http://c"}}]}, "clusters.server"),
    ],
)
def test_a_kubeconfig_that_does_not_do_is_refused_by_its_field_without_its_secrets(arguments, change, words):
    """The sentence names file and field, and how to make one that does."""
    with pytest.raises(SettingsError, match=r"outside\.json") as refused, settings_of(arguments(change)):
        pass
    assert words in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("given", [("--external",), ("--external", "a"), ("--external", "a", "--what", "b")])
def test_a_command_line_that_does_not_do_says_how_it_should_be(given):
    """The usage stands beside what is wrong."""
    with (
        pytest.raises(SettingsError, match=r"usage: netcadence-worker \[-h\] --external NAME"),
        settings_of(given),
    ):
        pass


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [(1, "A B", "^--external: "), (3, "localhost", "^--address: "), (7, "A", "^--namespace: ")],
)
def test_a_value_that_does_not_do_is_named_by_its_option(arguments, place, value, words):
    """Not by the variable that a pod would have."""
    given = [*arguments(CONFIG, "--namespace", "bench")]
    given[place] = value
    with pytest.raises(SettingsError, match=words), settings_of(given):
        pass
