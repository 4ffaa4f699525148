"""The image, built here by buildah on a base that debootstrap makes: no registry is asked for anything.

They take a minute, and some more where there is no base yet; where there is no builder they are skipped.
`make test-image IMAGE=…` tests one that is there instead, as it is.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows.environment import CHECKOUT
from netcadence_worker.contract import Tool

LAUNCH = Path(__file__).with_name("launch.py")
BASE, IMAGE = "localhost/netcadence-test-base:13", "localhost/netcadence-worker:test"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "netcadence" / "image-tests"
NEEDED = ("buildah", "debootstrap", "runc")
#: What to test instead of building: an image that buildah finds, by name or as docker-daemon:NAME:TAG.
GIVEN = os.environ.get("NETCADENCE_TEST_IMAGE", "")


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
    """Point buildah to a storage of these tests' own, or leave it where the image is that was named."""
    if reason := why_not():
        pytest.skip(reason)
    if GIVEN:
        yield
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    settings = CACHE / "storage.conf"
    settings.write_text(f'[storage]\ndriver = "vfs"\ngraphroot = "{CACHE}/graph"\nrunroot = "{CACHE}/run"\n')
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONTAINERS_STORAGE_CONF", str(settings))
        patch.setenv("BUILDAH_ISOLATION", "chroot")
        yield


@pytest.fixture(scope="session")
def based(storage, tmp_path_factory):
    """Return what makes a base image of Debian with more packages, unless it is there already."""
    del storage

    def based(name, *packages):
        there = subprocess.run(
            ["buildah", "inspect", "--type", "image", name], capture_output=True, check=False
        )
        if there.returncode == 0:
            return name
        system = tmp_path_factory.mktemp("base") / "system"
        targets = run(
            "apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Component: main"
        )
        more = [f"--include={','.join(packages)}"] if packages else []
        run("debootstrap", "--variant=minbase", *more, "trixie", str(system), targets.splitlines()[0])
        container = run("buildah", "from", "scratch")
        run("buildah", "add", container, str(system), "/")
        run("buildah", "commit", "--rm", container, name)
        shutil.rmtree(system)
        return name

    return based


@pytest.fixture(scope="session")
def name(storage, request):
    """Return the image's name."""
    del storage
    if GIVEN:
        yield GIVEN
        return
    base = request.getfixturevalue("based")(BASE)
    script = CHECKOUT / "worker-image" / "build-image.sh"
    environment = os.environ | {"BUILDER": "buildah", "PYTHON": sys.executable}
    # Without fortio: what builds it takes longer to fetch than all of the rest to build.
    options = ("--build-arg", f"BASE={base}", "--build-arg", "FORTIO_VERSION=")
    run("sh", str(script), IMAGE, *options, env=environment)
    yield IMAGE
    run("buildah", "rmi", IMAGE)


@contextlib.contextmanager
def laid_out(name, directory, **more):
    """Have an image's `root` and `config.json` in a directory, and in the image more programs, by name."""
    container = run("buildah", "from", "--pull-never", name)
    try:
        inspected = json.loads(run("buildah", "inspect", container))
        (directory / "config.json").write_text(json.dumps(inspected["OCIv1"]["config"]))
        for program, path in more.items():
            run("buildah", "copy", container, path, f"/usr/local/bin/{program}")
        (directory / "root").symlink_to(run("buildah", "mount", container))
        yield directory
    finally:
        run("buildah", "rm", container)


@pytest.fixture(scope="session")
def image(name, tmp_path_factory):
    """Return a directory with the image's `root` and `config.json`."""
    # This machine's fortio, which is built likewise, in the place of the image's own.
    fortio = None if GIVEN else shutil.which("fortio")
    with laid_out(name, tmp_path_factory.mktemp("image"), **({"fortio": fortio} if fortio else {})) as image:
        yield image


@pytest.fixture(scope="session")
def tools(image):
    """Return the names of the tools that are in it; fortio is where the machine has it."""
    places = ("usr/bin", "usr/local/bin")
    return {each for each in Tool if any((image / "root" / place / each).exists() for place in places)}


@pytest.fixture(scope="session")
def launcher(image):
    """Return the command line that runs the image's program."""
    return (sys.executable, str(LAUNCH), str(image))
