"""The image, built here by buildah on a base that debootstrap makes: no registry is asked for anything.

They take a minute, and some more where there is no base yet; where there is no builder they are skipped.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.environment import CHECKOUT

LAUNCH = Path(__file__).with_name("launch.py")
BASE, IMAGE = "localhost/netcadence-test-base:13", "localhost/netcadence-worker:test"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "netcadence" / "image-tests"
NEEDED = ("buildah", "debootstrap", "runc")


def why_not():
    """Say why no image can be built and run here, or nothing."""
    if os.geteuid() != 0 or platform.machine() != "x86_64":
        return "images are built and run as root on x86-64 only"
    missing = [name for name in NEEDED if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)} (apt-get install {' '.join(NEEDED)})" if missing else ""


def run(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout.strip()


@pytest.fixture(scope="session")
def storage():
    """Point buildah to a storage of these tests' own."""
    if reason := why_not():
        pytest.skip(reason)
    CACHE.mkdir(parents=True, exist_ok=True)
    settings = CACHE / "storage.conf"
    settings.write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{CACHE}/graph"\nrunroot = "{CACHE}/run"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_STORAGE_CONF", str(settings))
        patch.setenv("BUILDAH_ISOLATION", "chroot")
        yield


@pytest.fixture(scope="session")
def base(storage, tmp_path_factory):
    del storage
    there = subprocess.run(["buildah", "inspect", "--type", "image", BASE], capture_output=True, check=False)
    if there.returncode == 0:
        return BASE
    system = tmp_path_factory.mktemp("base") / "system"
    targets = run(
        "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Component: main"
    )
    run("debootstrap", "--variant=minbase", "trixie", str(system), targets.splitlines()[0])
    container = run("buildah", "from", "scratch")
    run("buildah", "add", container, str(system), "/")
    run("buildah", "commit", "--rm", container, BASE)
    shutil.rmtree(system)
    return BASE


@pytest.fixture(scope="session")
def image(base, tmp_path_factory):
    """Return a directory with the image's `root` and `config.json`."""
    directory = tmp_path_factory.mktemp("image")
    script = CHECKOUT / "worker-image" / "build-image.sh"
    environment = os.environ | {"BUILDER": "buildah", "PYTHON": sys.executable}
    # Without fortio: what builds it takes longer to fetch than all of the rest to build.
    options = ("--build-arg", f"BASE={base}", "--build-arg", "FORTIO_VERSION=")
    run("sh", str(script), IMAGE, *options, env=environment)
    inspected = json.loads(run("buildah", "inspect", "--type", "image", IMAGE))
    (directory / "config.json").write_text(json.dumps(inspected["OCIv1"]["config"]))
    container = run("buildah", "from", IMAGE)
    (directory / "root").symlink_to(run("buildah", "mount", container))
    yield directory
    run("buildah", "rm", container)
    run("buildah", "rmi", IMAGE)


@pytest.fixture(scope="session")
def launcher(image):
    """Return the command line that runs the image's program."""
    return (sys.executable, str(LAUNCH), str(image))
