"""Service accounts' credentials: for each account a token of its own, and the files in which pods find it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from netcadence.embedded.credentials import new_token
from netcadence.embedded.state import write_private


class ServiceAccountFiles:
    """The directory `token`, `ca.crt` and `namespace` of each account that some pod uses.

    As on a kubelet, they belong to the user whom the pod's containers run as, and to nobody else. Their way
    there stays closed to that user on this machine: a container's runtime opens it by mounting the directory.
    """

    def __init__(self, directory: Path, authority: bytes, grant: Callable[[str, str, str], None]) -> None:
        """Begin with no accounts.

        Args:
            directory: Where the accounts' directories go.
            authority: PEM of the certificate authority.
            grant: Told of each new token, with its account's namespace and name.
        """
        self._directory = directory
        self._authority = authority
        self._grant = grant

    def __call__(self, namespace: str, name: str, user: int | None = None) -> Path:
        """Return the directory of an account, made when it is first asked for.

        Args:
            user: Whose the files are; None, or without root any, for this process's own user.
        """
        owner = user if user is not None and os.geteuid() == 0 else os.geteuid()
        directory = self._directory / namespace / name / str(owner)
        if not directory.exists():
            directory.mkdir(mode=0o700, parents=True)
            token = new_token()
            self._grant(token, namespace, name)
            write_private(directory / "ca.crt", self._authority)
            write_private(directory / "namespace", namespace)
            write_private(directory / "token", token)
            for path in (directory, *directory.iterdir()):
                # Root in a container may not give files away; its pods then are root as well.
                with contextlib.suppress(PermissionError):
                    os.chown(path, owner, -1)
        return directory


def user_of(spec: Mapping[str, Any]) -> int | None:
    """Return the user whom all of a pod's containers run as; None where they differ, or do not say."""
    common = (spec.get("securityContext") or {}).get("runAsUser")
    users = {(each.get("securityContext") or {}).get("runAsUser", common) for each in spec["containers"]}
    return users.pop() if len(users) == 1 else None
