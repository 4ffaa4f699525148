"""The environment of a container: what the node, the cluster, the image and the pod spec put into it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from netcadence.embedded.images import ContainerRefusedError, Image

#: Where a process finds its service account's files; /var/run/secrets/… is one for all of a machine.
SERVICE_ACCOUNT: Final = "NETCADENCE_SERVICE_ACCOUNT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a pod's containers can be told about where they run."""

    pod: Mapping[str, Any]
    ips: tuple[str, ...]
    host_ips: tuple[str, ...]
    directory: Path
    service_account: Path
    api_host: str
    api_port: int

    def field(self, path: str) -> str:
        """Return the value of a `fieldRef`.

        Raises:
            ContainerRefusedError: There is no such field.
        """
        metadata, spec = self.pod["metadata"], self.pod["spec"]
        values = {
            "metadata.name": metadata["name"],
            "metadata.namespace": metadata["namespace"],
            "metadata.uid": metadata["uid"],
            "spec.nodeName": spec["nodeName"],
            "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
            "status.podIP": self.ips[0],
            "status.podIPs": ",".join(self.ips),
            "status.hostIP": self.host_ips[0],
            "status.hostIPs": ",".join(self.host_ips),
        }
        for kind in ("labels", "annotations"):
            for key, value in (metadata.get(kind) or {}).items():
                values[f"metadata.{kind}['{key}']"] = value
            if path.startswith(f"metadata.{kind}["):
                return str(values.get(path, ""))
        if path not in values:
            raise ContainerRefusedError(f"fieldRef {path!r} is none of {', '.join(sorted(values))}")
        return str(values[path])


def environment(surroundings: Surroundings, image: Image, container: Mapping[str, Any]) -> dict[str, str]:
    """Return a container's variables; of the daemon's own environment only PATH gets in.

    Raises:
        ContainerRefusedError: A variable takes its value from something that embedded nodes do not offer.
    """
    directory = str(surroundings.directory)
    given = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": directory,
        "TMPDIR": directory,
    }
    given["HOSTNAME"] = surroundings.pod["metadata"]["name"]
    given |= image.environment
    if container.get("envFrom"):
        raise ContainerRefusedError("envFrom is not offered by embedded nodes")
    for variable in container.get("env") or []:
        given[variable["name"]] = _value(surroundings, variable)
    given["KUBERNETES_SERVICE_HOST"] = surroundings.api_host
    given["KUBERNETES_SERVICE_PORT"] = given["KUBERNETES_SERVICE_PORT_HTTPS"] = str(surroundings.api_port)
    given[SERVICE_ACCOUNT] = str(surroundings.service_account)
    return given


def _value(surroundings: Surroundings, variable: Mapping[str, Any]) -> str:
    source = variable.get("valueFrom")
    if not source:
        return str(variable.get("value") or "")
    if "fieldRef" in source:
        return surroundings.field(source["fieldRef"]["fieldPath"])
    raise ContainerRefusedError(
        f"variable {variable['name']}: {', '.join(source)} is not offered by embedded nodes; "
        "value and valueFrom.fieldRef are"
    )
