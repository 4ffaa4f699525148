"""What a cluster keeps on disk while it runs: one directory, open to nobody else, gone when it ends."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from netcadence.embedded.errors import EmbeddedClusterError
from netcadence.embedded.processes import ProcessIdentity
from netcadence.embedded.settings import NetworkKind, is_name, require_name

#: Overrides where clusters keep their directories; those in other places are then not seen.
ROOT_VARIABLE: Final = "NETCADENCE_EMBEDDED_ROOT"
_LOG_TAIL_LINES: Final = 20


def root() -> Path:
    """Return the directory of this user's clusters, made if need be.

    Raises:
        EmbeddedClusterError: It belongs to somebody else, or others can look into it.
    """
    path = _root_path()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise EmbeddedClusterError(
            f"{path} has to be a directory of yours that is closed to others (mode 0700)"
        )
    return path


def _root_path() -> Path:
    if override := os.environ.get(ROOT_VARIABLE):
        return Path(override)
    if os.geteuid() == 0:
        return Path("/run/netcadence")
    if runtime := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / "netcadence"
    return Path(tempfile.gettempdir()) / f"netcadence-{os.geteuid()}"


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """Be the only one of this user's processes that brings a cluster up or down."""
    with (root() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@dataclass(frozen=True, slots=True)
class DaemonRecord:
    """What the daemon tells others about itself."""

    pid: int
    start: int
    network: NetworkKind
    api_url: str

    @property
    def identity(self) -> ProcessIdentity:
        return ProcessIdentity(self.pid, self.start)


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The directory of one cluster."""

    directory: Path

    @classmethod
    def of(cls, name: str) -> ClusterState:
        """Return the directory of the cluster of that name, whether it is there or not.

        It is removed with all that is in it when the cluster goes, so that no name may lead elsewhere.

        Raises:
            EmbeddedClusterError: No cluster can have that name.
        """
        require_name(name)
        return cls(root() / name)

    @classmethod
    def all(cls) -> list[ClusterState]:
        return [cls(path) for path in sorted(root().iterdir()) if is_name(path.name) and path.is_dir()]

    @property
    def name(self) -> str:
        return self.directory.name

    @property
    def settings(self) -> Path:
        return self.directory / "settings.json"

    @property
    def kubeconfig(self) -> Path:
        return self.directory / "kubeconfig"

    @property
    def authority(self) -> Path:
        return self.directory / "ca.crt"

    @property
    def server_certificate(self) -> Path:
        return self.directory / "server.crt"

    @property
    def server_key(self) -> Path:
        return self.directory / "server.key"

    @property
    def pods(self) -> Path:
        return self.directory / "pods"

    @property
    def names(self) -> Path:
        return self.directory / "names"

    @property
    def service_accounts(self) -> Path:
        return self.directory / "service-accounts"

    @property
    def daemon_log(self) -> Path:
        return self.directory / "daemon.log"

    @property
    def _record(self) -> Path:
        return self.directory / "daemon.json"

    def write_record(self, record: DaemonRecord) -> None:
        write_private(self._record, json.dumps(asdict(record)))

    def read_record(self) -> DaemonRecord | None:
        """Return what the daemon wrote about itself; None if it never got so far."""
        try:
            return DaemonRecord(**json.loads(self._record.read_text()))
        except FileNotFoundError:
            return None

    def log_tail(self) -> str:
        """Return the daemon's last log lines."""
        try:
            lines = self.daemon_log.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return "\n".join(lines[-_LOG_TAIL_LINES:])

    def process_identities(self) -> list[ProcessIdentity]:
        """Return the first processes of all containers, as their files say."""
        found = []
        for path in self.pods.glob("*/*.pid"):
            with contextlib.suppress(FileNotFoundError, ValueError):  # being written or removed right now
                found.append(ProcessIdentity.parse(path.read_text()))
        return found


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file that only its owner can read; readers see all of it or nothing."""
    data = content.encode() if isinstance(content, str) else content
    partial = path.with_name(f".{path.name}.new")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    partial.rename(path)
