"""Service accounts' credentials: for each account a token of its own, and the files in which pods find it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from netcadence.embedded.credentials import new_token
from netcadence.embedded.state import write_private


class ServiceAccountFiles:
    """The directory `token`, `ca.crt` and `namespace` of each account that some pod uses."""

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

    def __call__(self, namespace: str, name: str) -> Path:
        """Return the directory of an account, made when it is first asked for."""
        directory = self._directory / namespace / name
        if not directory.exists():
            directory.mkdir(mode=0o700, parents=True)
            token = new_token()
            self._grant(token, namespace, name)
            write_private(directory / "ca.crt", self._authority)
            write_private(directory / "namespace", namespace)
            write_private(directory / "token", token)
        return directory
