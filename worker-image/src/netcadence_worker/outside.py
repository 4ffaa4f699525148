"""A worker outside of the cluster, started by a person: a kubeconfig stands for what a pod is given.

`kubectl config view --minify --raw --flatten --output json` writes such a file, with the token of the
workers' account in it. Only JSON is read, so that a worker needs no parser of YAML.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from netcadence_worker.settings import OUTSIDE, SERVICE_ACCOUNT_VARIABLE, Settings, SettingsError, WireName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_HOW: Final = "kubectl config view --minify --raw --flatten --output json"
_OPTION_OF: Final = {"POD_NAME": OUTSIDE, "POD_IP": "--address", "POD_NAMESPACE": "--namespace"}
_HTTPS: Final = 443
_OWNER_ONLY: Final = 0o600


class _Read(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


def _without_name(key: str) -> BeforeValidator:
    """Take what a list's only entry holds beside its name."""

    def only(entries: Any) -> Any:
        if not isinstance(entries, list) or len(entries) != 1 or not isinstance(entries[0], dict):
            raise ValueError("has to have exactly one entry")
        return entries[0].get(key)

    return BeforeValidator(only)


class _Cluster(_Read):
    server: Annotated[str, Field(pattern=r"^https://[!-~]+$")]
    authority: Annotated[str, Field(alias="certificate-authority-data", min_length=1)]


class _User(_Read):
    token: Annotated[str, Field(min_length=1, pattern=r"^[!-~]+$")]


class _Kubeconfig(_Read):
    cluster: Annotated[_Cluster, Field(alias="clusters"), _without_name("cluster")]
    user: Annotated[_User, Field(alias="users"), _without_name("user")]


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{message}; {' '.join(self.format_usage().split())}")


@contextlib.contextmanager
def settings_of(arguments: Sequence[str]) -> Iterator[Settings]:
    """Give what a pod would be told, with its credentials in files for as long as this lasts.

    Raises:
        SettingsError: An option or the kubeconfig is not acceptable.
    """
    given = _parser().parse_args(arguments)
    config = _read(given.kubeconfig)
    server = urlsplit(config.cluster.server)
    with tempfile.TemporaryDirectory(prefix="netcadence-worker-") as folder:
        _write(Path(folder) / "token", config.user.token.encode())
        _write(Path(folder) / "ca.crt", _decoded(given.kubeconfig, config.cluster.authority))
        environment = {
            "POD_NAME": given.external,
            "POD_NAMESPACE": given.namespace,
            "POD_IP": given.address,
            "KUBERNETES_SERVICE_HOST": server.hostname or "",
            "KUBERNETES_SERVICE_PORT": str(server.port or _HTTPS),
            SERVICE_ACCOUNT_VARIABLE: folder,
            "NETCADENCE_WIRE": WireName.NETCADENCE,
        }
        yield _settings(environment)


def _settings(environment: Mapping[str, str]) -> Settings:
    try:
        return Settings.from_environment(environment)
    except SettingsError as error:
        variable, _, trouble = str(error).partition(":")
        raise SettingsError(f"{_OPTION_OF.get(variable, '--kubeconfig')}:{trouble}") from error


def _parser() -> _Parser:
    parser = _Parser(prog="netcadence-worker", description=__doc__, allow_abbrev=False)
    parser.add_argument(OUTSIDE, metavar="NAME", required=True, help="external.name of the scenario")
    parser.add_argument("--address", metavar="IP", required=True, help="where to listen: external.address")
    parser.add_argument("--kubeconfig", metavar="FILE", required=True, type=Path, help=f"from: {_HOW}")
    parser.add_argument("--namespace", metavar="NAME", default="netcadence", help="of the runs")
    return parser


def _read(file: Path) -> _Kubeconfig:
    try:
        return _Kubeconfig.model_validate(json.loads(file.read_bytes()))
    except OSError as error:
        raise SettingsError(f"--kubeconfig {file}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False)[0]  # what is in there may be a secret
        place = ".".join(map(str, first["loc"]))
        raise SettingsError(f"--kubeconfig {file}: {place}: {first['msg']}; make it with: {_HOW}") from error
    except ValueError as error:
        raise SettingsError(f"--kubeconfig {file}: is not JSON; make it with: {_HOW}") from error


def _decoded(file: Path, text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise SettingsError(f"--kubeconfig {file}: certificate-authority-data is not base64") from error


def _write(file: Path, content: bytes) -> None:
    file.touch(mode=_OWNER_ONLY)
    file.write_bytes(content)
