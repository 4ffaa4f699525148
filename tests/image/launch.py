"""Runs an image's program under the `restricted` Pod Security profile: launch.py DIRECTORY [ARGUMENT...].

DIRECTORY holds `root`, a link to the image's files, and `config.json`, the image's configuration. Arguments
replace the entry point. The network is the caller's, as a pod's container gets its pod's. An empty directory
is mounted where NETCADENCE_EMPTY_DIR says.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import uuid
from pathlib import Path

from netcadence.embedded.environment import SERVICE_ACCOUNT as OWN_SERVICE_ACCOUNT
from netcadence_worker.settings import SERVICE_ACCOUNT

#: The engines' own profile, which RuntimeDefault means.
SECCOMP = Path("/usr/share/containers/seccomp.json")
EMPTY_DIR = "NETCADENCE_EMPTY_DIR"
#: What describes the caller's surroundings and not the container's.
NOT_PASSED_ON = {"PATH", "HOME", "TMPDIR", "LANG", "PWD", OWN_SERVICE_ACCOUNT, EMPTY_DIR}


def seccomp():
    """Return the default profile as it applies to a container without capabilities on x86-64."""
    rules = []
    for rule in json.loads(SECCOMP.read_text())["syscalls"]:
        only, never = rule.get("includes", {}), rule.get("excludes", {})
        if only.get("caps") or "amd64" not in (only.get("arches") or ["amd64"]):
            continue
        if "amd64" in (never.get("arches") or []):
            continue
        rules.append({key: rule[key] for key in ("names", "action", "args", "errnoRet") if rule.get(key)})
    return {
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": rules,
    }


def mounts(service_account, empty):
    temporary = {"type": "tmpfs", "source": "tmpfs"}
    found = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", **temporary, "options": ["nosuid", "mode=755"]},
        {"destination": "/tmp", **temporary, "options": ["nosuid", "nodev", "mode=1777"]},  # noqa: S108
    ]
    if empty:
        where = {"destination": os.environ[EMPTY_DIR], "source": str(empty), "type": "bind"}
        found.append({**where, "options": ["bind", "rw"]})
    if service_account:
        found.append(
            {
                "destination": SERVICE_ACCOUNT,
                "type": "bind",
                "source": service_account,
                "options": ["bind", "ro"],
            }
        )
    return found


def readable_copy(source, target):
    """Copy credentials so that the container's user can read them, as a kubelet mounts them."""
    shutil.copytree(source, target)
    target.chmod(0o755)
    for file in target.iterdir():
        file.chmod(0o644)
    return str(target)


def writable_folder(folder):
    """Make a folder that the container's user can write to, as a kubelet does."""
    folder.mkdir()
    folder.chmod(0o777)
    return folder


def bundle(files, root, image, arguments):
    """Return the OCI runtime's configuration."""
    user, group = (int(number) for number in image["User"].split(":"))
    passed_on = [f"{name}={value}" for name, value in os.environ.items() if name not in NOT_PASSED_ON]
    credentials = os.environ.get(OWN_SERVICE_ACCOUNT)
    kinds = ("bounding", "effective", "inheritable", "permitted", "ambient")
    return {
        "ociVersion": "1.0.2",
        "root": {"path": root, "readonly": True},
        "process": {
            "user": {"uid": user, "gid": group},
            "args": arguments or image["Entrypoint"],
            "cwd": image.get("WorkingDir") or "/",
            "env": [*passed_on, *image["Env"]],
            "capabilities": {kind: [] for kind in kinds},
            "noNewPrivileges": True,
        },
        "mounts": mounts(
            readable_copy(credentials, files / "credentials") if credentials else None,
            writable_folder(files / "empty") if EMPTY_DIR in os.environ else None,
        ),
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")],
            "seccomp": seccomp(),
        },
    }


directory = Path(sys.argv[1])
files = Path(tempfile.mkdtemp(prefix="bundle-", dir=directory))
root = str((directory / "root").resolve())
image = json.loads((directory / "config.json").read_text())
(files / "config.json").write_text(json.dumps(bundle(files, root, image, sys.argv[2:])))
os.execvp("runc", ["runc", "run", "--bundle", str(files), f"netcadence-{uuid.uuid4()}"])  # noqa: S606 - no shell is wanted
