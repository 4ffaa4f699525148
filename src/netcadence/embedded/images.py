"""Images: names of programs that are installed on this machine already.

A real node pulls an image and runs what is in it. An embedded node runs a program that whoever started the
cluster has named, and nothing else: a pod spec chooses among them and never brings a command of its own,
unless that image allows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

#: Variables by which a pod spec could make an allowed program load or run something else.
_STEERING_PREFIXES: Final = ("LD_", "PYTHON", "GCONV_", "GLIBC_", "OPENSSL_", "SSL_", "BASH_", "PERL")
_STEERING_NAMES: Final = frozenset({"PATH", "HOME", "ENV", "IFS", "SHELLOPTS", "NETCADENCE_SERVICE_ACCOUNT"})

#: The length of an entry point that is a Python package: `python -m package`.
_PRELOADABLE: Final = 3


class ImageUnknownError(Exception):
    """No image of this cluster goes by that name; the text lists those that do."""


class ContainerRefusedError(Exception):
    """The pod spec asks for something that this image, or an embedded node, does not allow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A program that pods may run.

    Attributes:
        argv: The entry point, an argument list.
        environment: Variables that every container of this image gets.
        allow_command: Whether a pod spec may bring `command`, `args` and any environment variable. Whoever
            may create pods can then run anything as the user who started the cluster.
        allow_arguments: Whether a pod spec may bring `args`; the program has to be one that nothing in its
            arguments can turn into another.
        arguments: Where there are any, the lists of `args` of which a pod spec has to bring one as it is.
        preloaded: Whether pods are forked from one process that has imported all of the program already,
            instead of importing it each. `argv` is then `python -m` and a package with a `__main__`.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    allow_command: bool = False
    allow_arguments: bool = False
    arguments: tuple[tuple[str, ...], ...] = ()
    preloaded: bool = False

    def __post_init__(self) -> None:
        if self.preloaded and (len(self.argv) != _PRELOADABLE or self.argv[1] != "-m"):
            raise ValueError(f"argv: {self.argv} cannot be preloaded: python, -m and a package can")


def repository(reference: str) -> str:
    """Return a reference without tag and digest: `r.example:5000/b:1@sha256:…` is `r.example:5000/b`."""
    name = reference.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return head + slash + last.partition(":")[0]


def find_image(images: Mapping[str, Image], reference: str) -> Image:
    """Return the image that a reference means: the longest known name that ends its repository's path.

    Raises:
        ImageUnknownError: No known name fits.
    """
    path = "/" + repository(reference)
    fitting = [name for name in images if path.endswith("/" + repository(name))]
    if not fitting:
        known = ", ".join(sorted(images)) or "none"
        raise ImageUnknownError(
            f'image "{reference}" is not known to this embedded cluster; known images: {known}'
        )
    return images[max(fitting, key=len)]


def command_line(image: Image, container: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the argument list of a container.

    Raises:
        ContainerRefusedError: The spec brings a command, arguments or variables that the image refuses.
    """
    command, arguments = container.get("command") or [], tuple(container.get("args") or [])
    if image.allow_command:
        return (*command, *arguments) if command else image.argv + arguments
    if image.arguments and not command and arguments not in image.arguments:
        choices = " or ".join(map(" ".join, image.arguments))
        raise ContainerRefusedError(
            f'image "{container.get("image")}" takes the arguments {choices}, no others'
        )
    if command or (arguments and not image.allow_arguments and not image.arguments):
        given = "a command" if command else "arguments"
        raise ContainerRefusedError(f'image "{container.get("image")}" does not take {given} from a pod spec')
    for variable in container.get("env") or []:
        name = variable.get("name", "")
        if name in _STEERING_NAMES or name.startswith(_STEERING_PREFIXES):
            raise ContainerRefusedError(
                f'image "{container.get("image")}" does not take the variable {name} from a pod spec: '
                "it can change which program runs"
            )
    return image.argv + arguments
