"""What a worker is told by its environment."""

from __future__ import annotations

import enum
import ipaddress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from netcadence_worker import clusterloader
from netcadence_worker.contract import PodIP, PodName, PodUID, Tool

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Where Kubernetes mounts a pod's credentials.
SERVICE_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
#: Variable that names the folder where they are elsewhere.
SERVICE_ACCOUNT_VARIABLE: Final = "NETCADENCE_SERVICE_ACCOUNT"
#: On the command line of a worker that has no pod, and whose environment says nothing: see `outside`.
OUTSIDE: Final = "--external"


class WireName(enum.StrEnum):
    """Whose custom resources a worker serves."""

    NETCADENCE = "netcadence"
    CLUSTERLOADER = "clusterloader"


class SettingsError(Exception):
    """The environment lacks something or holds something unusable; the text names the variable."""


class Settings(BaseModel):
    """A worker's own identity and where its API server is; each alias is the variable's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pod_name: PodName = Field(alias="POD_NAME")
    namespace: PodName = Field(alias="POD_NAMESPACE")
    pod_uid: PodUID | None = Field(default=None, alias="POD_UID")
    #: Own address: servers listen on it, clients send from it. Without one, all addresses are used.
    pod_ip: PodIP | None = Field(default=None, alias="POD_IP")
    #: All of them, where the pod has one of each family.
    pod_ips: tuple[PodIP, ...] = Field(default=(), alias="POD_IPS")
    api_host: Annotated[str, Field(min_length=1)] = Field(alias="KUBERNETES_SERVICE_HOST")
    api_port: Annotated[int, Field(ge=1, le=65_535)] = Field(alias="KUBERNETES_SERVICE_PORT")
    #: Directory with `token`, `ca.crt` and `namespace`.
    service_account: Path = Field(default=Path(SERVICE_ACCOUNT), alias=SERVICE_ACCOUNT_VARIABLE)
    #: Tools without which this worker is of no use.
    tools: tuple[Tool, ...] = Field(default=(), alias="NETCADENCE_TOOLS")

    #: Address of a worker that is to be tried from the first moment on.
    knock_at: PodIP | None = Field(default=None, alias="NETCADENCE_KNOCK_AT")

    #: Whose requests to serve. Where it is not said the namespace tells: ClusterLoader2's orchestrator cannot
    #: be made to say it, and has a namespace of its own, where no other worker has any business.
    wire: WireName | None = Field(default=None, alias="NETCADENCE_WIRE")

    @property
    def speaks_clusterloader(self) -> bool:
        if self.wire is None:
            return self.namespace == clusterloader.NAMESPACE
        return self.wire is WireName.CLUSTERLOADER

    @field_validator("tools", "pod_ips", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return (
            [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings; an empty variable counts as one that is not there.

        Raises:
            SettingsError: A variable is missing or unusable, or the namespace is given nowhere.
        """
        names = [field.alias for field in cls.model_fields.values() if field.alias]
        given = {name: environment[name] for name in names if environment.get(name)}
        given.setdefault("POD_NAMESPACE", _mounted_namespace(given))
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            raise SettingsError(f"{first['loc'][0]}: {first['msg']} (given: {first['input']!r})") from error

    @property
    def own_addresses(self) -> tuple[str, ...]:
        """The pod's addresses, its first before all; none where they are not known."""
        first = (self.pod_ip,) if self.pod_ip else ()
        return tuple(dict.fromkeys((*first, *self.pod_ips)))

    def source_for(self, destination: str) -> str | None:
        """Return the own address to send from to `destination`, or None to leave it to the kernel."""
        version = ipaddress.ip_address(destination).version
        own = self.own_addresses
        return next((each for each in own if ipaddress.ip_address(each).version == version), None)


def _mounted_namespace(given: Mapping[str, str]) -> str:
    file = Path(given.get(SERVICE_ACCOUNT_VARIABLE, SERVICE_ACCOUNT)) / "namespace"
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        if "POD_NAMESPACE" in given:
            return given["POD_NAMESPACE"]
        raise SettingsError(f"POD_NAMESPACE: not set, and {file} cannot be read: {error}") from error
