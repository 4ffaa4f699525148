"""Which program an image reference means, and what a pod spec may add to it."""

from __future__ import annotations

import pytest

from netcadence.embedded.images import (
    ContainerRefusedError,
    Image,
    ImageUnknownError,
    command_line,
    find_image,
    repository,
)

WORKER = Image(argv=("worker", "--serve"))
SHELL = Image(argv=("sh",), allow_command=True)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("netcadence-worker", "netcadence-worker"),
        ("netcadence-worker:0.1", "netcadence-worker"),
        ("registry.test:5000/team/netcadence-worker", "registry.test:5000/team/netcadence-worker"),
        ("registry.test:5000/team/netcadence-worker:0.1", "registry.test:5000/team/netcadence-worker"),
        ("netcadence-worker:0.1@sha256:00ff", "netcadence-worker"),
    ],
)
def test_a_repository_has_neither_tag_nor_digest(reference, expected):
    assert repository(reference) == expected


@pytest.mark.parametrize(
    "reference", ["worker", "worker:1", "registry.test:5000/worker:1", "registry.test/team/worker@sha256:00"]
)
def test_an_image_is_known_with_or_without_registry_and_tag(reference):
    assert find_image({"worker": WORKER}, reference) is WORKER


def test_the_longest_fitting_name_wins():
    images = {"worker": SHELL, "team/worker": WORKER}
    assert find_image(images, "registry.test/team/worker:2") is WORKER


def test_a_name_that_only_ends_alike_is_another_image():
    with pytest.raises(ImageUnknownError, match=r'"my-worker:1" is not known.*known images: worker'):
        find_image({"worker": WORKER}, "my-worker:1")


def test_a_container_runs_the_images_entry_point():
    assert command_line(WORKER, {"image": "worker"}) == ("worker", "--serve")


@pytest.mark.parametrize("field", ["command", "args"])
def test_a_command_out_of_a_pod_spec_is_refused(field):
    with pytest.raises(ContainerRefusedError, match='"worker" does not take'):
        command_line(WORKER, {"image": "worker", field: ["rm", "-rf", "/"]})


def test_an_image_that_names_its_arguments_takes_those_as_a_whole_and_no_others():
    image = Image(
        argv=("python", "-m"), arguments=(("prefect", "flow-run", "execute"), ("prefect", "version"))
    )
    found = command_line(image, {"args": ["prefect", "version"]})
    assert found == ("python", "-m", "prefect", "version")
    for given in ({"args": ["prefect"]}, {}, {"command": ["prefect"], "args": ["version"]}):
        with pytest.raises(
            ContainerRefusedError, match=r'image "flows" (takes the arguments prefect flow|does not)'
        ):
            command_line(image, {"image": "flows", **given})


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PYTHONPATH", "PATH", "NETCADENCE_SERVICE_ACCOUNT"])
def test_a_variable_that_steers_which_program_runs_is_refused(name):
    with pytest.raises(ContainerRefusedError, match=name):
        command_line(WORKER, {"image": "worker", "env": [{"name": name, "value": "x"}]})


def test_an_image_that_allows_commands_takes_them_as_kubernetes_does():
    assert command_line(SHELL, {"args": ["-c", "true"]}) == ("sh", "-c", "true")
    assert command_line(SHELL, {"command": ["env"], "args": ["-0"]}) == ("env", "-0")
