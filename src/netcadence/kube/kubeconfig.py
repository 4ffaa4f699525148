"""Which cluster to talk to: a kubeconfig's context, or the cluster in whose pod this runs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from netcadence.kube.errors import ClusterUnknownError
from netcadence_worker.settings import SERVICE_ACCOUNT_VARIABLE

if TYPE_CHECKING:
    from kubernetes.client import Configuration


class Source(NamedTuple):
    """Where a configuration was read.

    Attributes:
        cluster: The cluster's name there.
        context: The context that was read, to read the same one again; None in a pod.
        credentials: Whose credentials they are, as part of a sentence.
    """

    cluster: str
    context: str | None
    credentials: str


def configure(configuration: Configuration, *, kubeconfig: Path | None, context: str | None) -> Source:
    """Let the official client read a kubeconfig, or in a pod without one the service account's files.

    Args:
        configuration: Where address and credentials go.
        kubeconfig: The file; by default KUBECONFIG or ~/.kube/config.
        context: Its context; by default the current one.

    Raises:
        ClusterUnknownError: There is no such file or context, or it cannot be read.
    """
    from kubernetes.config import kube_config  # noqa: PLC0415 - see Access.connect
    from kubernetes.config.config_exception import ConfigException  # noqa: PLC0415 - likewise

    # An empty KUBECONFIG names none.
    where = str(kubeconfig or kube_config.KUBE_CONFIG_DEFAULT_LOCATION or "~/.kube/config")
    try:
        merged = kube_config.KubeConfigMerger(where).config
        if merged is not None:
            chosen = _context(merged.value, where, context)
            kube_config.load_kube_config(
                config_file=where,
                context=chosen["name"],
                client_configuration=configuration,
                persist_config=False,
            )
            name = str(chosen["name"])
            credentials = f"kubeconfig {where}, context {name}"
            return Source(str(chosen["context"].get("cluster", name)), name, credentials)
        if kubeconfig or context or not os.environ.get("KUBERNETES_SERVICE_HOST"):
            raise _refusal(f"there is no kubeconfig {where}")
        _read_service_account(configuration)
    except OSError as error:
        raise _refusal(f"kubeconfig {where}: {error.strerror or error}") from error
    except (ConfigException, yaml.YAMLError) as error:
        raise _refusal(f"kubeconfig {where}: {error}") from error
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        # The official client takes the file for what it should be, and stumbles where it is not.
        raise _refusal(f"{where} is not a kubeconfig") from error
    return Source("in-cluster", None, "this pod's service account")


def _read_service_account(configuration: Configuration) -> None:
    from kubernetes.config import incluster_config  # noqa: PLC0415 - see Access.connect

    folder = os.environ.get(SERVICE_ACCOUNT_VARIABLE)
    loader = incluster_config.InClusterConfigLoader(
        token_filename=f"{folder}/token" if folder else incluster_config.SERVICE_TOKEN_FILENAME,
        cert_filename=f"{folder}/ca.crt" if folder else incluster_config.SERVICE_CERT_FILENAME,
    )
    loader.load_and_set(configuration)


def _context(merged: dict[str, Any], where: str, wanted: str | None) -> dict[str, Any]:
    contexts = {entry["name"]: entry.value for entry in merged["contexts"]}
    name = wanted or merged.get("current-context")
    if name not in contexts:
        asked = f"has no context {name!r}" if name else "names no current context"
        raise _refusal(f"kubeconfig {where} {asked}; it has: {', '.join(contexts) or 'none'}")
    found: dict[str, Any] = contexts[name]
    return found


def _refusal(why: str) -> ClusterUnknownError:
    sentence = " ".join(why.split()).rstrip(".")
    return ClusterUnknownError(
        f"No cluster to talk to: {sentence}. Name a kubeconfig with --kubeconfig or KUBECONFIG, "
        "or use --embedded for a cluster on this machine."
    )
