"""How pods come to ask the cluster's name server: each sees a resolv.conf of its own.

It is there through a mount namespace, which this process keeps open: so that nothing of the machine changes,
and nothing is left when the process ends, however it ends. Pods that ask alike share one.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from netcadence.embedded.dns.records import ZONE
from netcadence.embedded.place import Place

_RESOLV_CONF: Final = Path("/etc/resolv.conf")
_CLONE_NEWNS: Final = 0x00020000
_MS_BIND, _MS_REC, _MS_SLAVE = 0x1000, 0x4000, 0x80000
_MNT_DETACH: Final = 2
_NDOTS: Final = 5
#: Mounts of network namespaces: copies of them would keep alive those of pods that are gone.
_NAMESPACES: Final = "/run/netns"


def resolv_conf(pod: Mapping[str, Any], servers: Sequence[str]) -> str | None:
    """Return what a pod's resolv.conf says; None where it is the machine's own.

    Args:
        servers: Addresses of the cluster's name server.
    """
    spec, namespace = pod["spec"], pod["metadata"]["namespace"]
    policy = spec.get("dnsPolicy", "ClusterFirst")
    config = spec.get("dnsConfig") or {}
    names: list[str] = []
    searches: list[str] = []
    options: dict[str, str | None] = {}
    if policy == "ClusterFirstWithHostNet" or (policy == "ClusterFirst" and not spec.get("hostNetwork")):
        names = list(servers)
        searches = [f"{namespace}.svc.{ZONE}", f"svc.{ZONE}", ZONE]
        options = {"ndots": str(_NDOTS)}
    elif policy != "None":
        return None
    names = [*names, *config.get("nameservers", ())]
    searches = list(dict.fromkeys([*searches, *config.get("searches", ())]))
    options |= {each["name"]: each.get("value") for each in config.get("options", ())}
    lines = [f"search {' '.join(searches)}"] * bool(searches)
    lines += [f"nameserver {name}" for name in names]
    shown = " ".join(f"{name}:{value}" if value else name for name, value in options.items())
    lines += [f"options {shown}"] * bool(shown)
    return "".join(f"{line}\n" for line in lines)


class Resolver:
    """Lets pods ask the cluster's name server: a mount namespace for each content of resolv.conf."""

    def __init__(self, directory: Path, servers: Sequence[str]) -> None:
        """Begin with none.

        Args:
            directory: Where the files go.
            servers: Addresses of the cluster's name server.
        """
        self._directory = directory
        self._servers = servers
        self._open: dict[str, int] = {}

    def mounts(self, pod: Mapping[str, Any]) -> Path | None:
        """Return the mount namespace of a pod; None where it sees the machine's own resolv.conf.

        Raises:
            OSError: The system refused.
        """
        content = resolv_conf(pod, self._servers)
        return None if content is None else self._namespace(content)

    def try_out(self) -> None:
        """Make sure that all this works here.

        Raises:
            OSError: It does not.
        """
        pod = {"metadata": {"namespace": "default"}, "spec": {}}
        argv = Place(mounts=self.mounts(pod)).command(["true"])
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode:
            raise OSError(done.returncode, f"{' '.join(argv)}: {done.stderr.strip()}")

    def _namespace(self, content: str) -> Path:
        if content not in self._open:
            self._open[content] = self._make(content)
        return Path(f"/proc/{os.getpid()}/fd/{self._open[content]}")

    def close(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)
        self._open.clear()

    def _make(self, content: str) -> int:
        self._directory.mkdir(mode=0o755, exist_ok=True)
        file = self._directory / f"resolv.conf.{len(self._open)}"
        file.write_text(content)
        file.chmod(0o644)
        found: list[int | OSError] = []

        def enter_and_keep() -> None:
            try:
                found.append(_mount_over(file))
            except OSError as error:
                found.append(error)

        # In a thread of its own, which ends with it: it does not come back from there.
        thread = threading.Thread(target=enter_and_keep, name="resolver-mount")
        thread.start()
        thread.join()
        if isinstance(found[0], OSError):
            raise found[0]
        return found[0]


def _mount_over(file: Path) -> int:
    """Put this thread into a mount namespace in which a file lies over resolv.conf; return the namespace."""
    libc = ctypes.CDLL(None, use_errno=True)

    def done(result: int, what: str) -> None:
        if result != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"{what}: {os.strerror(number)}")

    done(libc.unshare(_CLONE_NEWNS), "a mount namespace cannot be had")
    # What is unmounted on the machine later is to go here, too; what is mounted here stays here.
    apart = ctypes.c_ulong(_MS_REC | _MS_SLAVE)
    done(libc.mount(None, b"/", None, apart, None), "mounts cannot be kept apart")
    libc.umount2(_NAMESPACES.encode(), _MNT_DETACH)
    target = os.path.realpath(_RESOLV_CONF)
    done(
        libc.mount(str(file).encode(), target.encode(), None, ctypes.c_ulong(_MS_BIND), None),
        f"nothing can be mounted over {target}",
    )
    return os.open("/proc/thread-self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
